"""The journal of starts, stops and deletes: accepted, and not yet known to be done.

Every function is a unit of work for :meth:`jobyard.seams.context.Store.write` or ``read``. Times
are milliseconds since the epoch. Leases are as in :mod:`jobyard.services.journal`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen
from sqlalchemy import select

from jobyard.database.tables import JOBS, OPERATIONS
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, OperationId, SubmissionId
from jobyard.services.journal import Phase

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


class OperationKind(enum.StrEnum):
    """Name what was accepted to be done to a job."""

    START = "start"
    STOP = "stop"
    DELETE = "delete"


class Standing(enum.Enum):
    """Say whether an operation may go ahead: not on another backend's job, nor in doubt."""

    BEGUN = "begun"
    UNSETTLED = "unsettled"
    ELSEWHERE = "elsewhere"


@frozen
class Operation:
    """Be one start, stop or delete that is not yet known to be done."""

    operation: OperationId
    kind: OperationKind
    ref: JobRef
    actor: Actor
    backend: str
    created_at: int
    lease_until: int = 0


def begin(operation: Operation) -> Callable[[Connection], Standing]:
    """Write down that an operation was accepted, if its job can take one."""

    def work(connection: Connection) -> Standing:
        standing = _standing(connection, operation)
        if standing is Standing.BEGUN:
            connection.execute(
                OPERATIONS.insert().values(
                    operation=operation.operation,
                    kind=operation.kind.value,
                    namespace=operation.ref.name.namespace,
                    name=operation.ref.name.job,
                    submission=operation.ref.submission,
                    actor=operation.actor.account,
                    actor_admin=operation.actor.admin,
                    backend=operation.backend,
                    created_at=operation.created_at,
                    lease_until=operation.lease_until,
                )
            )
        return standing

    return work


def _standing(connection: Connection, operation: Operation) -> Standing:
    if operation.ref.submission is None:
        return Standing.BEGUN
    query = select(JOBS.c.phase, JOBS.c.backend).where(
        JOBS.c.submission == operation.ref.submission
    )
    row = connection.execute(query).first()
    if row is None:
        return Standing.BEGUN
    if row.backend != operation.backend:
        return Standing.ELSEWHERE
    return Standing.BEGUN if row.phase == Phase.ACCEPTED.value else Standing.UNSETTLED


def end(operation: Operation, *, done: bool) -> Callable[[Connection], None]:
    """Write down that an operation is over.

    What was done settles the older ones on the same job too: repeating them later would undo it.
    A delete that was done frees the name.
    """

    def work(connection: Connection) -> None:
        columns = OPERATIONS.c
        connection.execute(OPERATIONS.delete().where(columns.operation == operation.operation))
        if not done:
            return
        ref = operation.ref
        connection.execute(
            OPERATIONS.delete().where(
                columns.backend == operation.backend,
                columns.namespace.is_not_distinct_from(ref.name.namespace),
                columns.name == ref.name.job,
                columns.submission.is_not_distinct_from(ref.submission),
                columns.created_at < operation.created_at,
            )
        )
        if operation.kind is OperationKind.DELETE and ref.submission is not None:
            connection.execute(JOBS.delete().where(JOBS.c.submission == ref.submission))

    return work


def postpone(operation: Operation, until: int) -> Callable[[Connection], None]:
    """Leave an operation alone until then; recovery repeats it afterwards."""

    def work(connection: Connection) -> None:
        connection.execute(
            OPERATIONS.update()
            .where(OPERATIONS.c.operation == operation.operation)
            .values(lease_until=until)
        )

    return work


def claim(operation: Operation, at: int, until: int) -> Callable[[Connection], bool]:
    """Take an operation that nobody is at; ``False`` where somebody is, or it is over."""

    def work(connection: Connection) -> bool:
        columns = OPERATIONS.c
        done = connection.execute(
            OPERATIONS.update()
            .where(columns.operation == operation.operation, columns.lease_until <= at)
            .values(lease_until=until)
        )
        return done.rowcount == 1

    return work


def release_all() -> Callable[[Connection], None]:
    """End every lease: for a start of the only gateway on the database."""

    def work(connection: Connection) -> None:
        connection.execute(OPERATIONS.update().values(lease_until=0))

    return work


def pending(backend: str) -> Callable[[Connection], Sequence[Operation]]:
    """Give a backend's operations that are not known to be done, oldest first."""

    def work(connection: Connection) -> Sequence[Operation]:
        query = (
            OPERATIONS.select()
            .where(OPERATIONS.c.backend == backend)
            .order_by(OPERATIONS.c.created_at, OPERATIONS.c.operation)
        )
        return [_operation(row) for row in connection.execute(query).mappings()]

    return work


def _operation(row: RowMapping) -> Operation:
    submission = row["submission"]
    return Operation(
        operation=OperationId(row["operation"]),
        kind=OperationKind(row["kind"]),
        ref=JobRef(
            FrameworkName(row["namespace"], row["name"]),
            None if submission is None else SubmissionId(submission),
        ),
        actor=Actor(row["actor"], row["actor_admin"]),
        backend=row["backend"],
        created_at=row["created_at"],
        lease_until=row["lease_until"],
    )
