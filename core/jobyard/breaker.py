"""The breaker: answer at once while a backend is known to be down."""

from __future__ import annotations

from typing import Final

from jobyard.clock import Clock
from jobyard.errors import Unavailable

FAILURES_TO_OPEN: Final = 5
"""Failures in a row after which a breaker opens."""
OPEN_FOR: Final = 1.0
"""Seconds for which an open breaker lets nothing through; then one call may try."""


class Breaker:
    """Remember failures in a row, and the failure that opened it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._retry_at = 0.0
        self._opened_by: Unavailable | None = None

    def check(self) -> None:
        """Raise the failure that opened the breaker, while it is open.

        Raises:
            Unavailable: It is open; of those who come after its time one may try.
        """
        if self._opened_by is None:
            return
        now = self._clock.monotonic()
        if now < self._retry_at:
            raise type(self._opened_by)(
                self._opened_by.message,
                detail=self._opened_by.detail,
                retry_after=self._opened_by.retry_after,
            )
        self._retry_at = now + OPEN_FOR

    def succeeded(self) -> None:
        """Close the breaker."""
        self._failures = 0
        self._opened_by = None

    def failed(self, error: Unavailable) -> None:
        """Count a failure; the last of :data:`FAILURES_TO_OPEN` in a row opens the breaker."""
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            self._opened_by = error
            self._retry_at = self._clock.monotonic() + OPEN_FOR
