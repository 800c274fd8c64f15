"""The journal: which submissions were accepted, durable before they are acted on.

A row that is not settled has an owner, who works on it until its lease ends: the request that
made it, or a round of recovery. Only the owner takes a row back, and whoever finds a lease that
has ended may become the owner, so that nothing is undone by one while another completes it.

Every function is a unit of work for :meth:`jobyard.seams.context.Store.write` or ``read``. Times
are milliseconds since the epoch.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from attrs import frozen
from sqlalchemy import bindparam, or_, select

from jobyard.database.inserting import insert_or_leave
from jobyard.database.tables import JOBS
from jobyard.domain.job import FrameworkName, JobRef, KeyPair, SubmissionId

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

LEASE: Final = 60.0
"""Seconds for which a row belongs to its owner: longer than a request may take."""


class Phase(enum.StrEnum):
    """Say how far a submission has come."""

    RESERVED = "reserved"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"


_UNSETTLED: Final = JOBS.c.phase != Phase.ACCEPTED.value
# Built once, since SQLAlchemy takes longer to build it than a database to run it.
_ACCEPT: Final = (
    JOBS.update()
    .where(JOBS.c.submission == bindparam("accepted"))
    .values(phase=Phase.ACCEPTED.value, owner="", lease_until=0)
)


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
    owner: str = ""
    lease_until: int = 0
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
        owner=row["owner"],
        lease_until=row["lease_until"],
        looks=row["looks"],
        looked_at=row["looked_at"],
    )


def reserve(row: JobRow) -> Callable[[Connection], bool]:
    """Take a name; ``False`` where it is taken by another submission."""
    values = {
        "submission": row.submission,
        "namespace": row.namespace,
        "name": row.name,
        "submitter": row.submitter,
        "backend": row.backend,
        "phase": row.phase.value,
        "virtual_cluster": row.virtual_cluster,
        "created_at": row.created_at,
        "document": row.document,
        "config": row.config,
        "public_key": row.public_key,
        "private_key": row.private_key,
        "owner": row.owner,
        "lease_until": row.lease_until,
    }

    def work(connection: Connection) -> bool:
        if insert_or_leave(connection, JOBS, values):
            return True
        # A unit of work may be run again after a commit whose outcome was not told.
        return get(row.submission)(connection) is not None

    return work


def accept(submission: SubmissionId) -> Callable[[Connection], None]:
    """Say that the cluster has a submission; one that is gone stays gone."""

    def work(connection: Connection) -> None:
        connection.execute(_ACCEPT, {"accepted": submission})

    return work


def doubt(submission: SubmissionId, looks: int, at: int) -> Callable[[Connection], None]:
    """Say that nobody knows whether a submission arrived, and that it was absent so often.

    Nobody owns it any more: recovery may look at once where nobody looked yet.
    """

    def work(connection: Connection) -> None:
        connection.execute(
            JOBS.update()
            .where(JOBS.c.submission == submission, _UNSETTLED)
            .values(phase=Phase.UNCERTAIN.value, looks=looks, looked_at=at, owner="", lease_until=0)
        )

    return work


def claim(row: JobRow, owner: str, at: int, seconds: float = LEASE) -> Callable[[Connection], bool]:
    """Become the owner of an unsettled row; ``False`` where another is, or it changed."""

    def work(connection: Connection) -> bool:
        done = connection.execute(
            JOBS.update()
            .where(
                JOBS.c.submission == row.submission,
                JOBS.c.phase == row.phase.value,
                JOBS.c.looks == row.looks,
                _UNSETTLED,
                or_(JOBS.c.lease_until <= at, JOBS.c.owner == owner),
            )
            .values(owner=owner, lease_until=at + round(seconds * 1000))
        )
        return done.rowcount == 1

    return work


def release(submission: SubmissionId, owner: str) -> Callable[[Connection], None]:
    """Give up a row, for others to complete."""

    def work(connection: Connection) -> None:
        connection.execute(
            JOBS.update()
            .where(JOBS.c.submission == submission, JOBS.c.owner == owner)
            .values(lease_until=0)
        )

    return work


def release_all() -> Callable[[Connection], None]:
    """End every lease: for a start of the only gateway on the database."""

    def work(connection: Connection) -> None:
        connection.execute(JOBS.update().where(_UNSETTLED).values(lease_until=0))

    return work


def forget(submission: SubmissionId, owner: str) -> Callable[[Connection], bool]:
    """Take a submission back: its name is free. ``False`` where that is not the owner's to do."""

    def work(connection: Connection) -> bool:
        done = connection.execute(
            JOBS.delete().where(JOBS.c.submission == submission, JOBS.c.owner == owner, _UNSETTLED)
        )
        return done.rowcount == 1

    return work


def forget_accepted(submission: SubmissionId) -> Callable[[Connection], None]:
    """Free the name of a job that the cluster had and has no more."""

    def work(connection: Connection) -> None:
        connection.execute(
            JOBS.delete().where(
                JOBS.c.submission == submission, JOBS.c.phase == Phase.ACCEPTED.value
            )
        )

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


def unsettled(backend: str) -> Callable[[Connection], Sequence[JobRow]]:
    """Give the submissions to a backend that are neither accepted nor undone."""

    def work(connection: Connection) -> Sequence[JobRow]:
        query = JOBS.select().where(_UNSETTLED, JOBS.c.backend == backend)
        rows = connection.execute(query.order_by(JOBS.c.submission)).mappings()
        return [_job_row(row) for row in rows]

    return work


def of_others(backend: str) -> Callable[[Connection], Sequence[JobRow]]:
    """Give the submissions to every other backend than this."""

    def work(connection: Connection) -> Sequence[JobRow]:
        query = JOBS.select().where(JOBS.c.backend != backend)
        return [_job_row(row) for row in connection.execute(query).mappings()]

    return work


def existing(
    submissions: Iterable[SubmissionId],
) -> Callable[[Connection], frozenset[SubmissionId]]:
    """Tell which submissions still have a row."""
    wanted = sorted(submissions)

    def work(connection: Connection) -> frozenset[SubmissionId]:
        query = select(JOBS.c.submission).where(JOBS.c.submission.in_(wanted))
        return frozenset(SubmissionId(each) for each in connection.execute(query).scalars())

    return work
