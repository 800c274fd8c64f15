"""The output of tasks, while they run and after."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

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
from jobyard_backends.scheduling.local.logs import LogReader

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


async def test_of_a_large_log_the_newest_part_is_kept_and_its_start_told(world: World) -> None:
    command = "head -c 3000000 /dev/zero | tr '\\0' x; echo end"
    job = world.job(role(command))
    async with world.open(log_size_mb=1) as scheduler:
        await scheduler.submit(job)
        await ended(scheduler, job)
        task = TaskRef(job.ref, "main", 0)
        log = await scheduler.open_log(task, None, LogStream.STDOUT, ByteRange(), follow=False)
        text = await text_of(log.chunks)
        again = await scheduler.open_log(
            task, None, LogStream.STDOUT, ByteRange(log.start, 10), follow=True
        )
        part = await text_of(again.chunks)
        gone = await scheduler.open_log(
            task, None, LogStream.STDOUT, ByteRange(0, 10), follow=False
        )

    assert log.size == 3_000_004
    assert 1_048_576 <= log.size - log.start < 1_048_576 + 4096
    assert text == b"x" * (log.size - log.start - 4) + b"end\n"
    assert part == b"x" * 10
    assert (gone.start, await text_of(gone.chunks)) == (log.start, b"")


async def test_a_thousand_followers_cost_few_reads_and_all_get_everything(tmp_path: Path) -> None:
    path, over = tmp_path / "stdout", False
    path.write_bytes(b"first\n")
    reader = LogReader()
    got: list[bytes] = []
    begun = anyio.Event()

    async def follow() -> None:
        log = await reader.open(path, ByteRange(), follow=True, launched=True, over=lambda: over)
        pieces = []
        async for chunk in log.chunks:
            pieces.append(chunk)
            begun.set()
        got.append(b"".join(pieces))

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(follow)
        await begun.wait()
        await anyio.wait_all_tasks_blocked()
        before = reader.reads
        with path.open("ab") as file:
            file.write(b"second\n" * 50_000)
        with anyio.fail_after(20):
            while reader.reads < before + 6:  # noqa: ASYNC110 - it counts, and tells nobody
                await anyio.sleep(0.01)
        during = reader.reads - before
        over = True

    assert set(got) == {b"first\n" + b"second\n" * 50_000}
    assert len(got) == 1000
    assert during < 100


async def test_followers_at_different_places_each_get_their_own(tmp_path: Path) -> None:
    path, over = tmp_path / "stdout", False
    path.write_bytes(b"0123456789" * 100_000)
    reader = LogReader()
    spans = (ByteRange(), ByteRange(500_000), Tail(10), ByteRange(10, 5), ByteRange(2_000_000))
    logs = [
        await reader.open(path, span, follow=True, launched=True, over=lambda: over)
        for span in spans
    ]
    got: dict[int, bytes] = {}

    async def follow(number: int) -> None:
        got[number] = await text_of(logs[number].chunks)

    async with anyio.create_task_group() as group:
        for number in range(len(logs)):
            group.start_soon(follow, number)
        await anyio.wait_all_tasks_blocked()
        with path.open("ab") as file:
            file.write(b"end")
        over = True

    whole = b"0123456789" * 100_000 + b"end"
    assert got == {0: whole, 1: whole[500_000:], 2: b"0123456789end", 3: b"01234", 4: b""}
