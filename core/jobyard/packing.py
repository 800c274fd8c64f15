"""Bodies that many callers are sent: encoded once, and compressed once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from attrs import define, field

Compress = Callable[[bytes], Awaitable[bytes]]


@define(eq=False)
class Packed:
    """Hold a body, and its compressed form from when somebody asked for it."""

    body: bytes = field(repr=False)
    _gzip: bytes | None = field(default=None, init=False, repr=False)
    _lock: anyio.Lock = field(factory=anyio.Lock, init=False, repr=False)

    async def gzip(self, compress: Compress) -> bytes:
        """Give the compressed body; of many who ask at once, one has it made."""
        if self._gzip is None:
            async with self._lock:
                if self._gzip is None:
                    self._gzip = await compress(self.body)
        return self._gzip
