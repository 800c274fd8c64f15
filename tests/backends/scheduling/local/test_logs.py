"""The output of tasks, while they run and after."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest
from attrs import evolve

from jobyard.domain.job import FrameworkName, JobRef, SubmissionId, TaskRef
from jobyard.errors import NotFound
from jobyard.seams.scheduling import (
    ByteRange,
    LogStream,
    Removal,
    Tail,
)

from .world import (
    OWNER,
    World,
    appearing,
    ended,
    made_ready,
    operation,
    role,
)


async def text_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def test_logs_are_read_by_range_and_tail_and_followed_to_the_end(world: World) -> None:
    job = world.job(role("printf 0123456789; until test -e go; do sleep 0.02; done; printf end"))
    task = TaskRef(job.ref, "main", 0)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
        stdout = LogStream.STDOUT
        part = await scheduler.open_log(task, None, stdout, ByteRange(2, 3), follow=False)
        tail = await scheduler.open_log(task, 0, stdout, Tail(4), follow=False)
        followed = await scheduler.open_log(task, None, stdout, Tail(1), follow=True)
        pieces = [await text_of(each.chunks) for each in (part, tail)]
        (world.folder(job) / "work" / "go").touch()
        with anyio.fail_after(10):
            whole = await text_of(followed.chunks)
        nobody = evolve(task, index=7)
        other = JobRef(FrameworkName("alice", "none"), SubmissionId("none"))
        for missing in (nobody, evolve(task, job=other)):
            with pytest.raises(NotFound):
                await scheduler.open_log(missing, None, stdout, Tail(1), follow=False)
        with pytest.raises(NotFound):
            await scheduler.open_log(task, 1, stdout, Tail(1), follow=False)
        await ended(scheduler, job)

    assert pieces == [b"234", b"6789"]
    assert (part.start, part.size, tail.start) == (2, 10, 6)
    assert whole == b"9end"


async def test_an_old_attempt_has_its_logs_until_the_job_is_deleted(world: World) -> None:
    job = world.job(role("echo said; exit 1"), retry_count=1)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await ended(scheduler, job)
        old = await scheduler.open_log(
            TaskRef(job.ref, "main", 0), 0, LogStream.STDOUT, ByteRange(), follow=True
        )
        first = await text_of(old.chunks)
        removal = await scheduler.delete(job.ref, OWNER, operation())
        again = await scheduler.delete(job.ref, OWNER, operation())

    assert first == b"said\n"
    assert (removal, again) == (Removal.DONE, Removal.DONE)
    assert not world.folder(job).parent.parent.exists()


async def test_a_task_that_never_started_has_no_log(world: World) -> None:
    world.storage.gate = anyio.Event()
    job = world.job()
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await made_ready(scheduler, job)
        with pytest.raises(NotFound, match="has not started"):
            await scheduler.open_log(
                TaskRef(job.ref, "main", 0), None, LogStream.STDERR, ByteRange(), follow=True
            )


async def test_a_range_beyond_the_end_is_empty(world: World) -> None:
    job = world.job(role("printf 0123"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await ended(scheduler, job)
        task = TaskRef(job.ref, "main", 0)
        beyond = await scheduler.open_log(
            task, None, LogStream.STDOUT, ByteRange(9, 5), follow=False
        )
        data = await text_of(beyond.chunks)
        silent = await scheduler.open_log(task, None, LogStream.STDERR, Tail(5), follow=True)
        nothing = await text_of(silent.chunks)

    assert (beyond.start, beyond.size, data, nothing) == (9, 4, b"", b"")
