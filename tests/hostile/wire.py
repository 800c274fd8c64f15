"""Bytes on a connection, and the answers to them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import field, frozen

PATIENCE: Final = 60.0
"""Seconds in which the server does something, whatever else the machine does."""


@frozen
class Reply:
    """Be one answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=lambda body: repr(body[:300]))

    @property
    def code(self) -> str:
        """Give the code of what has to be an error in the contract's form."""
        assert self.headers["content-type"].startswith("application/json"), self
        document = json.loads(self.body)
        assert document.keys() == {"code", "message"}, self
        return str(document["code"])


@frozen
class Line:
    """Be one connection."""

    socket: socket.socket

    def send(self, *parts: bytes) -> None:
        """Send some bytes; the server may not break off meanwhile."""
        for part in parts:
            self.socket.sendall(part)

    def replies(self) -> Iterator[Reply]:
        """Read answers until the server closes; a reset, or half an answer, is an error."""
        with self.socket.makefile("rb") as file:
            while line := file.readline():
                version, status, _ = line.split(b" ", 2)
                assert version == b"HTTP/1.1", line
                headers: dict[str, str] = {}
                for each in iter(file.readline, b"\r\n"):
                    assert each.endswith(b"\r\n"), each
                    name, _, value = each.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                size = int(headers.get("content-length", "0"))
                body = file.read(size)
                assert len(body) == size, body
                yield Reply(int(status), headers, body)

    def reply(self) -> Reply:
        """Read the next answer."""
        return next(self.replies())

    def last(self) -> Reply:
        """Read the only answer; then leave, which has to end the connection without a reset."""
        answers = self.replies()
        reply = next(answers)
        self.socket.shutdown(socket.SHUT_WR)
        assert list(answers) == []
        return reply


@contextmanager
def line(address: tuple[str, int], *, receives: int | None = None) -> Iterator[Line]:
    """Open a connection; ``receives`` bytes are what its own side keeps unread."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.settimeout(PATIENCE)
        if receives is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        made.connect(address)
        yield Line(made)


def head(method: str, target: str, *lines: str) -> bytes:
    """Write the head of a request."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode(
        "latin-1"
    )


def chunked(*chunks: bytes) -> bytes:
    """Write a body in chunks, with its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (*chunks, b""))
