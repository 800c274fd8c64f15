# ruff: noqa: ASYNC110 - what the gateway removes is looked for, in small files
"""The logs of ended jobs, which are given up while the jobs stay."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from anyio import CapacityLimiter
from attrs import evolve, mutable

from jobyard.domain.job import JobSubmission, TaskRef
from jobyard.domain.states import JobState
from jobyard.errors import NotFound
from jobyard.seams.scheduling import ByteRange, LogSource, LogStream
from jobyard_backends.scheduling.local.book import Book
from jobyard_backends.scheduling.local.folders import Folders
from jobyard_backends.scheduling.local.log_keep import LogKeep, size_of
from jobyard_backends.scheduling.local.records import JobRecord
from jobyard_backends.scheduling.local.retention import Retention, retention
from jobyard_backends.scheduling.local.rows import MIGRATIONS

from .world import OWNER, SLEEP, World, ended, in_state, operation, role

DAY = 24 * 3600
MEGABYTE = 1024 * 1024


@mutable
class SetClock:
    """Tell the time that it is set to, in seconds."""

    seconds: int = 1_000_000

    def now(self) -> int:
        return 1000 * self.seconds

    def monotonic(self) -> float:
        return float(self.seconds)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", None),
        ("90s", Retention(seconds=90)),
        ("3m", Retention(seconds=180)),
        ("2h", Retention(seconds=7200)),
        ("30d", Retention(seconds=30 * DAY)),
        ("2w", Retention(seconds=14 * DAY)),
        ("5MB", Retention(size=5 * MEGABYTE)),
        ("20GB", Retention(size=20 * 1024 * MEGABYTE)),
        ("1TB", Retention(size=1024 * 1024 * MEGABYTE)),
    ],
)
def test_a_duration_and_a_size_are_read(text: str, kept: Retention | None) -> None:
    assert retention(text) == kept


@pytest.mark.parametrize("text", ["30", "d", "0d", "-1d", "1.5d", "3 d", "3y", "3mb"])
def test_what_is_neither_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"keep-logs is '{text}'; expected a duration"):
        retention(text)


async def log(scheduler: object, job: JobSubmission, *, follow: bool = False) -> bytes:
    assert isinstance(scheduler, LogSource)
    task = TaskRef(job.ref, "main", 0)
    found = await scheduler.open_log(task, None, LogStream.STDOUT, ByteRange(), follow=follow)
    return b"".join([chunk async for chunk in found.chunks])


async def test_logs_go_when_their_time_is_over_and_the_job_stays(world: World) -> None:
    clock = SetClock()
    world = evolve(world, clock=clock)
    old, new = (world.job(role(f"echo {name}"), name=name) for name in ("old", "new"))
    async with world.open(keep_logs="2d") as scheduler:
        await scheduler.submit(old)
        await ended(scheduler, old)
        clock.seconds += DAY
        await scheduler.submit(new)
        await ended(scheduler, new)
        assert await log(scheduler, old) == b"old\n"
    clock.seconds += DAY
    async with world.open(keep_logs="2d") as scheduler:
        with anyio.fail_after(60):
            while world.folder(old).exists():
                await anyio.sleep(0.01)
        assert (await scheduler.job(old.name)).summary.state is JobState.SUCCEEDED
        for follow in (False, True):
            with pytest.raises(NotFound, match=r"the logs of job .*old are not kept any more"):
                await log(scheduler, old, follow=follow)
        assert await log(scheduler, new) == b"new\n"
        await scheduler.delete(old.ref, OWNER, operation())


async def test_without_it_logs_are_kept_for_as_long_as_the_job(world: World) -> None:
    clock = SetClock()
    world = evolve(world, clock=clock)
    job = world.job(role("echo kept"))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await ended(scheduler, job)
    clock.seconds += 10_000 * DAY
    async with world.open() as scheduler:
        assert await log(scheduler, job) == b"kept\n"


async def written(world: World, book: Book, name: str, at: int, size: int) -> Path:
    """Give the folder of a job that has ended and left so many bytes."""
    job = world.job(name=name)
    await book.add(JobRecord(job, queued_at=0).ended(0, at))
    folder = world.folder(job)
    folder.mkdir(parents=True)
    (folder / "stdout").write_bytes(b"x" * size)
    return folder


async def test_the_oldest_logs_go_when_all_take_too_much_room(world: World) -> None:
    await world.store.migrate(MIGRATIONS)
    book, folders = Book(world.store, world.clock), Folders(world.state_dir)
    threads = CapacityLimiter(1)
    keep = LogKeep(Retention(size=3 * MEGABYTE), book, folders, world.clock, threads)
    middle = await written(world, book, "middle", 20, MEGABYTE)
    oldest = await written(world, book, "oldest", 10, MEGABYTE)
    newest = await written(world, book, "newest", 30, MEGABYTE // 2)
    await keep.look()
    assert all(folder.exists() for folder in (oldest, middle, newest))

    last = await written(world, book, "last", 40, MEGABYTE)
    await keep.look()
    assert [each.exists() for each in (oldest, middle, newest, last)] == [False, True, True, True]

    large = await written(world, book, "large", 50, 4 * MEGABYTE)
    await keep.look()
    assert not any(each.exists() for each in (middle, newest, last, large))
    assert len(tuple(book.all())) == 5


async def test_the_logs_of_a_job_that_is_not_over_are_left_alone(world: World) -> None:
    clock = SetClock()
    world = evolve(world, clock=clock)
    job = world.job(role(SLEEP))
    async with world.open(keep_logs="1s") as scheduler:
        await scheduler.submit(job)
        await in_state(scheduler, job, JobState.RUNNING)
    clock.seconds += DAY
    async with world.open(keep_logs="1s") as scheduler:
        book = Book(world.store, clock)
        await book.load()
        folders = Folders(world.state_dir)
        await LogKeep(Retention(seconds=1), book, folders, clock, CapacityLimiter(1)).look()
        assert world.folder(job).exists()
        await scheduler.stop(job.ref, OWNER, operation())
        await ended(scheduler, job)


def test_a_hole_takes_no_room(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "log").write_bytes(b"x" * 8192)
    with (tmp_path / "hole").open("wb") as file:
        file.truncate(100 * MEGABYTE)

    assert 8192 <= size_of(tmp_path) < MEGABYTE
