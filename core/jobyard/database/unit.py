"""Units of work on their way to a thread and back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from attrs import define, field
from sqlalchemy import Connection

from jobyard.database.engines import translated

LOG: Final = logging.getLogger("jobyard.database")
CLOSED: Final = "The gateway's database is closed."


@define(eq=False)
class Unit:
    """Be one unit of work on its way: what to run, who waits, and how it ended."""

    work: Callable[[Connection], object]
    loop: asyncio.AbstractEventLoop
    waiters: list[asyncio.Future[Any]] = field(factory=list)
    result: object = None
    error: BaseException | None = None

    @property
    def wanted(self) -> bool:
        """Tell whether anybody still waits."""
        return not all(waiter.done() for waiter in self.waiters)

    def fail(self, error: Exception) -> None:
        """Keep what the callers are to see of an error."""
        failure = translated(error)
        if failure is not error:
            failure.__cause__ = error
        self.error = failure

    def settle(self) -> None:
        """Tell who waits; whoever was cancelled meanwhile waits no more."""
        for waiter in self.waiters:
            if waiter.done():
                continue
            if self.error is None:
                waiter.set_result(self.result)
            else:
                waiter.set_exception(self.error)


def wake(units: Iterable[Unit]) -> None:
    """Tell every caller, from a thread, with one wake-up of each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in units:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, settled)
        except RuntimeError:
            LOG.debug("%d units ended after their event loop", len(settled))


def _settle_all(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.settle()
