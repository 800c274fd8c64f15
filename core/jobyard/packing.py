"""Bodies that many callers are sent: encoded once, compressed once, named once."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from hashlib import blake2b

import anyio
from attrs import define, field

from jobyard.coding import Coding, encoded

Encode = Callable[[Coding, bytes], Awaitable[bytes]]


@define(eq=False)
class Packed:
    """Hold a body, and its forms in content codings from when somebody asked for them."""

    body: bytes = field(repr=False)
    _coded: dict[Coding, bytes] = field(factory=dict, init=False, repr=False)
    _digest: str | None = field(default=None, init=False, repr=False)
    _lock: anyio.Lock = field(factory=anyio.Lock, init=False, repr=False)

    @property
    def digest(self) -> str:
        """Give what names the body among all bodies."""
        if self._digest is None:
            self._digest = blake2b(self.body, digest_size=12).hexdigest()
        return self._digest

    async def coded(self, coding: Coding, encode: Encode = encoded) -> bytes:
        """Give the body in a coding; of many who ask at once, one has it made."""
        known = self._coded.get(coding)
        if known is None:
            async with self._lock:
                known = self._coded.get(coding)
                if known is None:
                    known = self._coded[coding] = await encode(coding, self.body)
        return known


@define(eq=False)
class Forms:
    """Hold the bodies that are made of one answer, each under what it depends on beside.

    ``most`` of them are kept, and none of more than ``largest`` bytes; the others are made anew.
    """

    most: int = 64
    largest: int = sys.maxsize
    _made: dict[str | None, Packed] = field(factory=dict, init=False, repr=False)

    def get(self, key: str | None, encode: Callable[[], bytes]) -> Packed:
        """Give a body, made when it is first wanted."""
        known = self._made.get(key)
        if known is None:
            known = Packed(encode())
            if len(self._made) < self.most and len(known.body) <= self.largest:
                self._made[key] = known
        return known
