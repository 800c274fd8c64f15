"""Starts, stops and deletes: journaled like submissions, so that none is lost or repeated."""

from __future__ import annotations

from typing import Final

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import JobRef
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary
from jobyard.domain.submission_id import new_operation_id
from jobyard.errors import (
    BackendError,
    DeadlineExceeded,
    ForbiddenUser,
    NoJob,
    NotFound,
    Rejected,
    Unavailable,
)
from jobyard.resilience import Guarded, rejected, unavailable
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Scheduler
from jobyard.services import journal
from jobyard.services.board import Board
from jobyard.services.journal import Operation, OperationKind

_FORBIDDEN: Final = 403


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
    """Start, stop and delete jobs."""

    def __init__(
        self, *, store: Store, scheduling: Guarded[Scheduler], board: Board, clock: Clock
    ) -> None:
        self._store = store
        self._scheduling = scheduling
        self._board = board
        self._clock = clock

    async def execute(self, actor: Actor, job: JobSummary, kind: ExecutionType, shown: str) -> None:
        """Set a job's execution type; ``shown`` is the name as the caller wrote it.

        Raises:
            ForbiddenUser: The job is another's.
            NoJob: It is gone meanwhile.
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
        self._board.overlay.removed(job.name, job.submission)
        self._board.touch()

    async def _run(self, kind: OperationKind, actor: Actor, job: JobSummary, shown: str) -> None:
        now = self._clock.now()
        ref = JobRef(job.name, job.submission)
        operation = Operation(new_operation_id(now), kind, ref, actor)
        await self._store.write(journal.begin(operation, now))
        try:
            await self._scheduling.attempt(
                kind.value, lambda scheduler: carry_out(scheduler, operation)
            )
        except DeadlineExceeded as error:
            raise unavailable(error) from error  # the row stays: recovery repeats it
        except BackendError as error:
            await self._store.write(journal.end(operation, done=False))
            raise _translated(error, job, shown) from error
        await self._store.write(journal.end(operation, done=True))


def _owns(actor: Actor, job: JobSummary) -> bool:
    return actor.admin or actor.account == job.username


def _translated(error: BackendError, job: JobSummary, shown: str) -> Exception:
    if isinstance(error, NotFound):
        return NoJob(shown)
    if isinstance(error, Unavailable):
        return unavailable(error)
    if isinstance(error, Rejected) and error.status == _FORBIDDEN and job.name.legacy:
        return ForbiddenUser(error.message)
    return rejected(error)
