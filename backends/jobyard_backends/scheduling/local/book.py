"""All jobs in memory, and every change of one: written first, then seen."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

import anyio
from attrs import frozen
from sqlalchemy import Connection

from jobyard.clock import Clock
from jobyard.domain.job import FrameworkName, OperationId, SubmissionId
from jobyard.domain.status import JobSummary
from jobyard.errors import DeadlineExceeded
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Presence, Snapshot
from jobyard_backends.scheduling.local import rows, views
from jobyard_backends.scheduling.local.promises import need_of
from jobyard_backends.scheduling.local.queue import Queue
from jobyard_backends.scheduling.local.records import (
    AttemptRecord,
    JobRecord,
    Phase,
    TaskEnd,
)

T = TypeVar("T")


@frozen
class Entry:
    """Be a job with its last attempt; that of an ended job stays in its row."""

    record: JobRecord
    attempt: AttemptRecord | None = None


@frozen
class Edit:
    """Be what a change makes of an entry."""

    record: JobRecord
    attempt: AttemptRecord | None = None
    ended: Mapping[tuple[str, int], TaskEnd] = {}


class Book:
    """Keep the jobs.

    Changes of one job come one after the other. A change that was begun is finished even where
    its caller is cancelled, so that rows and memory never differ.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.queue = Queue()
        """Who waits, the back-off of a retry included."""
        self._entries: dict[SubmissionId, Entry] = {}
        self._names: dict[FrameworkName, SubmissionId] = {}
        self._summaries: dict[SubmissionId, JobSummary] = {}
        self._doubtful: set[SubmissionId] = set()
        self._locks: dict[SubmissionId, anyio.Lock] = {}
        self._nonce = uuid.uuid4().hex[:12]
        self._count = 0
        self._snapshot: Snapshot[JobSummary] | None = None

    async def load(self) -> None:
        """Read all jobs, and the last attempts of those that are not over."""
        for record in await self._store.read(rows.read_jobs):
            attempt = None
            if record.attempts and record.phase is not Phase.ENDED:
                attempt = await self.read_attempt(record, record.attempt)
            self._put(Entry(record, attempt))

    def get(self, submission: SubmissionId) -> Entry | None:
        """Find a job by its submission, deleted ones that still end included."""
        return self._entries.get(submission)

    def named(self, name: FrameworkName) -> Entry | None:
        """Find a job by its name."""
        submission = self._names.get(name)
        return None if submission is None else self._entries[submission]

    def all(self) -> Iterable[Entry]:
        """Give all jobs, deleted ones that still end included."""
        return tuple(self._entries.values())

    def snapshot(self) -> Snapshot[JobSummary]:
        """Give all jobs as a list shows them; made anew only after a change."""
        if self._snapshot is None:
            self._snapshot = Snapshot(
                version=f"{self._nonce}-{self._count}",
                as_of=self._clock.now(),
                items=tuple(self._summaries.values()),
            )
        return self._snapshot

    async def add(self, record: JobRecord) -> Presence:
        """Take a new job; say what was there already."""
        with anyio.CancelScope(shield=True):
            found = await self._write(record.id, partial(rows.insert_job, record=record))
            if found is Presence.ABSENT:
                self._put(Entry(record))
        return found

    async def change(
        self,
        submission: SubmissionId,
        edit: Callable[[Entry], Edit | None],
        operation: OperationId | None = None,
    ) -> Entry | None:
        """Change a job, and give what it is then; ``None`` where it is not there.

        ``edit`` is called once, with what the job is when its turn has come; with ``None`` it
        leaves the job alone. An operation that was done before changes nothing.
        """
        lock = self._locks.setdefault(submission, anyio.Lock())
        async with lock:
            await self.settle(submission)
            entry = self._entries.get(submission)
            edited = None if entry is None else edit(entry)
            if entry is None or edited is None:
                return entry
            with anyio.CancelScope(shield=True):
                change = rows.Change(edited.record, edited.attempt, edited.ended, operation)
                if await self._write(submission, partial(_write_once, change=change)):
                    self._put(Entry(edited.record, edited.attempt or entry.attempt))
            return self._entries[submission]

    async def forget(self, submission: SubmissionId) -> None:
        """Remove a job for good."""
        lock = self._locks.setdefault(submission, anyio.Lock())
        async with lock:
            with anyio.CancelScope(shield=True):
                await self._store.write(partial(rows.forget_job, submission=submission))
                self._drop(submission)
        self._locks.pop(submission, None)

    async def settle(self, submission: SubmissionId | None) -> None:
        """Have memory agree with the rows, where a write came to an end that nobody knows.

        Raises:
            Unavailable: The database does not answer still.
        """
        if submission not in self._doubtful:
            return
        # Units of work are done in their order: this one comes after the one in doubt.
        work = partial(_read_entry, submission=submission)
        with anyio.CancelScope(shield=True):
            entry = await self._store.write(work)
            self._doubtful.discard(submission)
            if entry is not None:
                self._put(entry)

    async def _write(self, submission: SubmissionId, work: Callable[[Connection], T]) -> T:
        try:
            return await self._store.write(work)
        except DeadlineExceeded:
            self._doubtful.add(submission)
            raise

    async def read_attempt(self, record: JobRecord, number: int) -> AttemptRecord | None:
        """Give an attempt: of memory where it is there, else from its row."""
        entry = self._entries.get(record.id)
        held = None if entry is None else entry.attempt
        if held is not None and held.number == number:
            return held
        work = partial(rows.read_attempt, submission=record.id, number=number)
        return await self._store.read(work)

    def _put(self, entry: Entry) -> None:
        record = entry.record
        over = record.phase is Phase.ENDED
        self._entries[record.id] = Entry(record) if over else entry
        if record.phase is Phase.QUEUED and not record.forgotten:
            self.queue.put(need_of(record))
        else:
            self.queue.discard(record.id)
        if record.forgotten:
            self._hide(record)
        else:
            self._names[record.job.name] = record.id
            self._summaries[record.id] = views.summary(record)
        self._touch()

    def _hide(self, record: JobRecord) -> None:
        self._summaries.pop(record.id, None)
        if self._names.get(record.job.name) == record.id:
            del self._names[record.job.name]

    def _drop(self, submission: SubmissionId) -> None:
        entry = self._entries.pop(submission, None)
        self.queue.discard(submission)
        if entry is not None:
            self._hide(entry.record)
        self._touch()

    def _touch(self) -> None:
        self._count += 1
        self._snapshot = None


def _read_entry(connection: Connection, submission: SubmissionId) -> Entry | None:
    record = rows.read_job(connection, submission)
    if record is None:
        return None
    attempt = rows.read_attempt(connection, submission, record.attempt)
    return Entry(record, attempt)


def _write_once(connection: Connection, change: rows.Change) -> bool:
    if change.operation is not None and rows.was_done(connection, change.operation):
        return False
    rows.write_change(connection, change)
    return True
