"""A cluster that costs nothing: so many jobs, made once, a few of which change all the time."""

from __future__ import annotations

import itertools
import time
import types
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from typing import Final

from attrs import evolve, frozen

import jobyard
from benchmarks.point import at_hand
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId, SubmissionId
from jobyard.domain.node import NodeShape
from jobyard.domain.states import FrameworkState, TaskState
from jobyard.domain.status import (
    JobStatus,
    JobSummary,
    RetryCounts,
    TaskPorts,
    TaskRoleStatus,
    TaskStatus,
    WaitingReason,
)
from jobyard.domain.submission_id import new_submission_id
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import NotFound, NotSupported
from jobyard.seams.context import Context
from jobyard.seams.provider import SchedulingProvider, Seam, scheduling_provider
from jobyard.seams.scheduling import Presence, Removal, Snapshot

USER: Final = "bench"
DETAILED: Final = "job-0"
"""The job whose detail is read."""
TASKS: Final = {DETAILED: 4, "job-1": 2, "job-2": 2000}
"""The jobs that have a detail, and how many tasks."""
_EPOCH: Final = 1_760_000_000_000
_TASKS: Final = 4


def summary(number: int) -> JobSummary:
    """Make a job; those of higher numbers are newer."""
    created = _EPOCH + number * 1000
    return JobSummary(
        name=FrameworkName(USER, f"job-{number}"),
        submission=SubmissionId(new_submission_id(created)),
        username=USER,
        framework_state=FrameworkState.APPLICATION_RUNNING,
        retries=RetryCounts(user=number % 3),
        created_at=created,
        virtual_cluster="default",
        total_gpus=8,
        total_tasks=_TASKS,
        total_roles=1,
    )


def _task(index: int) -> TaskStatus:
    return TaskStatus(
        index=index,
        container_state=TaskState.CONTAINER_RUNNING,
        container_id=f"static_{USER}_0_worker_{index}",
        container_ip="192.0.2.17",
        ports=(TaskPorts("http", (4000 + index,)), TaskPorts("ssh", (5000 + index,))),
        gpus=3,
    )


def _status(summary: JobSummary, tasks: int) -> JobStatus:
    return JobStatus(
        summary=summary,
        app_id=f"static_{USER}_0",
        progress=0.0,
        launched_at=(summary.created_at or 0) + 500,
        task_roles=(TaskRoleStatus("worker", tuple(_task(index) for index in range(tasks))),),
    )


class StaticCluster:
    """Be a scheduler whose every answer is at hand; implements ``Scheduler``.

    ``changes`` is how many jobs change a second.
    """

    def __init__(self, jobs: int, changes: float) -> None:
        self._jobs = {job.name: job for job in map(summary, range(jobs))}
        self._details = {
            name: _status(self._jobs[name], TASKS[name.job])
            for name in self._jobs
            if name.job in TASKS
        }
        self._changes = changes
        self._changed_at = time.monotonic()
        self._names = itertools.cycle(list(self._jobs))
        self._version = 0
        share = VirtualClusterShare("default", 100.0)
        usage = VirtualClusterUsage(37.5, jobs, 0, ResourcesUsed(4096, 16, 8))
        self._quotas = QuotaState("1", (VirtualCluster(share, usage),))

    def _change(self) -> None:
        now = time.monotonic()
        due = int((now - self._changed_at) * self._changes)
        if due == 0:
            return
        self._changed_at = now
        self._version += 1
        for name in itertools.islice(self._names, due):
            job = self._jobs[name]
            counts = RetryCounts(user=job.retries.user + 1)
            self._jobs[name] = evolve(job, retries=counts)

    async def submit(self, job: JobSubmission) -> None:
        """Take a job over."""
        self._version += 1
        self._jobs[job.name] = JobSummary(
            name=job.name,
            submission=job.submission,
            username=job.submitter,
            created_at=job.created_at,
            virtual_cluster=job.config.virtual_cluster,
            total_gpus=job.config.total_gpus,
            total_tasks=job.config.total_tasks,
            total_roles=len(job.config.task_roles),
        )

    async def find_submission(self, ref: JobRef) -> Presence:
        """Tell whether a submission is here."""
        return Presence.OURS if ref.name in self._jobs else Presence.ABSENT

    async def jobs(self) -> Snapshot[JobSummary]:
        """Give every job."""
        self._change()
        return Snapshot(str(self._version), _EPOCH, tuple(self._jobs.values()))

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Give one of the few jobs whose details are read."""
        if name not in self._details or attempt:
            message = f"job {name} is not found"
            raise NotFound(message)
        return self._details[name]

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Refuse: nobody starts here."""
        raise NotSupported(f"{operation} of {actor.account}: {ref.name} cannot be started")

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Refuse: nobody stops here."""
        raise NotSupported(f"{operation} of {actor.account}: {ref.name} cannot be stopped")

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Refuse: nobody deletes here."""
        raise NotSupported(f"{operation} of {actor.account}: {ref.name} cannot be deleted")

    async def quotas(self) -> QuotaState:
        """Give the one virtual cluster."""
        return self._quotas

    async def apply(self, plan: CapacityPlan) -> None:
        """Refuse: the shares stay."""
        raise NotSupported(f"no share changes here, not at version {plan.version}")

    async def nodes(self) -> Sequence[NodeShape]:
        """Give no nodes."""
        return ()

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Refuse nothing."""
        del job
        return None

    async def ping(self) -> None:
        """Return at once."""


@frozen
class NoSettings:
    """Be no settings at all."""


def static_cluster(jobs: int, changes: float) -> EntryPoint:
    """Announce a cluster as the scheduling plugin ``static``."""

    @asynccontextmanager
    async def opened(_: NoSettings, __: Context) -> AsyncIterator[StaticCluster]:
        yield StaticCluster(jobs, changes)

    provider = scheduling_provider(
        name="static", api=1, summary="Costs nothing.", config=NoSettings, open=opened
    )

    def announce() -> Iterable[SchedulingProvider]:
        return [provider]

    plugin = types.SimpleNamespace(jobyard_scheduling_providers=jobyard.hookimpl(announce))
    return at_hand(Seam.SCHEDULING, "static", plugin)
