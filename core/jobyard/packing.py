"""Bodies that many callers are sent: encoded once, compressed once, named once."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from hashlib import blake2b
from typing import Generic, TypeVar

import anyio
from attrs import define, field

from jobyard.coding import Coding, encoded

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

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
class Forms(Generic[K, T]):
    """Hold what is made of one answer, each under what it depends on beside.

    ``most`` of them are kept, of ``room`` bytes together by their ``size``; the others are made
    anew.
    """

    most: int = 64
    room: int = sys.maxsize
    size: Callable[[T], int] = field(default=lambda _: 0)
    _made: dict[K, T] = field(factory=dict, init=False, repr=False)

    def known(self, key: K) -> T | None:
        """Give what was made, if it is kept."""
        return self._made.get(key)

    def keep(self, key: K, made: T) -> T:
        """Keep what was made, where there is room, and give it."""
        size = self.size(made)
        if len(self._made) < self.most and size <= self.room:
            self._made[key] = made
            self.room -= size
        return made

    def get(self, key: K, make: Callable[[], T]) -> T:
        """Give what is kept, or what is made now."""
        known = self._made.get(key)
        return self.keep(key, make()) if known is None else known


@define(eq=False)
class Shelf(Generic[K, T]):
    """Hold what was used last, ``room`` bytes of it together by its ``size``.

    Each was made of some value; it is made anew when its value is another.
    """

    room: int
    size: Callable[[T], int]
    _used: int = field(default=0, init=False)
    _held: OrderedDict[K, tuple[object, T]] = field(factory=OrderedDict, init=False, repr=False)

    def get(self, key: K, value: object, make: Callable[[], T]) -> T:
        """Give what was made of this very value, or make it."""
        known = self._held.get(key)
        if known is not None:
            if known[0] is value:
                self._held.move_to_end(key)
                return known[1]
            self._drop(key)
        made = make()
        self._held[key] = (value, made)
        self._used += self.size(made)
        while self._used > self.room:
            self._drop(next(iter(self._held)))
        return made

    def _drop(self, key: K) -> None:
        self._used -= self.size(self._held.pop(key)[1])
