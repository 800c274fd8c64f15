"""Units of work over the scheduler's tables; each is run in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, frozen
from sqlalchemy import Connection, Row, Table, delete, insert, select, update

from jobyard.domain.job import (
    FrameworkName,
    JobRef,
    JobSubmission,
    KeyPair,
    OperationId,
    SubmissionId,
)
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import AttemptExit, ExitType, RetryCounts
from jobyard.domain.virtual_cluster import VirtualClusterShare, VirtualClusterState
from jobyard.errors import Conflict
from jobyard.seams.context import Migrations
from jobyard.seams.scheduling import Presence
from jobyard_backends.scheduling.local import codec
from jobyard_backends.scheduling.local.records import AttemptRecord, JobRecord, Phase, TaskEnd
from jobyard_backends.scheduling.local.tables import ATTEMPTS, ENDS, JOBS, OPERATIONS, SHARES

MIGRATIONS: Final = Migrations(
    component="scheduling_local",
    package="jobyard_backends.scheduling.local.migrations",
    head="s0002",
)


@frozen
class Change:
    """Be what is written of a job at once."""

    job: JobRecord
    attempt: AttemptRecord | None = None
    ended: Mapping[tuple[str, int], TaskEnd] = {}
    operation: OperationId | None = None


def insert_job(connection: Connection, record: JobRecord) -> Presence:
    """Write a new job, unless it or another of its name is there; say what was found."""
    known = connection.execute(
        select(JOBS.c.submission).where(JOBS.c.submission == record.id)
    ).first()
    if known is not None:
        return Presence.OURS
    namesake = connection.execute(
        select(JOBS.c.submission).where(
            JOBS.c.namespace == (record.job.name.namespace or ""),
            JOBS.c.name == record.job.name.job,
            ~JOBS.c.forgotten,
        )
    ).first()
    if namesake is not None:
        return Presence.OTHER
    connection.execute(insert(JOBS).values(_fixed(record) | _changing(record)))
    return Presence.ABSENT


def write_change(connection: Connection, change: Change) -> None:
    """Write what changed; the same change again does no harm."""
    mine = change.job.id
    connection.execute(update(JOBS).where(JOBS.c.submission == mine).values(_changing(change.job)))
    if change.attempt is not None:
        _replace(
            connection,
            ATTEMPTS,
            {"submission": mine, "number": change.attempt.number},
            _attempt_columns(change.attempt),
        )
        for (role, index), end in change.ended.items():
            key = {
                "submission": mine,
                "attempt": change.attempt.number,
                "role": role,
                "position": index,
            }
            values = {"code": end.code, "at": end.at, "sequence": end.sequence}
            _replace(connection, ENDS, key, values)
    if change.operation is not None:
        connection.execute(insert(OPERATIONS).values(operation=change.operation, submission=mine))


def _replace(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    here = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*here).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))


def forget_job(connection: Connection, submission: SubmissionId) -> None:
    """Remove everything of a job."""
    for table in (JOBS, ATTEMPTS, ENDS, OPERATIONS):
        connection.execute(delete(table).where(table.c.submission == submission))


def was_done(connection: Connection, operation: OperationId) -> bool:
    """Tell whether an operation has been done."""
    found = select(OPERATIONS.c.operation).where(OPERATIONS.c.operation == operation)
    return connection.execute(found).first() is not None


def read_jobs(connection: Connection) -> tuple[JobRecord, ...]:
    """Give all jobs, oldest first."""
    rows = connection.execute(select(JOBS).order_by(JOBS.c.created_at, JOBS.c.submission))
    return tuple(_job(row) for row in rows)


def read_job(connection: Connection, submission: SubmissionId) -> JobRecord | None:
    """Give one job."""
    row = connection.execute(select(JOBS).where(JOBS.c.submission == submission)).first()
    return None if row is None else _job(row)


def read_attempt(
    connection: Connection, submission: SubmissionId, number: int
) -> AttemptRecord | None:
    """Give one attempt of a job with the ends of its tasks."""
    row = connection.execute(
        select(ATTEMPTS).where(ATTEMPTS.c.submission == submission, ATTEMPTS.c.number == number)
    ).first()
    if row is None:
        return None
    ends = connection.execute(
        select(ENDS).where(ENDS.c.submission == submission, ENDS.c.attempt == number)
    )
    return _attempt(row, ends)


def read_shares(connection: Connection) -> tuple[int, tuple[VirtualClusterShare, ...]]:
    """Give the virtual clusters, and the version of the set."""
    rows = connection.execute(select(SHARES).order_by(SHARES.c.name)).all()
    shares = tuple(
        VirtualClusterShare(
            name=row.name,
            capacity=row.capacity,
            max_capacity=row.max_capacity,
            state=VirtualClusterState(row.state),
        )
        for row in rows
    )
    return max((row.version for row in rows), default=0), shares


def replace_shares(
    connection: Connection, version: int, shares: Sequence[VirtualClusterShare]
) -> int:
    """Write a whole set made from a version, and give the new one.

    Raises:
        Conflict: The version is not the one that holds.
    """
    present, _ = read_shares(connection)
    if present != version:
        message = "the virtual clusters have changed meanwhile"
        raise Conflict(message)
    connection.execute(delete(SHARES))
    for share in shares:
        connection.execute(
            insert(SHARES).values(
                name=share.name,
                capacity=share.capacity,
                max_capacity=share.max_capacity,
                state=share.state.value,
                version=version + 1,
            )
        )
    return version + 1


def _fixed(record: JobRecord) -> dict[str, Any]:
    job = record.job
    return {
        "submission": job.submission,
        "namespace": job.name.namespace or "",
        "name": job.name.job,
        "submitter": job.submitter,
        "fs_uri": job.fs_uri,
        "config": codec.dump_config(job.config),
        "created_at": job.created_at,
        "public_key": None if job.keys is None else job.keys.public,
    }


def _changing(record: JobRecord) -> dict[str, Any]:
    return {
        "queued_at": record.queued_at,
        "phase": record.phase.value,
        "execution_type": record.execution_type.value,
        "attempts": record.attempts,
        "user_retries": record.counts.user,
        "platform_retries": record.counts.platform,
        "resource_retries": record.counts.resource,
        "exit_code": record.exit_code,
        "completed_at": record.completed_at,
        "stopping": record.stopping,
        "forgotten": record.forgotten,
    }


def _attempt_columns(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "tasks": codec.dump_tasks(attempt.tasks),
        "launched_at": attempt.launched_at,
        "completed_at": attempt.completed_at,
        "exit_code": attempt.exit_code,
        "exit_type": None if attempt.exit.exit_type is None else attempt.exit.exit_type.value,
        "diagnostics": attempt.exit.diagnostics,
        "trigger_message": attempt.exit.trigger_message,
        "trigger_role": attempt.exit.trigger_role,
        "trigger_index": attempt.exit.trigger_index,
    }


def _job(row: Row[Any]) -> JobRecord:
    name = FrameworkName(row.namespace or None, row.name)
    job = JobSubmission(
        ref=JobRef(name, SubmissionId(row.submission)),
        submitter=row.submitter,
        config=codec.load_config(row.config),
        # The journal of the core keeps what the author sent.
        document=b"",
        fs_uri=row.fs_uri,
        created_at=row.created_at,
        # The private half is the core's alone.
        keys=None if row.public_key is None else KeyPair(row.public_key, b""),
    )
    return JobRecord(
        job=job,
        queued_at=row.queued_at,
        phase=Phase(row.phase),
        execution_type=ExecutionType(row.execution_type),
        attempts=row.attempts,
        counts=RetryCounts(row.user_retries, row.platform_retries, row.resource_retries),
        exit_code=row.exit_code,
        completed_at=row.completed_at,
        stopping=row.stopping,
        forgotten=row.forgotten,
    )


def _attempt(row: Row[Any], ends: Iterable[Row[Any]]) -> AttemptRecord:
    ended = {
        (each.role, each.position): TaskEnd(each.code, each.at, each.sequence) for each in ends
    }
    return AttemptRecord(
        number=row.number,
        tasks=tuple(evolve(task, end=ended.get(task.key)) for task in codec.load_tasks(row.tasks)),
        launched_at=row.launched_at,
        completed_at=row.completed_at,
        exit_code=row.exit_code,
        exit=AttemptExit(
            exit_type=None if row.exit_type is None else ExitType(row.exit_type),
            diagnostics=row.diagnostics,
            trigger_message=row.trigger_message,
            trigger_role=row.trigger_role,
            trigger_index=row.trigger_index,
        ),
    )
