"""The journal: which submissions and operations were accepted, durable before they are acted on.

Every function is a unit of work for :meth:`jobyard.seams.context.Store.write` or ``read``.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from jobyard.database.tables import JOBS, OPERATIONS
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, KeyPair, OperationId, SubmissionId

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


class Phase(enum.StrEnum):
    """Say how far a submission has come."""

    RESERVED = "reserved"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"


class OperationKind(enum.StrEnum):
    """Name what was accepted to be done to a job."""

    START = "start"
    STOP = "stop"
    DELETE = "delete"


@frozen
class JobRow:
    """Be one submission as the journal keeps it."""

    submission: SubmissionId
    namespace: str
    name: str
    submitter: str
    backend: str
    phase: Phase
    virtual_cluster: str
    created_at: int
    document: bytes
    config: bytes
    public_key: str
    private_key: bytes
    looks: int = 0
    looked_at: int = 0

    @property
    def ref(self) -> JobRef:
        """Point at the job."""
        return JobRef(FrameworkName(self.namespace, self.name), self.submission)

    @property
    def keys(self) -> KeyPair:
        """Give the job's SSH keys."""
        return KeyPair(self.public_key, self.private_key)

    def __repr__(self) -> str:
        return f"JobRow({self.submission}, {self.namespace}~{self.name}, {self.phase})"


@frozen
class Operation:
    """Be one start, stop or delete that is not yet known to be done."""

    operation: OperationId
    kind: OperationKind
    ref: JobRef
    actor: Actor


def _job_row(row: RowMapping) -> JobRow:
    return JobRow(
        submission=SubmissionId(row["submission"]),
        namespace=row["namespace"],
        name=row["name"],
        submitter=row["submitter"],
        backend=row["backend"],
        phase=Phase(row["phase"]),
        virtual_cluster=row["virtual_cluster"],
        created_at=row["created_at"],
        document=bytes(row["document"]),
        config=bytes(row["config"]),
        public_key=row["public_key"],
        private_key=bytes(row["private_key"]),
        looks=row["looks"],
        looked_at=row["looked_at"],
    )


def reserve(row: JobRow) -> Callable[[Connection], bool]:
    """Take a name; ``False`` where it is taken."""

    def work(connection: Connection) -> bool:
        taken = JOBS.c.namespace == row.namespace, JOBS.c.name == row.name
        if connection.execute(JOBS.select().where(*taken)).first() is not None:
            return False
        connection.execute(
            JOBS.insert().values(
                submission=row.submission,
                namespace=row.namespace,
                name=row.name,
                submitter=row.submitter,
                backend=row.backend,
                phase=row.phase.value,
                virtual_cluster=row.virtual_cluster,
                created_at=row.created_at,
                document=row.document,
                config=row.config,
                public_key=row.public_key,
                private_key=row.private_key,
                owner="",
                lease_until=0,
            )
        )
        return True

    return work


def set_phase(submission: SubmissionId, phase: Phase) -> Callable[[Connection], None]:
    """Say how far a submission has come; one that is gone stays gone."""

    def work(connection: Connection) -> None:
        connection.execute(
            JOBS.update().where(JOBS.c.submission == submission).values(phase=phase.value)
        )

    return work


def note_look(submission: SubmissionId, looks: int, at: int) -> Callable[[Connection], None]:
    """Count that an uncertain submission was absent when looked for."""

    def work(connection: Connection) -> None:
        connection.execute(
            JOBS.update()
            .where(JOBS.c.submission == submission)
            .values(looks=looks, looked_at=at, phase=Phase.UNCERTAIN.value)
        )

    return work


def forget(submission: SubmissionId) -> Callable[[Connection], None]:
    """Take a submission back: its name is free."""

    def work(connection: Connection) -> None:
        connection.execute(JOBS.delete().where(JOBS.c.submission == submission))

    return work


def find(name: FrameworkName) -> Callable[[Connection], JobRow | None]:
    """Find the submission that holds a name."""

    def work(connection: Connection) -> JobRow | None:
        query = JOBS.select().where(JOBS.c.namespace == name.namespace, JOBS.c.name == name.job)
        row = connection.execute(query).mappings().first()
        return None if row is None else _job_row(row)

    return work


def get(submission: SubmissionId) -> Callable[[Connection], JobRow | None]:
    """Find a submission by its id."""

    def work(connection: Connection) -> JobRow | None:
        query = JOBS.select().where(JOBS.c.submission == submission)
        row = connection.execute(query).mappings().first()
        return None if row is None else _job_row(row)

    return work


def unsettled() -> Callable[[Connection], Sequence[JobRow]]:
    """Give the submissions that are neither accepted nor undone."""

    def work(connection: Connection) -> Sequence[JobRow]:
        query = JOBS.select().where(JOBS.c.phase != Phase.ACCEPTED.value)
        return [_job_row(row) for row in connection.execute(query).mappings()]

    return work


def unfinished_in(backend: str, virtual_cluster: str) -> Callable[[Connection], Sequence[JobRef]]:
    """Give the jobs of a virtual cluster that a backend was given."""

    def work(connection: Connection) -> Sequence[JobRef]:
        query = JOBS.select().where(
            JOBS.c.backend == backend, JOBS.c.virtual_cluster == virtual_cluster
        )
        return [_job_row(row).ref for row in connection.execute(query).mappings()]

    return work


def begin(operation: Operation, at: int) -> Callable[[Connection], None]:
    """Write down that an operation was accepted."""

    def work(connection: Connection) -> None:
        connection.execute(
            OPERATIONS.insert().values(
                operation=operation.operation,
                kind=operation.kind.value,
                namespace=operation.ref.name.namespace,
                name=operation.ref.name.job,
                submission=operation.ref.submission,
                actor=operation.actor.account,
                actor_admin=operation.actor.admin,
                created_at=at,
                owner="",
                lease_until=0,
            )
        )

    return work


def end(operation: Operation, *, done: bool) -> Callable[[Connection], None]:
    """Write down that an operation is over; a delete that was done frees the name too."""

    def work(connection: Connection) -> None:
        connection.execute(OPERATIONS.delete().where(OPERATIONS.c.operation == operation.operation))
        if done and operation.kind is OperationKind.DELETE and operation.ref.submission:
            connection.execute(JOBS.delete().where(JOBS.c.submission == operation.ref.submission))

    return work


def pending_operations() -> Callable[[Connection], Sequence[Operation]]:
    """Give the operations that are not known to be done, oldest first."""

    def work(connection: Connection) -> Sequence[Operation]:
        query = OPERATIONS.select().order_by(OPERATIONS.c.created_at)
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
    )
