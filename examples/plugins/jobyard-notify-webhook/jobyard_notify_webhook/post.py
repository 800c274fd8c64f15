"""One POST, with nothing but the standard library; blocks, and ends within its timeout."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from threading import Timer
from typing import Final
from urllib.parse import urlsplit

_GOOD: Final = range(200, 300)


class NotDelivered(Exception):  # noqa: N818 - what its raiser says
    """Report that an event did not arrive; ``status`` is the answer, where there was one.

    The message names neither the URL, which may hold a secret, nor what the receiver said.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> None:
    """Send a body, whole, within ``timeout`` seconds.

    Raises:
        NotDelivered: The answer was not 2xx, or did not come.
    """
    ends = time.monotonic() + timeout
    parts = urlsplit(url)
    target = parts.path or "/"
    if parts.query:
        target = f"{target}?{parts.query}"
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, timeout)
    try:
        connection.connect()
        # What sends a byte now and then is not slow enough for the socket's own timeout.
        deadline = Timer(max(0.0, ends - time.monotonic()), _break, [connection.sock])
        deadline.daemon = True
        deadline.start()
        try:
            connection.request("POST", target, body, dict(headers))
            status = connection.getresponse().status
        finally:
            deadline.cancel()
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if status not in _GOOD:
        raise NotDelivered(f"the answer was {status}", status)


def _connection(
    scheme: str, host: str, port: int | None, timeout: float
) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _break(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed a moment ago
