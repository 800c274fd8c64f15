"""What was done to jobs and the launcher does not keep: units of work over the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from attrs import frozen
from sqlalchemy import ColumnElement, delete, insert, select, tuple_

from jobyard.domain.job import OperationId
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary
from jobyard.seams.context import Migrations
from jobyard_backends.scheduling.yarn.tables import MARKS, OPERATIONS

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS: Final = Migrations(
    component="scheduling_yarn",
    package="jobyard_backends.scheduling.yarn.migrations",
    head="y0001",
)

_SWEPT_AT_ONCE: Final = 500


@frozen
class Incarnation:
    """Tell one job of a name from the next."""

    framework: str
    key: str


@frozen
class Mark:
    """Be what was wanted of a job last.

    ``stopped`` stays, whatever is wanted later; ``ended_at`` is when it was stopped before any
    task ran, in milliseconds since the epoch: it is over since then, whatever the launcher shows.
    """

    execution_type: ExecutionType
    stopped: bool = False
    ended_at: int | None = None


Marks = Mapping[Incarnation, Mark]


def incarnation_of(job: JobSummary) -> Incarnation:
    """Give what tells a job from another of its name."""
    key = job.submission or f"@{job.created_at or 0}"
    return Incarnation(str(job.name), key)


def all_marks(connection: Connection) -> Marks:
    """Read every mark."""
    rows = connection.execute(select(MARKS)).mappings()
    return {
        Incarnation(row["framework"], row["incarnation"]): Mark(
            ExecutionType(row["execution_type"]), row["stopped"], row["ended_at"]
        )
        for row in rows
    }


def mark_of(job: Incarnation) -> Callable[[Connection], Mark | None]:
    """Read the mark of one job."""

    def work(connection: Connection) -> Mark | None:
        row = connection.execute(select(MARKS).where(*_is(job))).mappings().first()
        if row is None:
            return None
        return Mark(ExecutionType(row["execution_type"]), row["stopped"], row["ended_at"])

    return work


def is_done(operation: OperationId) -> Callable[[Connection], bool]:
    """Tell whether an operation was done before."""

    def work(connection: Connection) -> bool:
        query = select(OPERATIONS.c.operation).where(OPERATIONS.c.operation == operation)
        return connection.execute(query).first() is not None

    return work


def note(
    job: Incarnation, mark: Mark | None, operation: OperationId, at: int
) -> Callable[[Connection], None]:
    """Write down what an operation has made of a job; without a mark that of before goes."""

    def work(connection: Connection) -> None:
        connection.execute(delete(MARKS).where(*_is(job)))
        if mark is not None:
            values = {
                "framework": job.framework,
                "incarnation": job.key,
                "execution_type": mark.execution_type.value,
                "stopped": mark.stopped,
                "ended_at": mark.ended_at,
                "at": at,
            }
            connection.execute(insert(MARKS).values(values))
        known = select(OPERATIONS.c.operation).where(OPERATIONS.c.operation == operation)
        if connection.execute(known).first() is None:
            done = {"operation": operation, "framework": job.framework, "at": at}
            connection.execute(insert(OPERATIONS).values(done))

    return work


def sweep(gone: Iterable[Incarnation], before: int) -> Callable[[Connection], None]:
    """Forget the marks of jobs that are no more, and operations of before a time."""
    keys = [(job.framework, job.key) for job in gone][:_SWEPT_AT_ONCE]

    def work(connection: Connection) -> None:
        if keys:
            pair = tuple_(MARKS.c.framework, MARKS.c.incarnation)
            connection.execute(delete(MARKS).where(pair.in_(keys), MARKS.c.at < before))
        connection.execute(delete(OPERATIONS).where(OPERATIONS.c.at < before))

    return work


def _is(job: Incarnation) -> tuple[ColumnElement[bool], ...]:
    return (MARKS.c.framework == job.framework, MARKS.c.incarnation == job.key)
