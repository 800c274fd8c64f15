"""Hypothesis on the event loop of the test: one opened backend for all the examples.

``@given`` around an asynchronous test would give every example an event loop of its own, to which
a backend that was opened by a fixture does not belong.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TypeVar

import anyio.from_thread
import anyio.to_thread
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


async def explore(
    strategy: SearchStrategy[T],
    check: Callable[[T], Coroutine[object, object, None]],
    *,
    examples: int = 50,
) -> None:
    """Run a check on many values, and fail with the smallest value that fails.

    The check runs on this event loop, one value at a time. What it does to a backend stays done,
    so it either leaves no trace or begins by clearing up.
    """

    @settings(
        max_examples=examples,
        deadline=None,
        # The key would be the same for all checks.
        database=None,
        # What a backend takes is not the strategy's fault.
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(strategy)
    def every(value: T) -> None:
        anyio.from_thread.run(check, value)

    await anyio.to_thread.run_sync(every)
