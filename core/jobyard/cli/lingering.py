"""Close a connection so that the answer arrives, also when its request was not read to the end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

LINGER: Final = 2.0
"""Seconds in which what a client still sends after its answer is read and dropped."""


class LingeringTransport(asyncio.Transport):
    """Pass everything on to a connection's transport, but do not close it into a body that comes.

    A socket that is closed with unread bytes is reset, and the reset overtakes the answer: a
    proxy that sends an upload while the gateway redirects it would report a bad gateway. So the
    first ``close()`` ends the answer alone where ``unread()`` tells that more of the request is
    to come. The protocol then has to drop what it gets, which :meth:`is_closing` tells it.
    """

    def __init__(self, transport: asyncio.Transport, unread: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._unread = unread
        self._lingers = False

    def close(self) -> None:
        """Close, at once or after :data:`LINGER` seconds; the second call closes at once."""
        if self.is_closing() or not self._unread():
            self._transport.close()
            return
        self._lingers = True
        if self._transport.can_write_eof():
            self._transport.write_eof()
        if not self._transport.is_reading():
            self._transport.resume_reading()
        asyncio.get_running_loop().call_later(LINGER, self._transport.close)

    def is_closing(self) -> bool:
        """Tell whether the protocol's part is over."""
        return self._lingers or self._transport.is_closing()

    def abort(self) -> None:
        """Pass it on."""
        self._transport.abort()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Pass it on."""
        return self._transport.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Pass it on."""
        self._transport.write(data)

    def is_reading(self) -> bool:
        """Pass it on."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Pass it on."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Pass it on."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Pass it on."""
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Pass it on."""
        return self._transport.get_protocol()
