"""Tokens with which the tasks of a job reach the storage's front door (design, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from jobyard.domain.identity import is_username
from jobyard.domain.job import FrameworkName, JobRef, SubmissionId, is_job_name
from jobyard.errors import UnauthorizedUser
from jobyard.seams.context import Store
from jobyard.secret import Secret
from jobyard.services import journal
from jobyard.services.signing import BadSignature, Signer

_STORAGE: Final = "jobyard:storage"


@frozen
class StorageUser:
    """Say on whose behalf a task reaches the storage, and for which job."""

    username: str
    job: JobRef


class SignedJobTokens:
    """Issue and check the tokens of jobs; implements :class:`jobyard.seams.context.JobTokens`.

    A token dies with its job: it carries the submission, which the journal has for as long.
    """

    def __init__(self, signer: Signer, store: Store) -> None:
        self._signer = signer
        self._store = store

    def storage_token(self, ref: JobRef, username: str, lifetime: float) -> Secret:
        """Give a token for the storage's front door, valid so many seconds, for that user.

        Raises:
            ValueError: The job was not submitted here, so nothing would tell when it dies.
        """
        if ref.submission is None or ref.name.namespace is None:
            message = f"{ref.name} was not submitted here"
            raise ValueError(message)
        claims = {"ns": ref.name.namespace, "job": ref.name.job, "submission": ref.submission}
        return Secret(self._signer.sign(_STORAGE, username, lifetime, claims))

    async def storage_user(self, token: str) -> StorageUser:
        """Tell whose a token is.

        Raises:
            UnauthorizedUser: It is forged, over, of another purpose, or its job is deleted.
        """
        try:
            claims = self._signer.read(_STORAGE, token)
            user = _user(claims)
        except BadSignature as error:
            raise UnauthorizedUser(detail=str(error)) from error
        submission = user.job.submission
        row = None if submission is None else await self._store.read(journal.get(submission))
        if row is None or row.ref != user.job:
            raise UnauthorizedUser(detail=f"job {user.job.name} is gone")
        return user


def _user(claims: Mapping[str, object]) -> StorageUser:
    username, namespace, job, submission = (
        claims.get(name) for name in ("sub", "ns", "job", "submission")
    )
    if not (
        isinstance(username, str)
        and is_username(username)
        and isinstance(namespace, str)
        and isinstance(job, str)
        and is_job_name(job)
        and isinstance(submission, str)
    ):
        message = "it names no job"
        raise BadSignature(message)
    return StorageUser(username, JobRef(FrameworkName(namespace, job), SubmissionId(submission)))
