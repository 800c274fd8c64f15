from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from jobyard.errors import NotFound, UnknownError
from jobyard.services.memory import Changes, Memory, Recalled
from tests.databases import HandClock


class Cluster:
    """Answer what the test says, and count who asks; ``gate`` holds the answer up."""

    def __init__(self) -> None:
        self.answer = "old"
        self.asked = 0
        self.failure: Exception | None = None
        self.gate: anyio.Event | None = None

    async def ask(self) -> str:
        self.asked += 1
        answer, failure = self.answer, self.failure
        if self.gate is not None:
            await self.gate.wait()
        if failure is not None:
            raise failure
        return answer


class World:
    def __init__(self, *, max_age: float = 1, stale_for: float = 60, most: int = 2) -> None:
        self.clock, self.changes, self.cluster = HandClock(100.0), Changes(), Cluster()
        self.memory = Memory[str, str](
            self.clock, self.changes, max_age=max_age, stale_for=stale_for, most=most
        )

    async def get(self, key: str = "x") -> Recalled[str]:
        return await self.memory.get(key, self.cluster.ask)


async def test_an_answer_is_kept_for_its_age_and_asked_for_again_afterwards() -> None:
    world = World(max_age=1)
    await world.get()
    world.cluster.answer = "new"

    world.clock.seconds += 0.9
    assert await world.get() == Recalled("old")
    world.clock.seconds += 0.2
    assert await world.get() == Recalled("new")


async def test_without_an_age_every_reader_asks() -> None:
    world = World(max_age=0)

    await world.get()
    await world.get()

    assert world.cluster.asked == 2


async def test_what_was_read_before_a_change_is_not_fresh() -> None:
    world = World()
    await world.get()
    world.cluster.answer = "new"

    world.changes.note()

    assert await world.get() == Recalled("new")


async def test_what_was_asked_before_a_change_is_not_fresh_either() -> None:
    world = World()
    world.cluster.gate = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(world.get)
        await anyio.wait_all_tasks_blocked()
        world.cluster.answer = "new"
        world.changes.note()
        world.cluster.gate.set()

    assert await world.get() == Recalled("new")


async def test_of_many_who_ask_at_once_two_questions_answer_all() -> None:
    world = World(max_age=0)
    world.cluster.gate = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(world.get)
        await anyio.wait_all_tasks_blocked()
        world.clock.seconds += 1
        for _ in range(100):
            group.start_soon(world.get)
        await anyio.wait_all_tasks_blocked()
        world.clock.seconds += 1
        world.cluster.gate.set()

    assert world.cluster.asked == 2


async def test_who_leaves_while_asking_for_others_leaves_the_question_to_the_next() -> None:
    world = World()
    world.cluster.gate = anyio.Event()
    got: list[Recalled[str]] = []

    async def get() -> None:
        got.append(await world.get())

    async with anyio.create_task_group() as group, anyio.create_task_group() as leaving:
        leaving.start_soon(world.get)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        world.cluster.gate.set()
        leaving.cancel_scope.cancel()

    assert got == [Recalled("old")]


async def test_questions_about_others_do_not_wait() -> None:
    world = World()
    gate = world.cluster.gate = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(world.get, "x")
        await anyio.wait_all_tasks_blocked()
        world.cluster.gate = None
        assert await world.get("y") == Recalled("old")
        gate.set()


async def test_the_last_answer_holds_for_a_while_when_there_is_no_new_one() -> None:
    world = World(stale_for=60)
    await world.get()
    world.cluster.failure = UnknownError("it is down")

    world.clock.seconds += 60
    assert await world.get() == Recalled("old", stale=True)
    with pytest.raises(UnknownError, match="it is down"):
        await world.memory.sure("x", world.cluster.ask)
    world.clock.seconds += 1
    with pytest.raises(UnknownError, match="it is down"):
        await world.get()


async def test_what_is_not_there_any_more_is_not_remembered() -> None:
    world = World()
    await world.get()
    world.clock.seconds += 2

    world.cluster.failure = NotFound("it is gone")
    with pytest.raises(NotFound):
        await world.get()
    world.cluster.failure = UnknownError("it is down")
    with pytest.raises(UnknownError):
        await world.get()


async def test_the_newest_answers_are_kept_and_no_more() -> None:
    world = World(most=2)
    for key in ("a", "b", "c"):
        await world.get(key)

    assert [world.memory.fresh(key) for key in ("a", "b", "c")] == [None, "old", "old"]


async def test_what_is_doubted_is_asked_for_again_and_serves_while_there_is_no_new_answer() -> None:
    world = World()
    await world.get()

    world.memory.doubt(lambda key, value: (key, value) == ("x", "old"))

    assert world.memory.fresh("x") is None
    world.cluster.failure = UnknownError("it is down")
    assert await world.get() == Recalled("old", stale=True)


async def test_what_is_forgotten_serves_no_more() -> None:
    world = World()
    await world.get()

    world.memory.forget(lambda key, value: (key, value) == ("x", "old"))

    world.cluster.failure = UnknownError("it is down")
    with pytest.raises(UnknownError):
        await world.get()
    await checkpoint()
