# ruff: noqa: ASYNC110 - what other processes do is looked for, in small files
"""The queue, and restarts of the gateway, with real processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
import psutil
import pytest
from attrs import evolve
from sqlalchemy import Connection

from jobyard.domain.job import SubmissionId
from jobyard.domain.states import JobState
from jobyard.domain.status import RetryCounts
from jobyard.errors import Unavailable
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Removal
from jobyard_backends.scheduling.local import keeper, process
from jobyard_backends.scheduling.local.launch import Launcher, Ready
from jobyard_backends.scheduling.local.records import JobRecord

from .world import (
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

T = TypeVar("T")
ROOT = Path(__file__).parents[4]


async def test_two_hundred_queued_jobs_drain_in_order(world: World, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    log = shared / "order"
    jobs = [world.job(role(f"echo {n} >> {log}"), name=f"job{n}") for n in range(200)]
    async with world.open(cpus=1, mounts=(shared,)) as scheduler:
        for job in jobs:
            await scheduler.submit(job)
        await ended(scheduler, jobs[-1], within=150)

    assert [int(line) for line in log.read_text().splitlines()] == list(range(200))


async def test_tasks_outlive_the_gateway_and_are_found_again(world: World) -> None:
    job = world.job(role("echo up; until test -e go; do sleep 0.02; done; exit 4"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
    async with world.open() as scheduler:
        found = await scheduler.job(job.name)
        (world.folder(job) / "work" / "go").touch()
        status = await ended(scheduler, job)

    assert found.summary.state is JobState.RUNNING
    assert status.summary.exit_code == 4


async def test_an_end_while_the_gateway_was_away_is_noticed(world: World) -> None:
    job = world.job(role("echo up; until test -e go; do sleep 0.02; done; exit 6"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
    (world.folder(job) / "work" / "go").touch()
    await appearing(world.folder(job) / "exit")
    async with world.open() as scheduler:
        status = await ended(scheduler, job)

    assert status.summary.exit_code == 6


async def test_a_restart_of_the_machine_is_a_transient_failure(world: World) -> None:
    job = world.job(role(SLEEP))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
    running = process.find(world.folder(job))
    assert isinstance(running, process.Running)
    (world.folder(job) / "keeper.json").write_text('{"pid": 1, "started": 1, "boot": "old"}')
    async with world.open() as scheduler:
        status = await reaching(scheduler, job, lambda each: each.attempt == 1)
        await scheduler.stop(job.ref, OWNER, operation())
        await ended(scheduler, job)
    await process.end(running, 1.0)
    running.close()

    assert status.summary.retries == RetryCounts(platform=1)


async def test_a_state_folder_keeps_nothing_of_jobs_that_are_no_more(world: World) -> None:
    stray = world.state_dir / "jobs" / "stray"
    stray.mkdir(parents=True)
    async with world.open():
        pass

    assert not stray.exists()
    assert keeper.boot_id()


async def test_a_killed_gateway_leaves_its_tasks_running_and_the_next_finds_them(
    world: World,
) -> None:
    """The first one is another process, killed, so that the keepers are nobody's children."""
    program = [sys.executable, "-m", f"{__package__}.abandoned", str(world.state_dir)]
    async with await anyio.open_process(program, stderr=None, cwd=ROOT) as first:
        assert first.stdout is not None
        submission = (await first.stdout.receive()).decode()
        job = world.job(submission=SubmissionId(submission.strip()))
        await appearing(world.folder(job) / "stdout")
        first.kill()
    async with world.open() as scheduler:
        found = await scheduler.job(job.name)
        (world.folder(job) / "work" / "go").touch()
        status = await ended(scheduler, job)

    assert found.summary.state is JobState.RUNNING
    assert status.summary.exit_code == 4
    assert status.attempt == 0


