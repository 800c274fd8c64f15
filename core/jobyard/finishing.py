"""Letting a request end that was begun, though nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import anyio

T = TypeVar("T")

_GRACE: Final = 1.0


async def finished(work: Callable[[], Awaitable[T]]) -> T:
    """Do work that is given a moment to end when the call is cancelled.

    A change that is given up in its middle is made all the same, a little later: whoever looks
    meanwhile sees neither what was nor what will be.

    Raises:
        Exception: What the work raised.
    """
    working = _Working(work)
    async with anyio.create_task_group() as group:
        group.start_soon(working.run)
        try:
            await working.ended.wait()
        except BaseException:
            working.scope.deadline = anyio.current_time() + _GRACE
            raise
    return working.result()


class _Working(Generic[T]):
    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._results: list[T] = []
        self._failure: Exception = TimeoutError("given up")
        self.scope = anyio.CancelScope(shield=True)
        self.ended = anyio.Event()

    async def run(self) -> None:
        try:
            with self.scope:
                self._results.append(await self._work())
        except Exception as error:  # noqa: BLE001 - a group would wrap it: result() raises it
            self._failure = error
        finally:
            self.ended.set()

    def result(self) -> T:
        if self._results:
            return self._results[0]
        raise self._failure
