"""Starts, stops and deletes: journaled like submissions, so that none is lost or repeated."""

from __future__ import annotations

import contextlib
from typing import Final

import anyio

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import JobRef
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary
from jobyard.domain.submission_id import new_operation_id
from jobyard.errors import (
    BackendError,
    ForbiddenUser,
    NoJob,
    NotFound,
    Rejected,
    Unavailable,
    UnknownError,
)
from jobyard.resilience import Guarded, rejected, unavailable
from jobyard.seams.context import Store
from jobyard.seams.scheduling import NotSent, OutcomeUnknown, Scheduler
from jobyard.services import operations
from jobyard.services.board import Board
from jobyard.services.journal import LEASE
from jobyard.services.operations import Operation, OperationKind, Standing

_FORBIDDEN: Final = 403
_RETRY_AFTER: Final = 5.0
_GOODBYE: Final = 1.0
"""Seconds that a cancelled request still takes to leave its operation to recovery."""


async def carry_out(scheduler: Scheduler, operation: Operation) -> None:
    """Do an operation once more or for the first time; schedulers know them by their ids."""
    ref, actor, number = operation.ref, operation.actor, operation.operation
    if operation.kind is OperationKind.START:
        await scheduler.start(ref, actor, number)
    elif operation.kind is OperationKind.STOP:
        await scheduler.stop(ref, actor, number)
    else:
        await scheduler.delete(ref, actor, number)


class Lifecycle:
    """Start, stop and delete jobs.

    ``lease`` is for how many seconds an operation belongs to its request: longer than a request
    may take. Recovery leaves it alone meanwhile.
    """

    def __init__(
        self,
        *,
        store: Store,
        scheduling: Guarded[Scheduler],
        board: Board,
        clock: Clock,
        lease: float = LEASE,
    ) -> None:
        self._store = store
        self._scheduling = scheduling
        self._board = board
        self._clock = clock
        self._lease = lease

    async def execute(self, actor: Actor, job: JobSummary, kind: ExecutionType, shown: str) -> None:
        """Set a job's execution type; ``shown`` is the name as the caller wrote it.

        Raises:
            ForbiddenUser: The job is another's, or another scheduler's.
            NoJob: It is gone meanwhile.
            UnknownError: It was not done, or is not known to be, and recovery repeats it then.
        """
        if not _owns(actor, job):
            message = f"User {actor.account} is not allowed to execute job {shown}."
            raise ForbiddenUser(message)
        operation = OperationKind.START if kind is ExecutionType.START else OperationKind.STOP
        await self._run(operation, actor, job, shown)
        self._board.overlay.wanted(job, kind)
        self._board.touch()

    async def delete(self, actor: Actor, job: JobSummary, shown: str) -> None:
        """Kill and forget a job; the errors are those of :meth:`execute`."""
        if not _owns(actor, job):
            message = f"User {actor.account} is not allowed to remove job {shown}."
            raise ForbiddenUser(message)
        await self._run(OperationKind.DELETE, actor, job, shown)
        self._board.overlay.removed(job.name, job.submission, job.created_at)
        self._board.touch()

    async def _run(self, kind: OperationKind, actor: Actor, job: JobSummary, shown: str) -> None:
        operation = self._operation(kind, actor, job)
        await self._begin(operation, shown)
        handed_over = False

        async def ask(scheduler: Scheduler) -> None:
            nonlocal handed_over
            handed_over = True
            await carry_out(scheduler, operation)

        try:
            await self._scheduling.attempt(kind.value, ask)
        except (Unavailable, OutcomeUnknown, UnknownError) as error:
            if handed_over and not isinstance(error, NotSent):
                await self._leave(operation)
            else:
                await self._store.write(operations.end(operation, done=False))
            raise _unanswered(error) from error
        except BackendError as error:
            # A job that is not there is as good as deleted: its name is free.
            gone = isinstance(error, NotFound) and kind is OperationKind.DELETE
            await self._store.write(operations.end(operation, done=gone))
            raise _translated(error, job, shown) from error
        except BaseException:
            await self._leave(operation)
            raise
        await self._store.write(operations.end(operation, done=True))

    def _operation(self, kind: OperationKind, actor: Actor, job: JobSummary) -> Operation:
        now = self._clock.now()
        return Operation(
            operation=new_operation_id(now),
            kind=kind,
            ref=JobRef(job.name, job.submission),
            actor=actor,
            backend=self._scheduling.name,
            created_at=now,
            lease_until=now + round(self._lease * 1000),
        )

    async def _begin(self, operation: Operation, shown: str) -> None:
        standing = await self._store.write(operations.begin(operation))
        if standing is Standing.ELSEWHERE:
            message = (
                f"Job {shown} was given to another scheduler than {operation.backend}, which this "
                "gateway has now; it can only be read."
            )
            raise ForbiddenUser(message)
        if standing is Standing.UNSETTLED:
            message = f"Whether job {shown} was accepted is not known yet."
            raise UnknownError(message, retry_after=_RETRY_AFTER)

    async def _leave(self, operation: Operation) -> None:
        """Let recovery repeat it at once; where that fails, it does when the lease ends."""
        with anyio.move_on_after(_GOODBYE, shield=True), contextlib.suppress(Unavailable):
            await self._store.write(operations.postpone(operation, 0))


def _owns(actor: Actor, job: JobSummary) -> bool:
    return actor.admin or actor.account == job.username


def _unanswered(error: Unavailable | OutcomeUnknown | UnknownError) -> UnknownError:
    if isinstance(error, UnknownError):
        return error
    if isinstance(error, Unavailable):
        return unavailable(error)
    return UnknownError(error.message, detail=error.detail, retry_after=_RETRY_AFTER)


def _translated(error: BackendError, job: JobSummary, shown: str) -> Exception:
    if isinstance(error, NotFound):
        return NoJob(shown)
    if isinstance(error, Rejected) and error.status == _FORBIDDEN and job.name.legacy:
        return ForbiddenUser(error.message)
    return rejected(error)
