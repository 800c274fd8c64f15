"""The jobs in the database: each change is made from what is written, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from jobyard.domain.job import FrameworkName, OperationId, SubmissionId
from jobyard.seams.context import Migrations, Store
from jobyard.seams.scheduling import Presence
from jobyard_backends.scheduling.yarn.services.codec import dump, load
from jobyard_backends.scheduling.yarn.services.records import Record
from jobyard_backends.scheduling.yarn.services.tables import JOBS, OPERATIONS

MIGRATIONS: Final = Migrations(
    component="scheduling_yarn_services",
    package="jobyard_backends.scheduling.yarn.services.migrations",
    head="v0001",
)

Edit = Callable[[Record], Record | None]
"""Give a job as it shall be; ``None`` leaves it as it is."""

_AT_ONCE: Final = 500


class Rows:
    """Keep jobs; what has not changed since it was read last is not read again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: Mapping[SubmissionId, tuple[int, Record]] = {}

    async def add(self, record: Record) -> Presence:
        """Write a new job, unless it or another of its name is there; say what was found."""
        return await self._store.write(partial(_add, record=record))

    async def named(self, name: FrameworkName) -> Record | None:
        """Give the job of a name."""
        return await self._store.read(partial(_named, name=name))

    async def get(self, submission: SubmissionId) -> Record | None:
        """Give a submission's job, also a forgotten one."""
        return await self._store.read(partial(_get, submission=submission))

    async def live(self) -> Sequence[Record]:
        """Give the jobs with which something is left to do."""
        return await self._store.read(_live)

    async def all(self) -> Sequence[tuple[int, Record]]:
        """Give all jobs that are not forgotten, each with its version."""
        known = self._read
        self._read = await self._store.read(partial(_all, known=known))
        return list(self._read.values())

    async def change(
        self, submission: SubmissionId, edit: Edit, operation: OperationId | None = None
    ) -> Record | None:
        """Change a job, and give it as it is then; ``None`` where it is gone.

        An operation that was done before changes nothing.
        """
        work = partial(_change, submission=submission, edit=edit, operation=operation)
        return await self._store.write(work)

    async def remove(self, submission: SubmissionId) -> None:
        """Remove everything of a job."""
        await self._store.write(partial(_remove, submission=submission))


def _add(connection: Connection, record: Record) -> Presence:
    if _get(connection, record.id) is not None:
        return Presence.OURS
    if _named(connection, record.job.name) is not None:
        return Presence.OTHER
    values: dict[str, object] = {
        "submission": record.id,
        "framework": str(record.job.name),
        "version": 1,
    }
    connection.execute(insert(JOBS).values(values | _changing(record)))
    return Presence.ABSENT


def _changing(record: Record) -> dict[str, object]:
    return {"live": record.live, "forgotten": record.forgotten, "record": dump(record)}


def _named(connection: Connection, name: FrameworkName) -> Record | None:
    query = select(JOBS.c.record).where(JOBS.c.framework == str(name), ~JOBS.c.forgotten)
    return _loaded(connection.execute(query).scalar())


def _get(connection: Connection, submission: SubmissionId) -> Record | None:
    query = select(JOBS.c.record).where(JOBS.c.submission == submission)
    return _loaded(connection.execute(query).scalar())


def _loaded(data: Any) -> Record | None:
    return None if data is None else load(data)


def _live(connection: Connection) -> Sequence[Record]:
    query = select(JOBS.c.record).where(JOBS.c.live).order_by(JOBS.c.submission)
    return [load(row.record) for row in connection.execute(query)]


def _all(
    connection: Connection, known: Mapping[SubmissionId, tuple[int, Record]]
) -> Mapping[SubmissionId, tuple[int, Record]]:
    query = select(JOBS.c.submission, JOBS.c.version).where(~JOBS.c.forgotten)
    versions = {
        SubmissionId(row.submission): row.version
        for row in connection.execute(query.order_by(JOBS.c.submission))
    }
    stale = [each for each, version in versions.items() if known.get(each, (0,))[0] != version]
    fresh: dict[SubmissionId, tuple[int, Record]] = {}
    for begin in range(0, len(stale), _AT_ONCE):
        names = stale[begin : begin + _AT_ONCE]
        columns = select(JOBS.c.submission, JOBS.c.version, JOBS.c.record)
        for row in connection.execute(columns.where(JOBS.c.submission.in_(names))):
            fresh[SubmissionId(row.submission)] = (row.version, load(row.record))
    return {each: found for each in versions if (found := fresh.get(each) or known.get(each))}


def _change(
    connection: Connection,
    submission: SubmissionId,
    edit: Edit,
    operation: OperationId | None,
) -> Record | None:
    query = select(JOBS.c.record).where(JOBS.c.submission == submission)
    record = _loaded(connection.execute(query.with_for_update()).scalar())
    if record is None:
        return None
    if operation is not None:
        done = select(OPERATIONS.c.operation).where(OPERATIONS.c.operation == operation)
        if connection.execute(done).first() is not None:
            return record
        values = {"operation": operation, "submission": submission}
        connection.execute(insert(OPERATIONS).values(values))
    edited = edit(record)
    if edited is None:
        return record
    connection.execute(
        update(JOBS)
        .where(JOBS.c.submission == submission)
        .values(version=JOBS.c.version + 1, **_changing(edited))
    )
    return edited


def _remove(connection: Connection, submission: SubmissionId) -> None:
    for table in (JOBS, OPERATIONS):
        connection.execute(delete(table).where(table.c.submission == submission))
