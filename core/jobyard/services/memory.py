"""What a backend said last: asked once for all who want to know, and kept for a while.

An answer is fresh for ``max_age`` seconds, unless this gateway has changed something meanwhile.
While the backend does not answer, what it said last is given for ``stale_for`` seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

import anyio
from attrs import define, field, frozen

from jobyard.clock import Clock
from jobyard.errors import NotFound, UnknownError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_NEVER: Final = -1


class Changes:
    """Count what this gateway has changed in the cluster: what was read before it is old."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """Say that something changed."""
        self.count += 1


@frozen
class Recalled(Generic[V]):
    """Be an answer; ``stale`` when the backend does not give a new one."""

    value: V
    stale: bool = False


@define(eq=False)
class _Kept(Generic[V]):
    """Be what is known: when it was asked and told, in monotonic seconds, and after which change."""

    value: V
    asked_at: float
    told_at: float
    change: int


@define(eq=False)
class _Turn:
    """Let one ask for all who want the same; ``waiting`` counts them."""

    lock: anyio.Lock = field(factory=anyio.Lock)
    waiting: int = 0


class Memory(Generic[K, V]):
    """Remember answers by what was asked; the ``most`` newest of them.

    ``max_age`` and ``stale_for`` are in seconds; 0 switches either off. Those who ask for the same
    at once share one question, also where nothing is kept.
    """

    def __init__(
        self, clock: Clock, changes: Changes, *, max_age: float, stale_for: float, most: int = 1
    ) -> None:
        self._clock = clock
        self._changes = changes
        self._max_age = max_age
        self._stale_for = stale_for
        self._most = most
        self._kept: dict[K, _Kept[V]] = {}
        self._turns: dict[K, _Turn] = {}

    def fresh(self, key: K) -> V | None:
        """Give what is fresh enough to be told without a question, if there is such."""
        kept = self._kept.get(key)
        if kept is None or kept.change != self._changes.count:
            return None
        return kept.value if self._clock.monotonic() - kept.told_at < self._max_age else None

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> Recalled[V]:
        """Give an answer that is fresh, or the last one where there is none to be had.

        Raises:
            NotFound: The backend knows nothing of it; nor is anything remembered from then on.
            UnknownError: It does not answer, and nothing fresh enough is remembered.
        """
        try:
            return Recalled(await self.sure(key, ask))
        except UnknownError:
            kept = self._kept.get(key)
            if kept is None or self._clock.monotonic() - kept.told_at > self._stale_for:
                raise
            return Recalled(kept.value, stale=True)

    async def sure(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """Give an answer that is fresh, and nothing else.

        Raises:
            NotFound: As :meth:`get`.
            UnknownError: The backend does not answer.
        """
        value = self.fresh(key)
        return value if value is not None else await self._in_turn(key, ask)

    def forget(self, gone: Callable[[K, V], bool]) -> None:
        """Forget what holds no more."""
        for key in [key for key, kept in self._kept.items() if gone(key, kept.value)]:
            del self._kept[key]

    def doubt(self, old: Callable[[K, V], bool]) -> None:
        """Keep, only for when the backend does not answer, what is known to be old."""
        for key, kept in self._kept.items():
            if old(key, kept.value):
                kept.change = _NEVER

    async def _in_turn(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        wanted_at = self._clock.monotonic()
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                value = self._asked_since(wanted_at, key)
                return value if value is not None else await self._ask(key, ask)
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[key]

    def _asked_since(self, moment: float, key: K) -> V | None:
        """Give what was asked for another, but after this one wanted to know."""
        kept = self._kept.get(key)
        if kept is not None and kept.change == self._changes.count and kept.asked_at > moment:
            return kept.value
        return self.fresh(key)

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        change, asked_at = self._changes.count, self._clock.monotonic()
        try:
            value = await ask()
        except NotFound:
            self._kept.pop(key, None)
            raise
        self._kept.pop(key, None)
        while len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Kept(value, asked_at, self._clock.monotonic(), change)
        return value
