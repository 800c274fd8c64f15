"""Rows and memory, also where nobody knows whether a row was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from attrs import evolve
from sqlalchemy import Connection

from jobyard.clock import SystemClock
from jobyard.database.store import SqlStore
from jobyard.errors import DeadlineExceeded
from jobyard.seams.context import Migrations
from jobyard.seams.scheduling import Presence
from jobyard_backends.scheduling.local import rows
from jobyard_backends.scheduling.local.book import Book, Edit, Entry
from jobyard_backends.scheduling.local.records import AttemptRecord, JobRecord, Phase, TaskRecord

from .world import World, operation, role

T = TypeVar("T")


class Doubtful:
    """Be a store that, when told so, does what it is asked and then says that it does not know."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.silent = False
        self.dialect = store.dialect

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._store.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        result = await self._store.write(work)
        if self.silent:
            self.silent = False
            message = "the database does not answer"
            raise DeadlineExceeded(message)
        return result

    async def migrate(self, migrations: Migrations) -> None:
        await self._store.migrate(migrations)


@pytest.fixture
async def doubtful(store: SqlStore) -> Doubtful:
    await store.migrate(rows.MIGRATIONS)
    return Doubtful(store)


def stopping(entry: Entry) -> Edit:
    return Edit(evolve(entry.record, stopping=True))


async def test_a_job_that_was_taken_without_an_answer_is_found(
    doubtful: Doubtful, either_world: World
) -> None:
    book = Book(doubtful, SystemClock())
    record = JobRecord(either_world.job(), queued_at=1)
    doubtful.silent = True
    with pytest.raises(DeadlineExceeded):
        await book.add(record)
    unknown = book.get(record.id)

    await book.settle(record.id)

    assert unknown is None
    found = book.get(record.id)
    assert found is not None
    assert found.record.queued_at == 1
    assert await book.add(record) is Presence.OURS


async def test_a_stop_that_was_written_without_an_answer_is_neither_lost_nor_repeated(
    doubtful: Doubtful, either_world: World
) -> None:
    book = Book(doubtful, SystemClock())
    record = JobRecord(either_world.job(), queued_at=1, phase=Phase.RUNNING, attempts=1)
    await book.add(record)
    stop = operation()
    doubtful.silent = True
    with pytest.raises(DeadlineExceeded):
        await book.change(record.id, stopping, stop)

    noted = await book.change(record.id, lambda entry: Edit(evolve(entry.record, queued_at=2)))
    again = await book.change(record.id, stopping, stop)

    for entry in (noted, again):
        assert entry is not None
        assert entry.record.stopping
    assert again == noted


async def test_what_is_read_again_is_what_was_written(
    doubtful: Doubtful, either_world: World
) -> None:
    job = either_world.job(role(gpu_number=2), job_envs={"A": "b", "C": True}, retry_count=-2)
    book = Book(doubtful, SystemClock())
    await book.add(JobRecord(job, queued_at=1))
    attempt = AttemptRecord(0, (TaskRecord("main", 0, gpus=(1, 3)),), launched_at=7)

    def begin(entry: Entry) -> Edit:
        return Edit(evolve(entry.record, phase=Phase.RUNNING, attempts=1), attempt)

    written = await book.change(job.submission, begin)
    other = Book(doubtful, SystemClock())
    await other.load()

    assert written is not None
    read = other.get(job.submission)
    assert read is not None
    assert read.attempt == attempt
    assert read.record.job.config == job.config
    assert evolve(read.record, job=job) == written.record


async def test_a_forgotten_job_frees_its_name_and_leaves_no_row(
    doubtful: Doubtful, either_world: World
) -> None:
    book = Book(doubtful, SystemClock())
    old, new = (JobRecord(either_world.job(), queued_at=1) for _ in range(2))
    await book.add(old)
    taken = await book.add(new)
    await book.change(old.id, lambda entry: Edit(evolve(entry.record, forgotten=True)))
    free = await book.add(new)
    await book.forget(old.id)

    assert (taken, free) == (Presence.OTHER, Presence.ABSENT)
    assert book.get(old.id) is None
    assert [record.id for record in await doubtful.read(rows.read_jobs)] == [new.id]
