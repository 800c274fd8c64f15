"""The protocol on httptools, which is an extra."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jobyard.cli.lingering import LingeringTransport
from jobyard.cli.refusal import LARGEST_READ, refusal, refuse, too_large


class FastProtocol(HttpToolsProtocol):
    """Speak HTTP with httptools, which has no bound of its own."""

    _refused = False
    _in_head = False
    _heads = 0
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin a connection, which is closed without a reset."""
        super().connection_made(LingeringTransport(transport, self._unread))

    def data_received(self, data: bytes) -> None:
        """Read some bytes, or drop them after a refusal or the last answer.

        A head that does not end is refused.
        """
        if self._refused or self.transport.is_closing():
            return
        heads = self._heads
        super().data_received(data)
        # What the chunk holds of another message is not counted.
        self._size = self._size + len(data) if self._in_head and heads == self._heads else 0
        if self._size > LARGEST_READ and not self._refused:
            self._refuse(too_large())

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer; what comes now is a body."""
        self._in_head = False
        self._heads += 1
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no request."""
        self._refuse(refusal(HTTPStatus.BAD_REQUEST, msg))

    def _refuse(self, answer: bytes) -> None:
        self._refused = True
        refuse(self.transport, answer)

    def _unread(self) -> bool:
        # Before the first request there is no cycle, whatever uvicorn's annotation says.
        return bool(getattr(self.cycle, "more_body", False))
