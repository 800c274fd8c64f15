"""The protocol on httptools, which is an extra."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from jobyard.cli.lingering import LingeringTransport
from jobyard.cli.refusal import (
    LARGEST_READ,
    line_too_large,
    refusal,
    refuse,
    too_large,
)
from jobyard.cli.whole_answer import WholeAnswer
from jobyard.streaming import WHOLE_ANSWER

LONGEST_URL: Final = 65_535
"""Bytes of a URL that httptools takes apart."""


class FastProtocol(HttpToolsProtocol):
    """Speak HTTP with httptools, which has no bound of its own."""

    _refused = False
    _in_body = False
    _heads = 0
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin a connection, which is closed without a reset."""
        super().connection_made(LingeringTransport(transport, self._unread))

    def data_received(self, data: bytes) -> None:
        """Read some bytes, or drop them after a refusal or the last answer.

        A head that does not end is refused, and so are empty lines before one without an end.
        """
        if self._refused or self.transport.is_closing():
            return
        heads = self._heads
        super().data_received(data)
        # What the chunk holds of another message is not counted.
        whole = not self._in_body and heads == self._heads
        self._size = self._size + len(data) if whole else 0
        if self._size > LARGEST_READ and not self._refused:
            self._refuse(too_large())

    def on_headers_complete(self) -> None:
        """Begin to answer; what comes now is a body.

        Raises:
            ValueError: Its end is told in a way that a proxy may understand otherwise.
        """
        self._in_body = True
        self._heads += 1
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if [each.lower() for each in codings] not in ([], [b"chunked"]):
            message = "no other coding of a transfer than chunked is read"
            raise ValueError(message)
        super().on_headers_complete()
        if self.cycle.scope is self.scope:  # its task has not begun yet
            self.scope["extensions"] = {WHOLE_ANSWER: {"send": WholeAnswer(self.cycle)}}

    def on_message_complete(self) -> None:
        """End a request; what comes now is a head."""
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no request, or a request line that the parser does not take."""
        large = len(getattr(self, "url", b"")) > LONGEST_URL
        self._refuse(line_too_large() if large else refusal(HTTPStatus.BAD_REQUEST, msg))

    def _refuse(self, answer: bytes) -> None:
        self._refused = True
        refuse(self.transport, answer)

    def _unread(self) -> bool:
        # Before the first request there is no cycle, whatever uvicorn's annotation says.
        return bool(getattr(self.cycle, "more_body", False))
