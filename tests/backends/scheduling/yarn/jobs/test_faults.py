"""A launcher that is away, silent, cut off, or another program: never a hang, never a lie."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jobyard.domain.states import JobState
from jobyard.errors import (
    BackendError,
    DeadlineExceeded,
    NotFound,
    Rejected,
    Unavailable,
)
from jobyard.seams.scheduling import NotSent, OutcomeUnknown, Presence
from jobyard.testing.jobs import operation
from tests.backends.scheduling.yarn.jobs.shelf import always, refused, shelved
from tests.backends.scheduling.yarn.jobs.world import ALICE, World, job, on_shelf
from tests.backends.storage.hdfs.scripted import Heard, Said
from tests.fault_proxy import Proxy, running_proxy

PATIENCE = 60.0
SHORT = 0.3


@asynccontextmanager
async def behind(folder: Path, answer: float = 30.0) -> AsyncIterator[tuple[World, Proxy]]:
    """Have a network between the scheduler and its launcher."""
    async with shelved() as shelf:
        with running_proxy([shelf.address.removeprefix("http://")]) as proxy:
            async with on_shelf(folder, network=proxy, shelf=shelf, answer=answer) as world:
                yield world, proxy


def reads(world: World) -> dict[str, Callable[[], Awaitable[object]]]:
    made = job()
    scheduler = world.scheduler
    return {
        "ping": scheduler.ping,
        "jobs": scheduler.jobs,
        "job": lambda: scheduler.job(made.name),
        "find_submission": lambda: scheduler.find_submission(made.ref),
        "stop": lambda: scheduler.stop(made.ref, ALICE, operation()),
        "start": lambda: scheduler.start(made.ref, ALICE, operation()),
        "delete": lambda: scheduler.delete(made.ref, ALICE, operation()),
        "ssh": lambda: scheduler.ssh_containers(made.ref),
        "document": lambda: scheduler.document(made.ref),
    }


async def failure(call: Callable[[], Awaitable[object]]) -> BackendError:
    with anyio.fail_after(PATIENCE):
        try:
            await call()
        except BackendError as error:
            return error
    pytest.fail("it was answered")


async def test_a_launcher_that_is_away_is_unavailable(tmp_path: Path) -> None:
    async with behind(tmp_path) as (world, proxy):
        with proxy.outage():
            for name, call in reads(world).items():
                found = await failure(call)
                assert isinstance(found, Unavailable), name
                assert found.message == "The launcher cannot be reached."
            assert isinstance(await failure(lambda: world.scheduler.submit(job())), NotSent)
        await world.scheduler.ping()


async def test_a_launcher_that_is_silent_is_late(tmp_path: Path) -> None:
    async with behind(tmp_path, answer=SHORT) as (world, proxy):
        await world.scheduler.ping()
        proxy.tell("hang")
        for name, call in reads(world).items():
            found = await failure(call)
            assert isinstance(found, DeadlineExceeded), name
        assert isinstance(await failure(lambda: world.scheduler.submit(job())), NotSent)


@pytest.mark.parametrize("size", [1, 20, 200])
async def test_an_answer_that_is_cut_off_is_no_answer(tmp_path: Path, size: int) -> None:
    async with behind(tmp_path) as (world, proxy):
        made = await world.submitted()
        for call in (world.scheduler.jobs, lambda: world.scheduler.job(made.name)):
            proxy.tell("cut", 0, size)
            assert isinstance(await failure(call), Unavailable)
            await call()


async def test_a_put_whose_answer_is_lost_may_have_arrived(tmp_path: Path) -> None:
    async with behind(tmp_path) as (world, proxy):

        def losing(heard: Heard) -> Said | None:
            if heard.method == "PUT":
                proxy.tell("lose", 0, 1)
            return None

        world.shelf.rules.append(losing)
        made = job()
        assert isinstance(await failure(lambda: world.scheduler.submit(made)), OutcomeUnknown)

        assert await world.scheduler.find_submission(made.ref) is Presence.OURS
        await world.scheduler.submit(made)
        assert len(world.shelf.frameworks) == 1


NONSENSE = [
    Said(200, b"garbage"),
    Said(200, b""),
    Said(200, b"[]"),
    Said(200, b"\xff\xfe"),
    Said(302, b"", (("Location", "http://elsewhere.invalid/"),)),
    Said(404, b"<html>a proxy's page</html>", (("Content-Type", "text/html"),)),
    Said(500, b"<html>Jetty</html>"),
    Said(502),
    Said(500, b'{"exception": "X", "message": "broken\\n\\tat com.Y"}'),
]


@pytest.mark.parametrize("said", NONSENSE)
async def test_what_is_no_launcher_is_unavailable_and_nothing_is_absent(
    world: World, said: Said
) -> None:
    world.shelf.rules.append(lambda _: said)
    for name, call in reads(world).items():
        found = await failure(call)
        assert isinstance(found, Unavailable), name
        assert "\n" not in found.message
        assert "127.0.0.1" not in found.message


@pytest.mark.parametrize(("status", "passed"), [(401, None), (403, None), (429, 429), (503, 503)])
async def test_a_refusal_is_told_in_the_launchers_words(
    world: World, status: int, passed: int | None
) -> None:
    said = refused(status, "SomeException", "No, not now", Retry_After="3")
    world.shelf.rules.append(lambda _: said)
    for name, call in reads(world).items():
        found = await failure(call)
        assert isinstance(found, Rejected), name
        assert (found.message, found.status) == ("No, not now", passed)
        if passed:
            assert found.retry_after == 3.0


@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_a_refusal_without_a_word_says_its_number(world: World, status: int) -> None:
    world.shelf.rules.append(lambda _: Said(status, b"<html>"))
    found = await failure(world.scheduler.jobs)

    assert isinstance(found, Rejected)
    assert found.message == f"The launcher answered {status}."


async def test_a_job_that_vanishes_in_the_middle_of_its_life_is_not_found(world: World) -> None:
    made = await world.submitted()
    world.shelf[str(made.name)].run()
    world.shelf.frameworks.clear()

    assert (await world.scheduler.jobs()).items == ()
    assert await world.scheduler.find_submission(made.ref) is Presence.ABSENT
    for call in (
        lambda: world.scheduler.job(made.name),
        lambda: world.scheduler.stop(made.ref, ALICE, operation()),
        lambda: world.scheduler.ssh_containers(made.ref),
    ):
        assert isinstance(await failure(call), NotFound)


async def test_a_status_that_is_absent_after_the_put_is_a_job_that_waits(world: World) -> None:
    made = await world.submitted()
    whole = world.shelf[str(made.name)].whole() | {"aggregatedFrameworkStatus": None}
    world.shelf.rules.append(always(str(made.name), Said(200, json.dumps(whole).encode())))
    status = await world.scheduler.job(made.name)

    assert status.summary.state is JobState.WAITING
    assert status.waiting is not None
    await world.scheduler.stop(made.ref, ALICE, operation())
    assert (await world.scheduler.job(made.name)).summary.state is JobState.STOPPED


async def test_a_status_without_tasks_has_those_of_the_descriptor(world: World) -> None:
    made = await world.submitted()
    world.shelf[str(made.name)].state = "APPLICATION_RUNNING"
    status = await world.scheduler.job(made.name)

    assert [task.index for task in status.task_roles[0].tasks] == [0]
