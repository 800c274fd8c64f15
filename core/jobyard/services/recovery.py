"""Recovery: settle what a crash or a silent cluster left open, at start and in the background."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import anyio
from attrs import evolve

from jobyard.clock import Clock
from jobyard.domain.identity import SYSTEM
from jobyard.domain.job import JobSubmission, SubmissionId
from jobyard.domain.status import JobSummary
from jobyard.domain.submission_id import new_operation_id
from jobyard.errors import (
    ApiError,
    BackendError,
    Conflict,
    JobyardError,
    NotFound,
    NotSupported,
    Rejected,
    Unavailable,
    UnknownError,
)
from jobyard.resilience import Guarded
from jobyard.seams.context import Store
from jobyard.seams.observer import JobSubmitted
from jobyard.seams.scheduling import OutcomeUnknown, Presence, Scheduler
from jobyard.services import journal, operations, outcomes
from jobyard.services.board import Board
from jobyard.services.journal import JobRow, Phase
from jobyard.services.lifecycle import carry_out
from jobyard.services.observers import Observers
from jobyard.services.operations import Operation, OperationKind
from jobyard.services.reservation import config_of, submission_of, summary_of

LOG: Final = logging.getLogger("jobyard.recovery")

LOOKS: Final = 2
"""Looks at which an uncertain submission must be absent before it is undone (design, 4)."""
_PAUSE: Final = 1.0


class Recovery:
    """Complete or undo submissions, and repeat operations, that are not settled.

    ``grace`` is in seconds: two looks at one submission, and two tries of one operation, are at
    least so far apart. What belongs to a request that is under way has a lease, and is left alone.
    Rows of another scheduler than ``scheduling`` are shown and never touched.
    """

    def __init__(
        self,
        *,
        store: Store,
        scheduling: Guarded[Scheduler],
        board: Board,
        clock: Clock,
        fs_uri: str,
        grace: float,
        prepare: Callable[[JobSubmission], Awaitable[None]] | None = None,
        observers: Observers | None = None,
    ) -> None:
        self._store = store
        self._scheduling = scheduling
        self._board = board
        self._clock = clock
        self._fs_uri = fs_uri
        self._grace = grace
        self._prepare = prepare
        self._observers = observers or Observers()
        self._owner = secrets.token_hex(8)
        self._shown: dict[SubmissionId, JobSummary] = {}
        self._silent: str | None = None

    async def load(self) -> None:
        """Show on the board what the cluster does not: unsettled jobs, and another scheduler's.

        With SQLite no other gateway is there, so whatever is under way was left by a crash.
        """
        if self._store.dialect == "sqlite":
            await self._store.write(journal.release_all())
            await self._store.write(operations.release_all())
        self._show(await self._store.read(journal.unsettled(self._scheduling.name)))
        others = await self._store.read(journal.of_others(self._scheduling.name))
        self._board.overlay.elsewhere(_read_only(row) for row in others)

    async def run(self) -> None:
        """Settle what is open, for ever."""
        while True:
            try:
                await self.round(self._grace)
            except JobyardError as error:
                self._say_once(error)
            else:
                self._silent = None
            await anyio.sleep(_PAUSE)

    async def round(self, grace: float) -> None:
        """Look once at everything open that nobody is at, nor was in the last ``grace`` seconds.

        Raises:
            Unavailable: The cluster or the database does not answer.
        """
        rows = await self._store.read(journal.unsettled(self._scheduling.name))
        self._show(rows)
        await self._forget_settled(rows)
        now = self._clock.now()
        for row in rows:
            if row.lease_until <= now and now - row.looked_at >= grace * 1000:
                await self._alone(row.submission, self._settle, row)
        for operation in await self._store.read(operations.pending(self._scheduling.name)):
            if operation.lease_until <= now:
                await self._alone(operation.operation, self._repeat, operation, grace)

    async def _alone(self, name: str, work: Callable[..., Awaitable[None]], *on: object) -> None:
        """Do one thing of a round; its failure is no other's, but for a cluster that is down."""
        try:
            await work(*on)
        except Unavailable:
            raise
        except JobyardError as error:
            LOG.warning("recovery of %s goes on later: %s", name, error.message)
        except Exception:
            LOG.exception("recovery of %s failed", name)

    def _say_once(self, error: JobyardError) -> None:
        if self._silent != error.message:
            LOG.warning("recovery goes on later: %s", error.message)
        self._silent = error.message

    # ------------------------------------------------------------------------ submissions

    async def _settle(self, row: JobRow) -> None:
        presence = await self._scheduling.attempt(
            "find_submission", lambda scheduler: scheduler.find_submission(row.ref)
        )
        if presence is Presence.OURS:
            await self._accept(row)
            return
        now = self._clock.now()
        if not await self._store.write(journal.claim(row, self._owner, now)):
            return
        try:
            await self._decide(row, presence, now)
        except JobyardError:
            await self._store.write(journal.release(row.submission, self._owner))
            raise

    async def _decide(self, row: JobRow, presence: Presence, now: int) -> None:
        if presence is Presence.OTHER:
            await self._undo(row, "the cluster has another job of its name")
        elif row.phase is Phase.RESERVED:
            await self._complete(row)
        elif row.looks + 1 < LOOKS:
            await self._store.write(journal.doubt(row.submission, row.looks + 1, now))
        else:
            # Should it be on its way still, it finds itself deleted already.
            number = new_operation_id(now)
            await self._scheduling.attempt(
                "delete", lambda scheduler: scheduler.delete(row.ref, SYSTEM, number)
            )
            await self._undo(row, "it never arrived")

    async def _complete(self, row: JobRow) -> None:
        job = submission_of(row, self._fs_uri)
        try:
            if self._prepare is not None:
                await self._prepare(job)
            await self._scheduling.attempt("submit", lambda scheduler: scheduler.submit(job))
        except UnknownError:
            raise  # the storage may answer later, and the job may have arrived
        except (Rejected, Conflict, NotFound, NotSupported, ApiError) as error:
            await self._undo(row, error.message)
        else:
            await self._accept(row)

    async def _accept(self, row: JobRow) -> None:
        await self._store.write(outcomes.accept(row.submission, row.name))
        self._board.touch()
        event = JobSubmitted(row.ref, row.submitter, config_of(row))
        await self._observers.job_submitted(event)

    async def _undo(self, row: JobRow, why: str) -> None:
        LOG.warning("submission %s of %s is undone: %s", row.submission, row.ref.name, why)
        if await self._store.write(journal.forget(row.submission, self._owner)):
            self._board.overlay.undone(row.ref.name, row.submission)

    # --------------------------------------------------------------------------- the board

    def _show(self, rows: Iterable[JobRow]) -> None:
        """Show rows, another gateway's too: a name with a row is not to be missed here."""
        for row in rows:
            if row.submission not in self._shown:
                summary = summary_of(row, config_of(row))
                self._shown[row.submission] = summary
                self._board.overlay.added(summary)

    async def _forget_settled(self, unsettled: Sequence[JobRow]) -> None:
        """Stop showing what is undone; what was accepted shows until the cluster shows it."""
        settled = self._shown.keys() - {row.submission for row in unsettled}
        if not settled:
            return
        left = await self._store.read(journal.existing(settled))
        for submission in settled - left:
            summary = self._shown.pop(submission)
            self._board.overlay.undone(summary.name, submission)
        for submission in left & settled:
            if not self._board.overlay.waits(self._shown[submission]):
                del self._shown[submission]

    # -------------------------------------------------------------------------- operations

    async def _repeat(self, operation: Operation, grace: float) -> None:
        now = self._clock.now()
        until = now + round(1000 * max(grace, _PAUSE))
        if not await self._store.write(operations.claim(operation, now, until)):
            return
        if await self._has_successor(operation):
            await self._store.write(operations.end(operation, done=False))
            return
        try:
            await self._scheduling.attempt(
                operation.kind.value, lambda scheduler: carry_out(scheduler, operation)
            )
        except NotFound:
            # A job that is not there is as good as deleted, and otherwise nothing was done.
            gone = operation.kind is OperationKind.DELETE
            await self._store.write(operations.end(operation, done=gone))
            if gone:
                self._tell(operation)
            return
        except (Unavailable, OutcomeUnknown, UnknownError):
            raise
        except BackendError as error:
            LOG.warning("operation %s is given up: %s", operation.operation, error.message)
            await self._store.write(operations.end(operation, done=False))
            return
        await self._store.write(operations.end(operation, done=True))
        self._tell(operation)

    async def _has_successor(self, operation: Operation) -> bool:
        """Tell whether an operation on a job that is not ours would now hit one that is."""
        if operation.ref.submission is not None or operation.ref.name.legacy:
            return False
        row = await self._store.read(journal.find(operation.ref.name))
        return row is not None and row.created_at >= operation.created_at

    def _tell(self, operation: Operation) -> None:
        if operation.kind is OperationKind.DELETE:
            self._board.overlay.removed(operation.ref.name, operation.ref.submission)
        self._board.touch()


def _read_only(row: JobRow) -> JobSummary:
    """Show a job of a scheduler that cannot be asked: how it fares is unknown."""
    return evolve(summary_of(row, config_of(row)), framework_state=None)
