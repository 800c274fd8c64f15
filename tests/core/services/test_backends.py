from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
import pytest
from attrs import frozen

from jobyard.clock import SystemClock
from jobyard.config.loading import Chosen
from jobyard.errors import JobyardError, LoadError, Unavailable
from jobyard.resilience import Guarded
from jobyard.seams.context import Context, TaskOwner
from jobyard.seams.provider import observer_provider
from jobyard.services.backends import held_open
from jobyard.services.background import background


@frozen
class NoSettings:
    pass


class Door:
    """A backend that can or cannot be opened, and tells what happened to it."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.told: list[str] = []
        self.opened = anyio.Event()
        self.ended = anyio.Event()

    @asynccontextmanager
    async def open(self, _: NoSettings, context: Context) -> AsyncIterator[object]:
        if self.failures:
            self.told.append("failed")
            raise self.failures.pop(0)
        context.tasks.spawn("until the end", self._work)
        self.told.append("opened")
        self.opened.set()
        yield self
        self.told.append("closed")

    async def _work(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            self.ended.set()


def chosen(door: Door) -> Chosen[object]:
    provider = observer_provider(
        name="door", api=1, summary="A door.", config=NoSettings, open=door.open
    )
    return Chosen(provider, NoSettings(), "door")


def guard() -> Guarded[object]:
    return Guarded("observers.door", SystemClock(), timeout=1)


def context(state_dir: Path) -> Context:
    nothing = cast("Context", None)
    return Context(
        storage=nothing,  # type: ignore[arg-type]  # a door asks for none of them
        store=nothing,  # type: ignore[arg-type]
        ports=nothing,  # type: ignore[arg-type]
        leadership=nothing,  # type: ignore[arg-type]
        clock=SystemClock(),
        state_dir=state_dir,
        public_url="http://gateway",
        job_tokens=nothing,  # type: ignore[arg-type]
        accounts=nothing,  # type: ignore[arg-type]
        tasks=cast("TaskOwner", None),
    )


@pytest.fixture
def surroundings(tmp_path: Path) -> Context:
    return context(tmp_path)


async def test_a_backend_is_there_while_it_is_held_and_closed_afterwards(
    surroundings: Context,
) -> None:
    door, front = Door(), guard()
    async with background() as tasks:
        async with held_open(chosen(door), front, surroundings, tasks, patience=5):
            assert front.backend is door
            assert front.health.up
        assert door.told == ["opened", "closed"]
        assert door.ended.is_set()
        assert front.backend is None


async def test_one_that_nobody_reaches_is_opened_later(surroundings: Context) -> None:
    door, front = Door(Unavailable("the door is stuck")), guard()
    async with (
        background() as tasks,
        held_open(chosen(door), front, surroundings, tasks, patience=5),
    ):
        assert (front.health.up, front.health.why) == (False, "the door is stuck")
        with pytest.raises(Unavailable, match="the door is stuck"):
            await front.attempt("knock", lambda _: anyio.lowlevel.checkpoint())
        with anyio.fail_after(5):
            await door.opened.wait()
        await anyio.lowlevel.checkpoint()
        assert front.health.up
    assert door.told == ["failed", "opened", "closed"]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (LoadError("door", "there is no key"), "^there is no key$"),
        (ValueError("seven"), "observers.door cannot be opened: ValueError: seven"),
        (
            ModuleNotFoundError("No module named 'psycopg'", name="psycopg"),
            r'try: pip install "jobyard\[postgres\]"',
        ),
    ],
)
async def test_one_that_can_never_be_opened_ends_the_start(
    surroundings: Context, failure: Exception, expected: str
) -> None:
    door = Door(failure)
    with pytest.raises(JobyardError, match=expected):
        async with (
            background() as tasks,
            held_open(chosen(door), guard(), surroundings, tasks, patience=5),
        ):
            pytest.fail("it was opened")
    assert door.told == ["failed"]


async def test_an_error_of_the_block_closes_the_backend_and_stays_what_it_is(
    surroundings: Context,
) -> None:
    door = Door()
    with pytest.raises(KeyError):
        async with (
            background() as tasks,
            held_open(chosen(door), guard(), surroundings, tasks, patience=5),
        ):
            raise KeyError
    assert door.told == ["opened", "closed"]


async def test_one_that_takes_long_to_open_does_not_hold_the_start(
    surroundings: Context,
) -> None:
    release = anyio.Event()

    class Slow(Door):
        @asynccontextmanager
        async def open(self, _: NoSettings, context: Context) -> AsyncIterator[object]:
            await release.wait()
            self.opened.set()
            yield self

    door, front = Slow(), guard()
    async with (
        background() as tasks,
        held_open(chosen(door), front, surroundings, tasks, patience=0),
    ):
        assert front.health.why == "observers.door is still being opened"
        release.set()
        with anyio.fail_after(5):
            await door.opened.wait()


async def test_one_that_never_opens_does_not_hold_the_end(surroundings: Context) -> None:
    class Stuck(Door):
        @asynccontextmanager
        async def open(self, _: NoSettings, context: Context) -> AsyncIterator[object]:
            try:
                await anyio.sleep_forever()
            finally:
                self.told.append("given up")
            yield self

    door = Stuck()
    with anyio.fail_after(5):
        async with (
            background() as tasks,
            held_open(chosen(door), guard(), surroundings, tasks, patience=0),
        ):
            await anyio.lowlevel.checkpoint()
    assert door.told == ["given up"]
