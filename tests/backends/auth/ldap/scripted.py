"""A small server that answers as a test says, for what no real directory would do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import SocketAttribute, SocketStream
from attrs import frozen

from tests import ber

BIND: Final = 0x60
SEARCH: Final = 0x63
BOUND: Final = 0x61
DONE: Final = 0x65
REFERENCE: Final = 0x73


@frozen
class Request:
    """Be what a client asked: the number of its message, and the operation."""

    number: int
    operation: ber.Piece

    @property
    def base(self) -> str:
        """Give where a search begins."""
        return self.operation.pieces[0].content.decode()


Answers = Callable[[Request], bytes]


class Last(bytes):
    """Be an answer behind which the connection is closed."""


def usual(request: Request, *entries: bytes) -> bytes:
    """Answer what a directory would: every bind is good, and a search finds the entries."""
    if request.operation.tag == BIND:
        return ber.result(request.number, BOUND, 0)
    if request.operation.tag == SEARCH and not request.base:
        return ber.entry(request.number, "") + ber.result(request.number, DONE, 0)
    return b"".join(entries) + ber.result(request.number, DONE, 0)


def somebody(request: Request, name: str = "alice") -> bytes:
    """Be the entry of a user."""
    attributes = [("uid", name), ("objectClass", "person")]
    return ber.entry(request.number, f"uid={name},dc=example,dc=org", attributes)


@asynccontextmanager
async def scripted(answers: Answers) -> AsyncIterator[dict[str, object]]:
    """Serve on a free port, and give settings that lead there."""

    async def serve(client: SocketStream) -> None:
        async with client:
            buffer = b""
            try:
                async for piece in client:
                    buffer += piece
                    while (whole := _whole(buffer)) is not None:
                        buffer = buffer[len(whole) :]
                        answer = answers(_request(whole))
                        await client.send(answer)
                        if isinstance(answer, Last):
                            return
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield {
            "preset": "openldap",
            "urls": [f"ldap://127.0.0.1:{port}"],
            "tls": "none",
            "allow-plaintext": True,
            "base-dn": "dc=example,dc=org",
            "connect-timeout": 0.5,
            "receive-timeout": 0.5,
            "total-timeout": 1.5,
        }
        group.cancel_scope.cancel()


def _whole(buffer: bytes) -> bytes | None:
    try:
        first = next(ber.read(buffer), None)
    except (AssertionError, IndexError):
        first = None
        if len(buffer) > 1 and buffer[1] < 0x80 and len(buffer) >= buffer[1] + 2:
            return buffer[: buffer[1] + 2]
    if first is None:
        return None
    header = 2 if buffer[1] < 0x80 else 2 + (buffer[1] & 0x7F)
    return buffer[: header + len(first.content)]


def _request(whole: bytes) -> Request:
    (message,) = ber.read(whole)
    number, operation = message.pieces[:2]
    return Request(number.number, operation)
