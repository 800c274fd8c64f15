"""A probe that cancels a call wherever it can be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Final, cast

import anyio

MOST_AWAITS: Final = 100
"""Awaits of one call at which it is cancelled, at most."""

_END: Final = 10.0
"""Seconds in which a cancelled call has to end."""

_STUBBORN: Final = 20


class CancellationSwallowed(AssertionError):
    """Report a call that was cancelled, and went on or ended with something else."""


async def cancelled_at_each_await(
    make_call: Callable[[], Awaitable[object]],
    *,
    still_works: Callable[[], Awaitable[object]] | None = None,
    most: int = MOST_AWAITS,
) -> int:
    """Make a call again and again, cancelling it at its first, second ... n-th await.

    Each time it has to end with the cancellation, or, where the cancellation did not reach it
    any more (it was at a shielded await, its last), with its result. ``still_works`` is awaited
    after each.

    Returns:
        At how many awaits the call was cancelled.

    Raises:
        CancellationSwallowed: The call was told, and returned, raised another error, or went on.
    """
    for which in range(1, most + 1):
        reached = await _cancelled_at(which, make_call)
        if still_works is not None:
            await still_works()
        if not reached:
            return which - 1
    return most


async def _cancelled_at(which: int, make_call: Callable[[], Awaitable[object]]) -> bool:
    """Cancel a call at one of its awaits; tell whether it came so far."""
    drive = _Drive(which, make_call())
    task = asyncio.create_task(drive.run(), name=f"cancelled at await {which}")
    done, _ = await asyncio.wait({task}, timeout=_END)
    if not done:
        task.cancel()
        message = f"the call, cancelled at its await {which}, does not end within {_END:g} s"
        raise CancellationSwallowed(message)
    await task
    return drive.reached


class _Drive:
    """Let a call go on step by step, and cancel it at one of them."""

    def __init__(self, which: int, call: Awaitable[object]) -> None:
        self.reached = False
        self._which = which
        self._call = call
        self._scope = anyio.CancelScope()
        self._told = 0

    async def run(self) -> None:
        """Drive the call to its end.

        Raises:
            CancellationSwallowed: It was told and ended otherwise than cancelled.
        """
        try:
            with self._scope:
                await _Steps(self._steps())
                self._ended("returned")
        except Exception as error:
            if self._told and not isinstance(error, CancellationSwallowed):
                message = self._message(f"raised {type(error).__name__}: {error}")
                raise CancellationSwallowed(message) from error
            raise

    def _ended(self, how: str) -> None:
        if self._told:
            raise CancellationSwallowed(self._message(how))

    def _message(self, how: str) -> str:
        return f"the call, cancelled at its await {self._which}, {how}"

    def _steps(self) -> Generator[object, object, None]:
        inner = cast("Generator[object, object, object]", self._call.__await__())
        step: Callable[[], object] = lambda: next(inner)  # noqa: E731 - three kinds of a step
        number = 0
        while True:
            try:
                waits_for = step()
            except StopIteration:
                return
            number += 1
            if number == self._which:
                self.reached = True
                self._scope.cancel()
            step = yield from self._woken(inner, waits_for)

    def _woken(
        self, inner: Generator[object, object, object], waits_for: object
    ) -> Generator[object, object, Callable[[], object]]:
        try:
            value = yield waits_for
        except asyncio.CancelledError as error:
            told = error
            # A call may have timeouts of its own, which end before it is cancelled from outside.
            self._told += self.reached
            if self._told > _STUBBORN:
                inner.close()
                raise CancellationSwallowed(self._message("goes on")) from error
            return lambda: inner.throw(told)
        except BaseException as error:  # noqa: BLE001 - it is the call's to handle
            raised = error
            return lambda: inner.throw(raised)
        return lambda: inner.send(value)


class _Steps:
    def __init__(self, steps: Generator[object, object, None]) -> None:
        self._steps = steps

    def __await__(self) -> Generator[object, object, None]:
        return self._steps
