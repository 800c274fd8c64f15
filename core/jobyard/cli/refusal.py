"""Refuse on a connection what never became a request, in the contract's form."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import orjson

from jobyard.cli.lingering import LINGER
from jobyard.front import LARGEST_HEAD

LARGEST_READ: Final = 256 * 1024
"""Bytes of a head that are read at most."""


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


def line_too_large() -> bytes:
    """Write the refusal of a request line that is larger than what is read."""
    message = f"The request line is larger than {LARGEST_HEAD} bytes."
    return refusal(HTTPStatus.REQUEST_URI_TOO_LONG, message)
