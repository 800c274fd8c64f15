"""Time, as something that a test can hold in its hand."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tell the time; everything that waits or stamps asks one of these."""

    def now(self) -> int:
        """Give the wall-clock time in milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never run backwards, from an arbitrary start."""
        ...


class SystemClock:
    """Tell the time of this machine."""

    def now(self) -> int:
        """Give the wall-clock time in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Give the machine's monotonic time in seconds."""
        return time.monotonic()
