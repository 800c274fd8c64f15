"""The outcome of a submission: what its request is answered, and its repetitions by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import orjson
from attrs import frozen
from sqlalchemy import bindparam

from jobyard.database.tables import IDEMPOTENCY
from jobyard.domain.job import SubmissionId
from jobyard.errors import ApiError, UnknownError
from jobyard.services import journal

if TYPE_CHECKING:
    from sqlalchemy import Connection


_TELL: Final = (
    IDEMPOTENCY.update()
    .where(IDEMPOTENCY.c.submission == bindparam("accepted"), IDEMPOTENCY.c.status.is_(None))
    .values(status=bindparam("told_status"), body=bindparam("told_body"))
)
"""Built once, as in :mod:`jobyard.services.journal`."""


class UncertainSubmission(UnknownError):
    """Answer 500 while nobody knows whether a job arrived; recovery decides."""


@frozen
class Outcome:
    """Be what a submission came to: a status, and the body that goes with it."""

    status: int
    body: bytes


def accepted(shown: str) -> Outcome:
    """Give the contract's answer to an accepted submission (S)."""
    return Outcome(202, orjson.dumps({"message": f"update job {shown} successfully"}))


def refused(error: ApiError) -> Outcome:
    """Give the contract's answer to a refused one."""
    body = orjson.dumps({"code": error.code, "message": error.message})
    return Outcome(error.answer_status, body)


def accept(submission: SubmissionId, name: str) -> Callable[[Connection], None]:
    """Give the unit of work that settles an accepted submission, and the key that led to it.

    Both at once: a key that still looked undecided when its job was deleted again would run the
    submission a second time.
    """
    outcome = accepted(name)

    def work(connection: Connection) -> None:
        journal.accept(submission)(connection)
        told = {"told_status": outcome.status, "told_body": outcome.body}
        connection.execute(_TELL, {"accepted": submission, **told})

    return work
