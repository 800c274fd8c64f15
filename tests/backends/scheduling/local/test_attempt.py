"""One attempt of a job, from its place to its end, with real processes."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import anyio
import pytest

from jobyard.domain.states import JobState
from jobyard.domain.status import ExitType, RetryCounts, WaitingCode
from jobyard.errors import JobyardError, NotFound, Unavailable, UnknownError
from jobyard.seams.storage import NotPermitted
from jobyard_backends.scheduling.local import process

from .world import (
    FS_URI,
    OWNER,
    SLEEP,
    World,
    appearing,
    ended,
    made_ready,
    operation,
    reaching,
    role,
)


async def test_a_job_runs_and_its_end_is_told(either_world: World) -> None:
    job = either_world.job()
    async with either_world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.SUCCEEDED
    assert status.summary.exit_code == 0
    assert status.app_id == f"local_{job.submission}_0"
    assert status.progress == 1.0
    assert status.task_roles[0].tasks[0].exit_code == 0
    assert status.task_roles[0].tasks[0].container_id == f"{status.app_id}_main_0"
    assert "/Output/alice/job" in either_world.storage.folders


async def test_a_failed_job_tells_the_task_that_failed_it(world: World) -> None:
    job = world.job(role("exit 9", "bad"), role(SLEEP, "good", task_number=2))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.FAILED
    assert status.summary.exit_code == 9
    assert status.exit.exit_type is ExitType.UNKNOWN
    assert (status.exit.trigger_role, status.exit.trigger_index) == ("bad", 0)
    assert [task.exit_code for task in status.task_roles[1].tasks] == [-7400, -7400]


async def test_min_succeeded_ends_a_job_early(world: World) -> None:
    first = role("true", "first", min_succeeded_task_count=1)
    job = world.job(first, role(SLEEP, "rest"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.SUCCEEDED
    assert status.task_roles[1].tasks[0].exit_code == -7400


async def test_failures_are_retried_as_often_as_asked(either_world: World) -> None:
    job = either_world.job(role("exit 1"), retry_count=2)
    async with either_world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)
        first = await scheduler.job(job.name, 0)
        with pytest.raises(NotFound):
            await scheduler.job(job.name, 3)

    assert status.summary.retries == RetryCounts(user=2)
    assert status.attempt == 2
    assert first.app_id == f"local_{job.submission}_0"
    assert first.summary.exit_code == 1
    assert first.task_roles[0].tasks[0].exit_code == 1


async def test_a_lost_task_is_the_platforms_failure_and_is_retried(world: World) -> None:
    job = world.job(role(SLEEP))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
        keeper = json.loads((world.folder(job) / "keeper.json").read_text())["pid"]
        os.kill(keeper, signal.SIGKILL)
        status = await reaching(scheduler, job, lambda each: each.summary.retries.platform == 1)
        await scheduler.stop(job.ref, OWNER, operation())

    first = status.summary.retries
    assert first == RetryCounts(platform=1)


async def test_a_running_job_is_stopped_with_all_its_tasks(world: World) -> None:
    job = world.job(role(SLEEP, task_number=2), retry_count=-2)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        for index in (0, 1):
            await appearing(world.folder(job, index=index) / "stdout")
        await scheduler.stop(job.ref, OWNER, operation())
        status = await ended(scheduler, job)

    assert status.summary.exit_code == -7351
    assert [task.exit_code for task in status.task_roles[0].tasks] == [-7400, -7400]
    for index in (0, 1):
        assert process.find(world.folder(job, index=index)).__class__ is process.Ended


@pytest.mark.parametrize("code", [137, 193])
async def test_a_commands_own_code_is_never_the_platforms_failure(world: World, code: int) -> None:
    job = world.job(role(f"exit {code}"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.exit_code == code
    assert status.exit.exit_type is ExitType.UNKNOWN
    assert status.summary.retries == RetryCounts()


async def test_an_end_of_any_kind_is_repeated_for_ever_until_a_stop(world: World) -> None:
    job = world.job(role("true"), retry_count=-2)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await reaching(scheduler, job, lambda each: each.summary.retries.user >= 2)
        await scheduler.stop(job.ref, OWNER, operation())
        status = await ended(scheduler, job)
        first = await scheduler.job(job.name, 0)

    assert status.summary.exit_code == -7351
    assert status.exit.diagnostics == "The job was stopped by request."
    assert (first.summary.exit_code, first.exit.exit_type) == (0, ExitType.SUCCEEDED)


async def test_a_job_that_is_stopped_while_it_is_made_ready_starts_nothing(world: World) -> None:
    world.storage.files = {"/code/x": b""}
    world.storage.gate = anyio.Event()
    job = world.job(role(SLEEP), code_dir=f"{FS_URI}/code", retry_count=-1)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        starting = await made_ready(scheduler, job)
        await scheduler.stop(job.ref, OWNER, operation())
        status = await ended(scheduler, job)
        held = await world.ports.held("127.0.0.1")

    assert starting.summary.state is JobState.WAITING
    assert starting.waiting is not None
    assert starting.waiting.code is WaitingCode.STARTING
    assert status.summary.state is JobState.STOPPED
    assert status.launched_at is None
    assert status.task_roles[0].tasks[0].exit_code == -7400
    assert held == frozenset()
    assert not (world.folder(job) / "stdout").exists()


@pytest.mark.parametrize(
    "failure", [Unavailable("the storage is away"), UnknownError("the storage is away")]
)
async def test_a_storage_that_is_down_at_the_start_is_the_platforms_failure(
    world: World, failure: JobyardError
) -> None:
    world.storage.failure = failure
    job = world.job()
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await reaching(scheduler, job, lambda each: each.summary.retries.platform > 0)
        world.storage.failure = None
        status = await ended(scheduler, job)
        first = await scheduler.job(job.name, 0)

    assert status.summary.state is JobState.SUCCEEDED
    assert status.summary.retries.user == 0
    assert first.summary.exit_code == -7110
    assert first.exit.exit_type is ExitType.TRANSIENT_NORMAL
    assert "the storage is away" in (first.exit.diagnostics or "")


async def test_an_output_folder_that_the_storage_refuses_fails_the_job(world: World) -> None:
    world.storage.failure = NotPermitted("alice may not write there")
    job = world.job(retry_count=-1)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.exit_code == -7251
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert "alice may not write there" in (status.exit.diagnostics or "")


async def test_a_task_that_the_machine_has_no_room_for_is_lost_with_its_gang(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = process.start

    def full(folder: Path) -> process.Running:
        if folder.name == "main-1" and folder.parent.name == "0":
            raise OSError(errno.EAGAIN, "no room")
        return start(folder)

    monkeypatch.setattr(process, "start", full)
    job = world.job(
        role("test $(basename $(dirname $(dirname $PWD))) = 1 || sleep 60", task_number=2)
    )
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)
        first = await scheduler.job(job.name, 0)

    assert status.summary.retries == RetryCounts(platform=1)
    assert status.summary.state is JobState.SUCCEEDED
    assert first.summary.exit_code == -7113
    assert "main[1] is lost" in (first.exit.diagnostics or "")
    assert not isinstance(process.find(world.folder(job)), process.Running)
