"""The outbox: what the tasks of one turn of the event loop want goes to a thread together.

To wake a thread costs more than to read a row. Thirty-two requests that come at once cost one
wake-up on the way there, and one on the way back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from jobyard.database.engines import NO_ANSWER
from jobyard.database.unit import CLOSED, Unit
from jobyard.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")


class Outbox:
    """Gather units of one turn of the loop, and hand them on at its end.

    With ``alike`` those of one turn that are the same function are run once, for all who wait.
    """

    def __init__(self, put: Callable[[Sequence[Unit]], None], *, alike: bool) -> None:
        self._put = put
        self._alike = alike
        self._units: list[Unit] = []
        self._by_work: dict[Callable[[Connection], object], Unit] = {}
        self._closed = False

    async def done(self, work: Callable[[Connection], T], timeout: float) -> T:  # noqa: ASYNC109
        """Run a unit of work, and give its result; ``timeout`` is in seconds.

        Raises:
            DeadlineExceeded: It took too long.
            Unavailable: The database does not answer, or is closed.
        """
        if self._closed:
            raise Unavailable(CLOSED)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._unit(work, loop).waiters.append(waiter)
        late = loop.call_later(timeout, _expire, waiter)
        try:
            return await waiter
        finally:
            late.cancel()

    def close(self) -> None:
        """Hand on what is there, and take nothing any more."""
        self._closed = True
        self._hand_on()

    def _unit(self, work: Callable[[Connection], object], loop: asyncio.AbstractEventLoop) -> Unit:
        if self._alike and (found := self._by_work.get(work)) is not None:
            return found
        if not self._units:
            loop.call_soon(self._hand_on)
        unit = Unit(work, loop)
        self._units.append(unit)
        if self._alike:
            self._by_work[work] = unit
        return unit

    def _hand_on(self) -> None:
        units, self._units, self._by_work = self._units, [], {}
        if not units:
            return
        try:
            self._put(units)
        except Unavailable as error:
            for unit in units:
                unit.error = error
                unit.settle()


def _expire(waiter: asyncio.Future[T]) -> None:
    if not waiter.done():
        waiter.set_exception(DeadlineExceeded(NO_ANSWER, retry_after=1))
