"""The probe for cancellation cancels everywhere, and catches who does not let it through."""

from __future__ import annotations

import asyncio

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from jobyard.errors import Unavailable
from jobyard.testing.cancelling import CancellationSwallowed, cancelled_at_each_await


class _Lock:
    """Be a backend with a state that a cancelled call could spoil."""

    def __init__(self, *, careful: bool) -> None:
        self.held = False
        self.calls = 0
        self._careful = careful

    async def call(self) -> str:
        assert not self.held, "the lock is still held"
        self.calls += 1
        self.held = True
        try:
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
        except BaseException:
            if self._careful:
                self.held = False
            raise
        self.held = False
        return "done"


async def test_a_call_is_cancelled_at_each_of_its_awaits() -> None:
    lock = _Lock(careful=True)

    reached = await cancelled_at_each_await(lock.call)

    assert (reached, lock.calls) == (3, 4)


async def test_what_a_cancelled_call_spoils_is_seen() -> None:
    with pytest.raises(AssertionError, match="still held"):
        await cancelled_at_each_await(_Lock(careful=False).call)


async def test_whether_the_backend_still_works_is_asked_each_time() -> None:
    asked: list[int] = []
    lock = _Lock(careful=True)

    async def still_works() -> None:
        asked.append(lock.calls)

    await cancelled_at_each_await(lock.call, still_works=still_works)

    assert asked == [1, 2, 3, 4]


async def test_a_call_without_awaits_is_never_cancelled() -> None:
    async def call() -> None:
        pass

    assert await cancelled_at_each_await(call) == 0


async def test_a_call_of_many_awaits_is_cancelled_so_often() -> None:
    async def call() -> None:
        for _ in range(50):
            await anyio.lowlevel.checkpoint()

    assert await cancelled_at_each_await(call, most=7) == 7


async def test_threads_timeouts_and_task_groups_are_driven_too() -> None:
    async def call() -> None:
        with anyio.move_on_after(0):
            await anyio.sleep_forever()
        await anyio.to_thread.run_sync(int)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()

    assert await cancelled_at_each_await(call) >= 3


async def test_who_returns_instead_is_caught() -> None:
    async def call() -> str:
        try:
            await anyio.sleep(0.01)
        except asyncio.CancelledError:
            return "never mind"
        return "done"

    with pytest.raises(CancellationSwallowed, match="cancelled at its await 1, returned"):
        await cancelled_at_each_await(call)


async def test_who_raises_something_else_is_caught() -> None:
    async def call() -> None:
        await anyio.lowlevel.checkpoint()
        try:
            await anyio.sleep(0.01)
        except BaseException as error:
            raise Unavailable("it was too slow") from error

    with pytest.raises(CancellationSwallowed, match="cancelled at its await 2, raised Unavailable"):
        await cancelled_at_each_await(call)


async def test_who_goes_on_for_ever_is_caught() -> None:
    async def call() -> None:
        while True:
            try:
                await anyio.sleep_forever()
            except asyncio.CancelledError:
                continue

    with pytest.raises(CancellationSwallowed, match="goes on"):
        await cancelled_at_each_await(call)


async def test_who_hides_behind_a_shield_and_returns_is_not_caught() -> None:
    async def call() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.lowlevel.checkpoint()
        return "done, and it is"

    assert await cancelled_at_each_await(call) == 1


async def test_an_error_of_the_call_itself_comes_out() -> None:
    async def call() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await cancelled_at_each_await(call)
