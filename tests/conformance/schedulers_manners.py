# ruff: noqa: ASYNC251 - to block the loop is what one of them is for
"""Schedulers that behave badly: outages, the event loop, cancellation; everything else is the fake's."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import ClassVar

import anyio
from anyio.lowlevel import checkpoint

from jobyard.domain.identity import Actor
from jobyard.domain.job import (
    FrameworkName,
    JobRef,
    JobSubmission,
    OperationId,
)
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.scheduling import (
    JobExists,
    NotSent,
    Removal,
    Snapshot,
)
from jobyard.testing.fakes.cluster import Done
from jobyard.testing.fakes.scheduling import FakeScheduler


class SwallowsUnavailable(FakeScheduler):
    async def jobs(self) -> Snapshot[JobSummary]:
        try:
            return await super().jobs()
        except Unavailable:
            return Snapshot("", 0, ())


class ForgetsWhileItIsDown(FakeScheduler):
    """Take a cluster that cannot be reached for one that has no such job."""

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        try:
            return await super().job(name, attempt)
        except Unavailable as error:
            raise NotFound("no such job") from error


class DoesNotSayThatNothingWasSent(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        try:
            await super().submit(job)
        except NotSent as error:
            raise Unavailable("down") from error


class BlocksTheLoop(FakeScheduler):
    async def jobs(self) -> Snapshot[JobSummary]:
        time.sleep(0.08)
        return await super().jobs()


class LeaksATask(FakeScheduler):
    leaked: ClassVar[list[asyncio.Task[None]]] = []

    async def submit(self, job: JobSubmission) -> None:
        await super().submit(job)
        self.leaked.append(asyncio.create_task(anyio.sleep_forever(), name="leaked"))


class SwallowsCancellation(FakeScheduler):
    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        shield = anyio.CancelScope(shield=True)
        shield.__enter__()
        try:
            return await super().job(name, attempt)
        finally:
            shield.__exit__(None, None, None)


class LeaksWhereItOpens(FakeScheduler):
    async def run(self) -> None:
        LeaksATask.leaked.append(asyncio.create_task(anyio.sleep_forever(), name="leaked"))
        await super().run()


class TakesTheNameFirst(FakeScheduler):
    """Be cancelled between the name and the job."""

    async def submit(self, job: JobSubmission) -> None:
        taken = f"taken {job.name}" in self.gates
        if taken and job.name not in self._jobs:
            raise JobExists("taken, by nobody")
        self.gates[f"taken {job.name}"] = anyio.Event()
        await checkpoint()
        await super().submit(job)


class NotesAStopFirst(FakeScheduler):
    """Be cancelled between the operation and its effect."""

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        if any(each.operation == operation for each in self.done):
            return
        self.done.append(Done("stop", ref.name, actor, operation))
        await checkpoint()
        self._find(ref).stop(0)


class NotesADeleteFirst(FakeScheduler):
    """Be cancelled between the decision and the deed, and take it for done."""

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        if f"gone {ref}" in self.gates:
            return Removal.DONE
        self.gates[f"gone {ref}"] = anyio.Event()
        await checkpoint()
        return await super().delete(ref, actor, operation)
