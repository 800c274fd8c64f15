"""Starts, stops and deletes, each with its effect once."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import JobRef, OperationId
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.context import Store
from jobyard_backends.scheduling.yarn import marks
from jobyard_backends.scheduling.yarn.failures import translated
from jobyard_backends.scheduling.yarn.files import Files, owner_of
from jobyard_backends.scheduling.yarn.frameworks import Found, Frameworks
from jobyard_backends.scheduling.yarn.launcher import Launcher
from jobyard_backends.scheduling.yarn.marks import Mark
from jobyard_backends.scheduling.yarn.names import Names
from jobyard_backends.scheduling.yarn.ports import PortOffice

LOG: Final = logging.getLogger("jobyard.scheduling.yarn")


class Operations:
    """Change jobs that the launcher has."""

    def __init__(
        self,
        *,
        launcher: Launcher,
        frameworks: Frameworks,
        files: Files,
        ports: PortOffice,
        names: Names,
        store: Store,
        clock: Clock,
    ) -> None:
        self._launcher = launcher
        self._frameworks = frameworks
        self._files = files
        self._ports = ports
        self._names = names
        self._store = store
        self._clock = clock

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Set the execution type to START.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        await self._operate(ref, actor, operation, self._start)

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Stop a job for good.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        await self._operate(ref, actor, operation, self._stop)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Kill and forget a job, and remove its folder."""
        async with self._names.alone(ref.name):
            if await self._store.read(marks.is_done(operation)):
                return
            try:
                found = await self._frameworks.find(ref.name)
            except NotFound:
                await self._delete_absent(ref, actor)
                return
            if ref.submission in {None, found.job.submission}:
                await self._delete(found, actor, operation)

    async def _operate(
        self,
        ref: JobRef,
        actor: Actor,
        operation: OperationId,
        change: Callable[[Found, Actor], Awaitable[Mark]],
    ) -> None:
        async with self._names.alone(ref.name):
            found = await self._frameworks.meant(ref)
            if await self._store.read(marks.is_done(operation)):
                return
            mark = await change(found, actor)
            # What the launcher has ended it keeps itself, but for what was ended before it did.
            kept = None if found.over and mark.ended_at is None else mark
            job = marks.incarnation_of(found.shown)
            await self._store.write(marks.note(job, kept, operation, self._clock.now()))
        _audit(mark.execution_type.value, found.shown, actor, operation)

    async def _start(self, found: Found, actor: Actor) -> Mark:
        is_stopped = found.shown.execution_type is ExecutionType.STOP
        if is_stopped and found.over:  # one that has not ended yet would run on
            await self._execute(found.shown, ExecutionType.START, actor)
        before = found.mark or Mark(ExecutionType.START)
        return Mark(
            ExecutionType.START,
            stopped=before.stopped or (is_stopped and not found.over),
            ended_at=before.ended_at,
        )

    async def _stop(self, found: Found, actor: Actor) -> Mark:
        if found.shown.execution_type is not ExecutionType.STOP:
            await self._execute(found.shown, ExecutionType.STOP, actor)
        before = found.mark or Mark(ExecutionType.STOP)
        return Mark(
            ExecutionType.STOP,
            stopped=before.stopped or not found.over,
            ended_at=before.ended_at or (self._clock.now() if found.waits else None),
        )

    async def _execute(self, job: JobSummary, wanted: ExecutionType, actor: Actor) -> None:
        with translated(job.name):
            await self._launcher.execute(str(job.name), wanted.value, behalf(job, actor))

    async def _delete(self, found: Found, actor: Actor, operation: OperationId) -> None:
        job = found.shown
        with translated(job.name):
            await self._launcher.delete(str(job.name), behalf(job, actor))
        await self._remove_folder(job)
        if job.submission is not None:
            await self._ports.release(job.submission)
        gone = marks.incarnation_of(job)
        await self._store.write(marks.note(gone, None, operation, self._clock.now()))
        _audit("DELETE", job, actor, operation)

    async def _delete_absent(self, ref: JobRef, actor: Actor) -> None:
        """Take away what a crash may have left of a submission, and what may still be coming."""
        if ref.submission is None:
            return
        job = JobSummary(ref.name, ref.submission, ref.name.namespace)
        with translated(ref.name):
            await self._launcher.delete(str(ref.name), behalf(job, actor))
        await self._remove_folder(job)
        await self._ports.release(ref.submission)

    async def _remove_folder(self, job: JobSummary) -> None:
        owner = owner_of(job.username, job.name)
        try:
            await self._files.remove(owner, str(job.name), job.submission)
        except Unavailable as error:
            raise Unavailable(error.message, detail=error.detail, elsewhere=True) from error


def behalf(job: JobSummary, actor: Actor) -> str:
    """Give the user that the launcher is told of: the namespace's owner, whoever asks.

    A job without a namespace is changed as its submitter.
    """
    return job.name.namespace or job.username or actor.account


def _audit(what: str, job: JobSummary, actor: Actor, operation: OperationId) -> None:
    said = "%s of %s by %s, as %s (%s)"
    LOG.info(said, what, job.name, actor.account, behalf(job, actor), operation)