async def test_a_gateway_that_died_before_its_tasks_were_started_starts_them_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = anyio.Event()

    async def dies(launcher: Launcher, record: JobRecord, ready: Ready) -> None:
        written.set()
        await anyio.sleep_forever()

    job = world.job(role(task_number=2))
    with monkeypatch.context() as patch:
        patch.setattr(Launcher, "start", dies)
        async with world.open() as scheduler:
            await scheduler.submit(job)
            with anyio.fail_after(10):
                await written.wait()
    async with world.open() as scheduler:
        status = await ended(scheduler, job)
        first = await scheduler.job(job.name, 0)

    assert status.summary.state is JobState.SUCCEEDED
    assert status.summary.retries == RetryCounts(platform=1)
    assert first.summary.exit_code == -7113
    assert not (world.folder(job) / "stdout").exists()


async def test_a_job_that_was_being_made_ready_is_made_ready_again(world: World) -> None:
    world.storage.gate = anyio.Event()
    job = world.job()
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await made_ready(scheduler, job)
    world.storage.gate.set()
    async with world.open() as scheduler:
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.SUCCEEDED
    assert status.attempt == 0


async def test_a_stop_that_a_restart_came_between_is_brought_to_its_end(world: World) -> None:
    slow = "trap 'until test -e go; do sleep 0.02; done; exit' TERM; echo up; while :; do sleep 0.05; done"
    job = world.job(role(slow))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
        await scheduler.stop(job.ref, OWNER, operation())
        ending = await reaching(scheduler, job, lambda each: each.exit.diagnostics is not None)
    (world.folder(job) / "work" / "go").touch()
    async with world.open() as scheduler:
        status = await ended(scheduler, job)

    assert ending.summary.state is JobState.RUNNING
    assert status.summary.exit_code == -7351
    assert process.find(world.folder(job)).__class__ is process.Ended


async def test_a_job_that_was_deleted_before_a_restart_is_gone_after_it(world: World) -> None:
    job = world.job(role("trap '' TERM; echo up; while :; do sleep 0.05; done"))
    async with world.open(grace_seconds=0.3) as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
        await scheduler.delete(job.ref, OWNER, operation())
    async with world.open(grace_seconds=0.3) as scheduler:
        jobs = await scheduler.jobs()
        with anyio.fail_after(10):
            while await scheduler.delete(job.ref, OWNER, operation()) is not Removal.DONE:
                await anyio.sleep(0.01)

    assert jobs.items == ()
    assert not world.folder(job).parent.parent.exists()


async def test_no_descriptor_and_no_process_is_left_of_jobs_that_ended(world: World) -> None:
    jobs = [world.job(role("exit 1"), name=f"job{n}", retry_count=n % 2) for n in range(50)]
    async with world.open() as scheduler:
        await scheduler.submit(world.job(name="first"))
        await ended(scheduler, world.job(name="first"))
        before, children = open_descriptors(), set(psutil.Process().children())
        for job in jobs:
            await scheduler.submit(job)
        for job in jobs:
            await ended(scheduler, job, within=40)
        with anyio.fail_after(10):
            while open_descriptors() > before:
                await anyio.sleep(0.01)
        held = await world.ports.held("127.0.0.1")

    assert set(psutil.Process().children()) <= children
    assert held == frozenset()


def open_descriptors() -> int:
    """Count the descriptors of this process, apart from the database's pool."""
    found = [str(each.resolve()) for each in Path("/proc/self/fd").iterdir()]
    return sum("jobyard.sqlite" not in name for name in found)


async def test_ping_says_whether_jobs_are_being_worked_on(world: World) -> None:
    async with world.open() as scheduler:
        await scheduler.ping()

    with pytest.raises(Unavailable):
        await scheduler.ping()


class Flaky:
    """Be a store that cannot be reached for some writes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dialect = store.dialect
        self.fails = 0
        self.read, self.migrate = store.read, store.migrate

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self.fails:
            self.fails -= 1
            message = "the database is away"
            raise Unavailable(message)
        return await self._store.write(work)


async def test_a_job_goes_on_after_the_database_was_away(world: World) -> None:
    store = Flaky(world.store)
    world = evolve(world, store=store)
    job = world.job(role("echo up; until test -e go; do sleep 0.02; done; exit 3"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
        store.fails = 1
        (world.folder(job) / "work" / "go").touch()
        status = await ended(scheduler, job)

    assert store.fails == 0
    assert status.summary.exit_code == 3
    assert status.attempt == 0
