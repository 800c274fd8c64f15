"""Whether every backend answers now (contract, section 6, N)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

import anyio
from attrs import frozen

from jobyard.clock import Clock
from jobyard.errors import JobyardError, Unavailable
from jobyard.resilience import Health, request_deadline

B_co = TypeVar("B_co", covariant=True)
T = TypeVar("T")

PING_TIMEOUT: Final = 2.0
"""Seconds that a backend has to answer: who decides about traffic asks every few of them."""
MAX_AGE: Final = 0.5
"""Seconds for which one look serves everybody: the route is public, and a ping costs a call."""


class Pingable(Protocol):
    """Tell whether it could work now; every seam's backends do, and the database."""

    async def ping(self) -> None:
        """Return if it could; raise ``Unavailable`` if not."""
        ...


class Watched(Protocol[B_co]):
    """Be what :class:`~jobyard.resilience.Guarded` is to those who only look."""

    @property
    def name(self) -> str:
        """Give the name that people read, such as ``scheduling.local``."""
        ...

    @property
    def health(self) -> Health:
        """Tell how the last call went."""
        ...

    async def attempt(self, operation: str, work: Callable[[B_co], Awaitable[T]]) -> T:
        """Call the backend, letting ``Unavailable`` through as it is."""
        ...


@frozen
class _Look:
    at: float
    found: tuple[Health, ...]


class Readiness:
    """Ask all backends at once whether they answer.

    ``timeout`` bounds the whole of it, in seconds.
    """

    def __init__(
        self,
        backends: Sequence[Watched[Pingable]],
        clock: Clock,
        *,
        timeout: float = PING_TIMEOUT,
    ) -> None:
        self._backends = tuple(backends)
        self._clock = clock
        self._timeout = timeout
        self._looking = anyio.Lock()
        self._last: _Look | None = None

    async def look(self) -> tuple[Health, ...]:
        """Give the health of every backend, in their order; who asks at once shares one look."""
        async with self._looking:
            now = self._clock.monotonic()
            if self._last is not None and now - self._last.at < MAX_AGE:
                return self._last.found
            found = await self._ask()
            self._last = _Look(self._clock.monotonic(), found)
            return found

    async def _ask(self) -> tuple[Health, ...]:
        found: dict[int, Health] = {}

        async def ask(index: int, backend: Watched[Pingable]) -> None:
            found[index] = await self._health(backend)

        async with anyio.create_task_group() as group:
            for index, backend in enumerate(self._backends):
                group.start_soon(ask, index, backend)
        return tuple(found[index] for index in range(len(self._backends)))

    async def _health(self, backend: Watched[Pingable]) -> Health:
        try:
            with request_deadline(self._clock, self._timeout):
                await backend.attempt("ping", lambda each: each.ping())
        except Unavailable:
            return backend.health  # the guard noted it, and knows since when
        except JobyardError as error:
            return self._misbehaving(backend.name, error.message)
        return backend.health

    def _misbehaving(self, name: str, why: str) -> Health:
        """Give the health of a backend that answered what a ping never answers."""
        before = () if self._last is None else self._last.found
        since = next((each.since for each in before if each.backend == name and not each.up), None)
        return Health(name, up=False, since=since or self._clock.now(), why=why)
