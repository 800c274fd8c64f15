"""HTTP as uvicorn reads it, with bounds, and refusals in the contract's form.

The head of a request is read up to :data:`LARGEST_READ`, so that :mod:`jobyard.front` can refuse
one that is too large with its own words; beyond that the connection itself refuses, with 431.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import orjson
from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_READ: Final = 256 * 1024
"""Bytes of a head that are read at most."""

LINGER: Final = 2.0
"""Seconds in which what a refused client still sends is read and dropped."""


def http_protocol() -> type[asyncio.Protocol]:
    """Give the protocol on httptools where it is installed, else the one on h11."""
    try:
        from jobyard.cli.fast_protocol import FastProtocol  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return PlainProtocol
    return FastProtocol


def refusal(status: HTTPStatus, message: str) -> bytes:
    """Write a whole answer that refuses what never became a request."""
    body = orjson.dumps({"code": "InvalidParametersError", "message": message})
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "content-type: application/json; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode() + body


def refuse(transport: asyncio.Transport, answer: bytes) -> None:
    """Send a refusal, and close once it can have been read: closing at once would be a reset."""
    transport.write(answer)
    asyncio.get_running_loop().call_later(LINGER, transport.close)


def too_large() -> bytes:
    """Write the refusal of a head that is larger than what is read."""
    message = f"The request's head is larger than {LARGEST_READ} bytes."
    return refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)


class PlainProtocol(H11Protocol):
    """Speak HTTP with h11."""

    _refused = False

    def data_received(self, data: bytes) -> None:
        """Read some bytes, or drop them after a refusal."""
        if not self._refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no request, or a head without an end."""
        self._refused = True
        large = len(self.conn.trailing_data[0]) > LARGEST_READ
        refuse(self.transport, too_large() if large else refusal(HTTPStatus.BAD_REQUEST, msg))
