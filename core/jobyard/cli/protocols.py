"""HTTP as uvicorn reads it, with bounds, and refusals in the contract's form.

The head of a request is read up to :data:`~jobyard.cli.refusal.LARGEST_READ`, so that :mod:`jobyard.front` can refuse
one that is too large with its own words; beyond that the connection itself refuses, with 431.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from jobyard.cli.lingering import LingeringTransport
from jobyard.cli.refusal import LARGEST_READ, refusal, refuse, too_large


def http_protocol() -> type[asyncio.Protocol]:
    """Give the protocol on httptools where it is installed, else the one on h11."""
    try:
        from jobyard.cli.fast_protocol import FastProtocol  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        return PlainProtocol
    return FastProtocol


class _Strict(h11.Connection):
    """Read requests, but none whose end a proxy may have seen elsewhere.

    h11 lets ``Transfer-Encoding`` win over ``Content-Length``, as the standard allows; what follows
    would be one request for us, and for such a proxy a part of the body.
    """

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        """Give the next event.

        Raises:
            RemoteProtocolError: The bytes are no request that is read here.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                message = "both Content-Length and Transfer-Encoding"
                raise h11.RemoteProtocolError(message)
        return event


class PlainProtocol(H11Protocol):
    """Speak HTTP with h11."""

    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin a connection, which is closed without a reset."""
        self.conn = _Strict(h11.SERVER, LARGEST_READ)
        super().connection_made(LingeringTransport(transport, self._unread))

    def data_received(self, data: bytes) -> None:
        """Read some bytes, or drop them after a refusal or the last answer."""
        if not self._refused and not self.transport.is_closing():
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no request, or a head without an end."""
        self._refused = True
        large = len(self.conn.trailing_data[0]) > LARGEST_READ
        refuse(self.transport, too_large() if large else refusal(HTTPStatus.BAD_REQUEST, msg))

    def _unread(self) -> bool:
        # Before the first request there is no cycle, whatever uvicorn's annotation says.
        return bool(getattr(self.cycle, "more_body", False))
