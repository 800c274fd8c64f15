"""An answer that is there as a whole, sent with one write.

uvicorn writes a head and a body apart, looks at each header by itself and counts the body's bytes:
a fifth of what a small answer costs. What follows does for such an answer what uvicorn's ``send``
does, and leaves whatever is out of the ordinary to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attrs import frozen
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

SMALL: Final = 65_536
"""Bytes of a body above which a copy of it costs more than a second write."""

_ILLEGAL_NAME: Final = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
_ILLEGAL_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What a field must not hold (RFC 9110, section 5), lest it be taken for two."""


@frozen
class WholeAnswer:
    """Answer one request at once; ``cycle`` is uvicorn's state of it."""

    cycle: RequestResponseCycle

    def __call__(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send an answer; ``False`` where nothing was sent, and ``send`` has to do it.

        The headers hold the body's length, or there is no body; their names are in small letters.
        """
        cycle = self.cycle
        if not self._ordinary(headers, body):
            return False
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(b"".join(parts))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _ordinary(self, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        cycle = self.cycle
        if not cycle.keep_alive or cycle.disconnected or cycle.response_started:
            return False
        if cycle.flow.write_paused or len(body) > SMALL:
            return False
        names = b"".join([name for name, _ in headers])
        if _ILLEGAL_NAME.search(names) or b"connection" in names:
            return False
        return _ILLEGAL_VALUE.search(b"".join([value for _, value in headers])) is None
