"""The way of a job from a request to the cluster: check, reserve, prepare, hand over.

From the reservation on, a crash loses nothing and doubles nothing: the row tells recovery what
was under way, and the cluster tells by the submission's id whether it arrived.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import Final

import anyio

from jobyard.clock import Clock
from jobyard.domain.environment import environment_problems
from jobyard.domain.identity import Actor
from jobyard.domain.job import (
    DEFAULT_VIRTUAL_CLUSTER,
    LONGEST_FRAMEWORK_NAME,
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
)
from jobyard.domain.paths import final_paths, storage_path
from jobyard.domain.submission_id import new_submission_id
from jobyard.domain.virtual_cluster import VirtualClusterState
from jobyard.errors import (
    ApiError,
    BackendError,
    BadConfiguration,
    ConflictJob,
    ForbiddenUser,
    InvalidParameters,
    JobyardError,
    NoVirtualCluster,
    Problem,
    Unavailable,
    UnknownError,
)
from jobyard.key_pairs import new_key_pair
from jobyard.resilience import Guarded, rejected, request_deadline, unavailable
from jobyard.seams.context import Store
from jobyard.seams.observer import Admission, JobSubmitted
from jobyard.seams.scheduling import (
    JobExists,
    NotSent,
    OutcomeUnknown,
    Presence,
    Refused,
    Scheduler,
)
from jobyard.seams.storage import Storage
from jobyard.services import journal, outcomes
from jobyard.services.board import Board
from jobyard.services.journal import JobRow, Phase
from jobyard.services.observers import Observers
from jobyard.services.outcomes import UncertainSubmission
from jobyard.services.reservation import row_of, summary_of
from jobyard.services.submission_rules import Grants, SubmissionRules

_BAD_REQUEST: Final = range(400, 500)
_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_RETRY_AFTER: Final = 5.0
_GOODBYE: Final = 1.0
"""Seconds that a cancelled submission still takes to leave its row to recovery."""


class Submissions:
    """Accept jobs."""

    def __init__(
        self,
        *,
        rules: SubmissionRules,
        store: Store,
        scheduling: Guarded[Scheduler],
        storage: Guarded[Storage],
        grants: Grants,
        board: Board,
        observers: Observers,
        clock: Clock,
    ) -> None:
        self._rules = rules
        self._store = store
        self._scheduling = scheduling
        self._storage = storage
        self._grants = grants
        self._board = board
        self._observers = observers
        self._clock = clock
        self._owner = secrets.token_hex(8)

    async def check(
        self, actor: Actor, namespace: str, request: JobConfig, document: bytes, *, dry_run: bool
    ) -> JobSubmission:
        """Check a submission, and change nothing.

        Raises:
            ApiError: The contract's error of the first check that fails.
        """
        if namespace != actor.account:
            message = f"User {actor.account} is not allowed to add job for user {namespace}"
            raise ForbiddenUser(message)
        job = self._prepared(actor, request, document)
        self._check_size(job)
        await self._check_virtual_cluster(actor, job.config)
        await self._check_satisfiable(job)
        await self._observers.admit(Admission(actor.account, job.config, dry_run))
        if dry_run and await self._exists(job.name):
            raise ConflictJob(job.name.job)
        return job

    async def submit(self, job: JobSubmission, *, keyed: bool) -> None:
        """Reserve, prepare and hand over what :meth:`check` has let through.

        With ``keyed`` an ``Idempotency-Key`` leads to it, whose outcome is settled with it. A
        caller that is cancelled after the reservation leaves a row, which recovery completes.

        Raises:
            ConflictJob: The name is taken.
            UnknownError: It did not come to be, or whether it did is not known yet.
        """
        row = self._row(job)
        await self._reserve(row)
        self._board.overlay.added(summary_of(row, job.config))
        try:
            await self.prepare(job)
            await self._hand_over(row, job, keyed=keyed)
        except UncertainSubmission:
            raise
        except JobyardError as error:
            await self._undo(row, error)
            raise
        except BaseException:
            await self._leave(row)
            raise
        self._board.touch()
        event = JobSubmitted(job.ref, job.submitter, job.config)
        await self._observers.job_submitted(event)

    async def prepare(self, job: JobSubmission) -> None:
        """Make what a job needs in the storage before it is handed over.

        Raises:
            InvalidParameters: The storage will not have its ``outputDir``.
            UnknownError: The storage does not answer.
        """
        path = storage_path(job.config.output_dir, self._rules.fs_uri)
        if path is None:
            return
        actor = Actor(job.submitter)
        try:
            await self._storage.call(
                "mkdirs", lambda storage: storage.mkdirs(path, as_user=actor), idempotent=True
            )
        except BackendError as error:
            raise InvalidParameters([Problem("outputDir", error.message)]) from error

    def _prepared(self, actor: Actor, request: JobConfig, document: bytes) -> JobSubmission:
        now = self._clock.now()
        config = final_paths(request, fs_uri=self._rules.fs_uri, username=actor.account)
        return JobSubmission(
            ref=JobRef(FrameworkName(actor.account, config.name), new_submission_id(now)),
            submitter=actor.account,
            config=config,
            document=document,
            fs_uri=self._rules.fs_uri,
            created_at=now,
            keys=new_key_pair(),
        )

    @staticmethod
    def _check_size(job: JobSubmission) -> None:
        if len(str(job.name)) > LONGEST_FRAMEWORK_NAME:
            message = (
                f"{job.config.name[:80]!r} is too long: with the user's name and '~' it has "
                f"{len(str(job.name))} characters, at most {LONGEST_FRAMEWORK_NAME} are expected"
            )
            raise InvalidParameters([Problem("jobName", message)])
        problems = environment_problems(job)
        if problems:
            raise InvalidParameters(problems)

    async def _check_virtual_cluster(self, actor: Actor, config: JobConfig) -> None:
        wanted = config.virtual_cluster
        try:
            with self._brief() if wanted == DEFAULT_VIRTUAL_CLUSTER else contextlib.nullcontext():
                state = await self._grants.recent()
        except (UnknownError, BadConfiguration):
            if wanted == DEFAULT_VIRTUAL_CLUSTER:
                return  # what cannot be checked is not refused (R)
            raise
        cluster = state.get(wanted)
        if cluster is None:
            raise NoVirtualCluster(wanted, status=400)
        names = [each.share.name for each in state.clusters]
        if wanted not in await self._grants.granted(actor, names):
            message = f"User {actor.account} is not allowed to add job to {wanted}"
            raise ForbiddenUser(message)
        if cluster.share.state is VirtualClusterState.STOPPED:
            message = f"Virtual cluster {wanted} is stopped and accepts no new jobs."
            raise ForbiddenUser(message)

    async def _check_satisfiable(self, job: JobSubmission) -> None:
        if self._rules.accept_unsatisfiable:
            return
        try:
            with self._brief():  # once: repetitions might open the breaker before the submission
                reason = await self._scheduling.call("refusal", lambda each: each.refusal(job))
        except (UnknownError, BadConfiguration, BackendError):
            return  # what cannot be checked is not refused (R)
        if reason is not None:
            raise InvalidParameters(reason.message)

    def _brief(self) -> contextlib.AbstractContextManager[None]:
        """Leave time for the submission itself."""
        return request_deadline(self._clock, self._rules.check_timeout)

    async def _exists(self, name: FrameworkName) -> bool:
        if await self._store.read(journal.find(name)) is not None:
            return True
        return await self._board.find(name) is not None

    def _row(self, job: JobSubmission) -> JobRow:
        until = self._clock.now() + round(self._rules.lease * 1000)
        return row_of(job, backend=self._rules.backend, owner=self._owner, lease_until=until)

    async def _reserve(self, row: JobRow) -> None:
        if await self._store.write(journal.reserve(row)):
            return
        holder = await self._store.read(journal.find(row.ref.name))
        if holder is not None:
            if not await self._forgotten(holder):
                raise ConflictJob(row.name)
            await self._store.write(journal.forget_accepted(holder.submission))
        if not await self._store.write(journal.reserve(row)):
            raise ConflictJob(row.name)

    async def _forgotten(self, holder: JobRow) -> bool:
        """Tell whether the cluster has lost a job that it was given: its name is free then."""
        if holder.phase is not Phase.ACCEPTED or holder.backend != self._rules.backend:
            return False
        try:
            if await self._board.find(holder.ref.name) is not None:
                return False
            return await self._presence(holder) is Presence.ABSENT
        except (BackendError, UnknownError):
            return False

    async def _presence(self, row: JobRow) -> Presence:
        return await self._scheduling.attempt(
            "find_submission", lambda scheduler: scheduler.find_submission(row.ref)
        )

    async def _hand_over(self, row: JobRow, job: JobSubmission, *, keyed: bool) -> None:
        handed_over = False

        async def submit(scheduler: Scheduler) -> None:
            nonlocal handed_over
            handed_over = True
            await scheduler.submit(job)

        try:
            await self._scheduling.attempt("submit", submit)
        except JobExists as error:
            raise ConflictJob(job.name.job) from error
        except Refused as error:
            raise _refusal(error) from error
        except NotSent as error:
            raise unavailable(error) from error
        except (OutcomeUnknown, Unavailable, UnknownError) as error:
            # What a plugin raises against its seam's rules may have come after the hand-over.
            if not handed_over:
                raise _undone(error) from error
            await self._look(row, error)
        except BackendError as error:
            raise rejected(error) from error
        await self._accept(row, keyed=keyed)

    async def _look(self, row: JobRow, error: JobyardError) -> None:
        looks, at = 0, 0
        try:
            presence = await self._presence(row)
        except (BackendError, UnknownError):
            pass  # recovery will look
        else:
            if presence is Presence.OURS:
                return
            if presence is Presence.OTHER:
                raise ConflictJob(row.name) from error
            looks, at = 1, self._clock.now()
        with contextlib.suppress(Unavailable):  # the row stays reserved then: recovery looks too
            await self._store.write(journal.doubt(row.submission, looks, at))
        raise UncertainSubmission(error.message, retry_after=_RETRY_AFTER) from error

    async def _accept(self, row: JobRow, *, keyed: bool) -> None:
        accept = (
            outcomes.accept(row.submission, row.name) if keyed else journal.accept(row.submission)
        )
        try:
            await self._store.write(accept)
        except Unavailable as error:
            # The cluster has it, so it is not undone; recovery finds it there.
            raise UncertainSubmission(error.message, retry_after=_RETRY_AFTER) from error

    async def _undo(self, row: JobRow, why: JobyardError) -> None:
        try:
            undone = await self._store.write(journal.forget(row.submission, self._owner))
        except Unavailable:
            undone = False
        if not undone:
            raise UncertainSubmission(why.message, retry_after=_RETRY_AFTER) from why
        self._board.overlay.undone(row.ref.name, row.submission)

    async def _leave(self, row: JobRow) -> None:
        """Let recovery have a row at once; where that fails, it has it when the lease ends."""
        with anyio.move_on_after(_GOODBYE, shield=True), contextlib.suppress(Unavailable):
            await self._store.write(journal.release(row.submission, self._owner))


def _undone(error: JobyardError) -> ApiError:
    if isinstance(error, Unavailable):
        return unavailable(error)
    return error if isinstance(error, ApiError) else UnknownError(error.message)


def _refusal(error: Refused) -> ApiError:
    if error.status == _FORBIDDEN:
        return ForbiddenUser(error.message, detail=error.detail)
    if error.status in _BAD_REQUEST and error.status != _TOO_MANY:
        return InvalidParameters(error.message)
    return rejected(error)
