"""Calls to a directory: blocking work in threads, which ends when nobody waits any more.

ldap3 blocks, so each call has a thread. A thread cannot be cancelled; but what it waits for is a
socket, and a socket can be shut down from outside, which wakes it at once.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread

from jobyard.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")

RETRY_AFTER: Final = 5.0
"""Seconds after which it may be worth to try again."""

_LATE: Final = "The directory did not answer in time."
_CLOSED: Final = "The way to the directory is closed."
_PATIENCE: Final = 10.0
_GRACE: Final = 0.2
"""Seconds that a thread has for seeing by itself that its time is over."""


class Call:
    """Be one call's time, and the sockets on which its thread may wait."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._over = False

    @property
    def over(self) -> bool:
        """Tell whether it was ended from outside."""
        return self._over

    def remaining(self, most: float = math.inf) -> float:
        """Give how many seconds a step may take, up to ``most``.

        Raises:
            DeadlineExceeded: There are none, or nobody waits for the call any more.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0 or self._over:
            raise DeadlineExceeded(_LATE, retry_after=RETRY_AFTER)
        return min(left, most)

    @contextmanager
    def waiting_on(self, waited_on: socket.socket) -> Iterator[None]:
        """Let the call be ended while its thread waits on a socket."""
        with self._lock:
            self._sockets.add(waited_on)
            if self._over:
                _shut(waited_on)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(waited_on)

    def end(self) -> None:
        """Wake the thread, wherever it waits, and let it begin nothing more."""
        with self._lock:
            self._over = True
            for each in self._sockets:
                _shut(each)


def _shut(each: socket.socket) -> None:
    # Not the method of an SSL socket, which would change it under the thread that reads from it.
    with suppress(OSError):
        socket.socket.shutdown(each, socket.SHUT_RDWR)


class Calls:
    """Make calls, so many at once, each within its time."""

    def __init__(self, *, at_once: int, total: float) -> None:
        self._limiter = CapacityLimiter(at_once)
        self._unlimited = CapacityLimiter(math.inf)
        self._total = total
        self._changed = threading.Condition()
        self._running: set[Call] = set()
        self._closed = False

    async def make(self, work: Callable[[Call], T]) -> T:
        """Do blocking work in a thread.

        Raises:
            DeadlineExceeded: It took too long.
            Unavailable: All is closed.
        """
        async with self._limiter:
            call = Call(self._total)
            try:
                with anyio.fail_after(self._total + _GRACE):
                    return await to_thread.run_sync(
                        self._counted, work, call, abandon_on_cancel=True, limiter=self._unlimited
                    )
            except TimeoutError:
                raise DeadlineExceeded(_LATE, retry_after=RETRY_AFTER) from None
            finally:
                call.end()

    async def close(self) -> None:
        """End what runs, and wait until it has."""
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._end, limiter=self._unlimited)

    def _end(self) -> None:
        with self._changed:
            self._closed = True
            for each in self._running:
                each.end()
            self._changed.wait_for(lambda: not self._running, _PATIENCE)

    def _counted(self, work: Callable[[Call], T], call: Call) -> T:
        with self._changed:
            if self._closed:
                raise Unavailable(_CLOSED)
            self._running.add(call)
        try:
            return work(call)
        finally:
            with self._changed:
                self._running.discard(call)
                self._changed.notify_all()
