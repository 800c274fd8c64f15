"""Hypothesis for checks that run on the event loop of the test."""

from __future__ import annotations

import asyncio

import anyio.lowlevel
import pytest
from hypothesis import strategies as st

from jobyard.testing.exploring import explore


async def test_every_value_is_checked_on_the_loop_of_the_test_one_at_a_time() -> None:
    here = asyncio.get_running_loop()
    seen: list[bool] = []
    lock = anyio.Lock()

    async def check(value: bool) -> None:
        lock.acquire_nowait()
        await anyio.lowlevel.checkpoint()
        lock.release()
        assert asyncio.get_running_loop() is here
        seen.append(value)

    await explore(st.booleans(), check)

    assert set(seen) == {True, False}


async def test_no_more_examples_are_made_than_were_asked_for() -> None:
    seen: list[int] = []

    async def check(value: int) -> None:
        seen.append(value)

    await explore(st.integers(), check, examples=7)

    assert len(seen) == 7


async def test_what_fails_comes_out_with_the_smallest_value() -> None:
    async def check(value: int) -> None:
        if value >= 100:
            raise ValueError(value)

    with pytest.raises(ValueError, match="100") as caught:
        await explore(st.integers(), check)
    assert caught.value.args == (100,)
