"""A probe for what keeps the event loop from going on.

A thread of its own asks the loop for a sign of life and counts how long it waits. It counts what
the backend did, and not what else the machine is busy with:

- The time in which the loop's thread was ready to run and had no processor is left out; the
  kernel counts it (``schedstat``).
- Where the probing thread itself came late, and not for want of a processor alone, somebody held
  the interpreter's lock: it counts as far as this process used a processor meanwhile, so that
  one who was put aside with the lock in his hand is not taken for one who computes.
- :func:`never_blocks` runs a call several times, and only what blocks every time is the call's.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread

LONGEST_BLOCK: Final = 0.05
"""Seconds for which a backend may keep the event loop from everybody else."""

_TICK: Final = 0.005
_LATE: Final = 2 * _TICK
_PAUSE: Final = 0.001
_RUNS: Final = 5
_NANOSECONDS: Final = 1e9


class Blockage:
    """Be what was seen; ``longest`` is the longest time that the loop was blocked, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0


@asynccontextmanager
async def blocked_for() -> AsyncIterator[Blockage]:
    """Measure for how long the event loop is blocked at once while the block runs."""
    blockage = Blockage()
    watch = _Watch(asyncio.get_running_loop(), blockage)
    watch.start()
    try:
        await to_thread.run_sync(watch.began.wait)
        yield blockage
    finally:
        watch.stop.set()
        # Without the loop: what it owes still has to be counted.
        await asyncio.shield(to_thread.run_sync(watch.join))


async def never_blocks(
    make_call: Callable[[], Awaitable[object]], *, limit: float = LONGEST_BLOCK
) -> None:
    """Fail where a call blocks the event loop for longer than ``limit`` seconds every time.

    Raises:
        AssertionError: It does.
    """
    least = float("inf")
    for _ in range(_RUNS):
        async with blocked_for() as blockage:
            await make_call()
        least = min(least, blockage.longest)
        if least <= limit:
            return
    message = (
        f"the event loop was blocked for {least * 1000:.0f} ms, and {limit * 1000:.0f} ms is the "
        "most: what blocks belongs into a thread (anyio.to_thread)"
    )
    raise AssertionError(message)


class _Watch(threading.Thread):
    """Ask the loop for signs of life until told to stop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, blockage: Blockage) -> None:
        super().__init__(name="jobyard-blocked-for", daemon=True)
        self.began = threading.Event()
        self.stop = threading.Event()
        self._loop = loop
        self._blockage = blockage
        self._thread = threading.get_native_id()

    def run(self) -> None:
        """Watch."""
        meter = _Meter(self._thread)
        before = 0.0
        while True:
            last = self.stop.is_set()
            sign = _Sign()
            try:
                self._loop.call_soon_threadsafe(sign.give)
            except RuntimeError:  # the loop is closed
                return
            self.began.set()
            blocked = before + self._wait(sign, meter)
            self._blockage.longest = max(self._blockage.longest, blocked)
            if last:
                return
            self.stop.wait(_PAUSE)
            # The loop was not asked meanwhile: it is only known what this thread suffered too.
            before = max(0.0, meter.stalled() - _LATE)

    def _wait(self, sign: _Sign, meter: _Meter) -> float:
        """Wait for the loop's sign, and give the seconds for which it was blocked meanwhile."""
        blocked, came = 0.0, False
        while not came and not self._loop.is_closed():
            came = sign.came.wait(_TICK)
            blocked += meter.stalled(sign.at if came else None)
        return blocked


class _Meter:
    """Measure time piece by piece, without what is the machine's."""

    def __init__(self, thread: int) -> None:
        self._theirs = _RunDelay(thread)
        self._mine = _RunDelay(threading.get_native_id())
        self._at, self._used = time.monotonic(), time.process_time()

    def stalled(self, until: float | None = None) -> float:
        """Give the seconds since the last piece in which the loop had no good reason to wait."""
        now, uses = time.monotonic(), time.process_time()
        gap = (now if until is None else until) - self._at
        stalled = gap - self._theirs.since()
        if now - self._at - self._mine.since() > _LATE:
            stalled = min(stalled, uses - self._used)
        self._at, self._used = now, uses
        return max(0.0, stalled)


class _Sign:
    """Be a sign of life, and when it was given."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.at = 0.0

    def give(self) -> None:
        """Give it."""
        self.at = time.monotonic()
        self.came.set()


class _RunDelay:
    """Know how long a thread waited for a processor; nothing where the kernel does not tell."""

    def __init__(self, thread: int) -> None:
        self._file = Path(f"/proc/self/task/{thread}/schedstat")
        self._seen = self._read()

    def since(self) -> float:
        """Give the seconds that the thread waited since this was asked last."""
        before, self._seen = self._seen, self._read()
        return self._seen - before

    def _read(self) -> float:
        try:
            return int(self._file.read_text().split()[1]) / _NANOSECONDS
        except (OSError, IndexError, ValueError):
            return 0.0
