"""The threads in which blocking work on files is done, and their end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread

from jobyard.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")
Stopped = Callable[[], bool]

THREADS: Final = 16
"""Threads that work on files at once."""
_PATIENCE: Final = 10.0
"""Seconds for which the closing waits for threads that a disk holds up."""


class Threads:
    """Run work in threads, and know which of it still runs."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)
        self._changed = threading.Condition()
        self._running = 0
        self._closed = False

    async def do(self, work: Callable[[], T]) -> T:
        """Work to the end, also when nobody waits any more."""
        return await to_thread.run_sync(self._counted, work, limiter=self._limiter)

    async def look(self, work: Callable[[], T]) -> T:
        """Do work that is left alone when nobody waits any more: it changes nothing."""
        return await to_thread.run_sync(
            self._counted, work, limiter=self._limiter, abandon_on_cancel=True
        )

    async def long(self, work: Callable[[Stopped], T], *, apart: bool = False) -> T:
        """Do work that looks again and again whether to stop; ``apart`` takes no place of others.

        Raises:
            DeadlineExceeded: It ended early, since all ends.
        """
        left = threading.Event()

        def stopped() -> bool:
            return left.is_set() or self._closed

        try:
            result = await to_thread.run_sync(
                self._counted,
                lambda: work(stopped),
                limiter=CapacityLimiter(1) if apart else self._limiter,
                abandon_on_cancel=True,
            )
        finally:
            left.set()
        if self._closed:
            message = "The storage was closed meanwhile."
            raise DeadlineExceeded(message)
        return result

    async def close(self) -> bool:
        """Let nothing begin any more, and tell whether all that had begun has ended."""
        return await to_thread.run_sync(self._end)

    def _end(self) -> bool:
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: self._running == 0, _PATIENCE)

    def _counted(self, work: Callable[[], T]) -> T:
        with self._changed:
            if self._closed:
                message = "The storage is closed."
                raise Unavailable(message)
            self._running += 1
        try:
            return work()
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
