"""Hypothesis' state machines on the event loop of the test: one opened backend for all of them.

A machine's rules are plain functions, run in a thread; :func:`on_loop` takes what they ask of the
backend to the loop on which it was opened.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TypeVar, cast

from anyio import from_thread, to_thread
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

T = TypeVar("T")


async def run_machine(
    machine: Callable[[], RuleBasedStateMachine], *, examples: int, steps: int
) -> None:
    """Run a state machine so many times with so many steps; the shortest way to fail is told."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        # No explanations: they take longer than all the rest.
        phases=(Phase.generate, Phase.shrink),
        # What a backend takes is not the rules' fault.
        suppress_health_check=[HealthCheck.too_slow],
    )
    # It is declared to take a class, and takes whatever makes a machine.
    factory = cast("type[RuleBasedStateMachine]", machine)
    await to_thread.run_sync(lambda: run_state_machine_as_test(factory, settings=chosen))


def on_loop(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine on the backend's event loop, and wait for it; for rules alone."""

    async def awaited() -> T:
        return await work

    return from_thread.run(awaited)
