"""What several callers ask at once, done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

T = TypeVar("T")
Results = Sequence[BaseException | None]


class Gathering(Generic[T]):
    """Gather what is asked in one turn of the event loop, and do it in one piece of work.

    The first who asks leads: it does the work for all. Whoever is cancelled meanwhile is not told
    how it ended; it is done all the same. ``work`` gives, in the order of what it was given, the
    error of each, or ``None``; what it raises is everybody's.
    """

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Results]]) -> None:
        self._work = work
        self._asked: list[tuple[T, asyncio.Future[None]]] = []

    async def done(self, wanted: T) -> None:
        """Return when it is done; raise its own error, or that of the whole."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append((wanted, waiter))
        if len(self._asked) == 1:
            with anyio.CancelScope(shield=True):
                await self._lead()
        await waiter

    async def _lead(self) -> None:
        await anyio.lowlevel.checkpoint()
        asked, self._asked = self._asked, []
        try:
            results = await self._work([wanted for wanted, _ in asked])
        except BaseException as error:
            results = [error] * len(asked)
            if not isinstance(error, Exception):
                raise
        finally:
            for (_, waiter), result in zip(asked, results, strict=True):
                _settle(waiter, result)


def _settle(waiter: asyncio.Future[None], error: BaseException | None) -> None:
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
