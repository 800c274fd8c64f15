"""A cluster in memory whose jobs run until they are stopped."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from attrs import evolve, frozen

import jobyard
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId, TaskRef
from jobyard.domain.node import NodeShape
from jobyard.domain.states import ExecutionType, FrameworkState, TaskState
from jobyard.domain.status import (
    JobStatus,
    JobSummary,
    TaskRoleStatus,
    TaskStatus,
    WaitingCode,
    WaitingReason,
)
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
)
from jobyard.errors import Conflict, NotFound
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.provider import Capability, SchedulingProvider, scheduling_provider
from jobyard.seams.scheduling import (
    ByteRange,
    JobExists,
    LogSlice,
    LogStream,
    Presence,
    Removal,
    Scheduler,
    Snapshot,
    Tail,
)


@frozen
class Settings:
    cpus: int = option(default=8, minimum=1, doc="The cores of the one node.")


class Cluster:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._cpus = settings.cpus
        self._clock = context.clock
        self._jobs: dict[FrameworkName, tuple[JobSubmission, JobSummary]] = {}
        self._done: set[OperationId] = set()
        self._shares: tuple[VirtualClusterShare, ...] = (VirtualClusterShare("default", 100.0),)
        self._version = 0

    async def submit(self, job: JobSubmission) -> None:
        known = self._jobs.get(job.name)
        if known is not None:
            if known[0].submission != job.submission:
                raise JobExists("the cluster has another job of that name")
            return
        self._put(
            job,
            JobSummary(
                name=job.name,
                submission=job.submission,
                username=job.submitter,
                framework_state=FrameworkState.APPLICATION_RUNNING,
                created_at=job.created_at,
                virtual_cluster=job.config.virtual_cluster,
                total_gpus=job.config.total_gpus,
                total_tasks=job.config.total_tasks,
                total_roles=len(job.config.task_roles),
            ),
        )

    async def find_submission(self, ref: JobRef) -> Presence:
        known = self._jobs.get(ref.name)
        if known is None:
            return Presence.ABSENT
        return Presence.OURS if known[0].submission == ref.submission else Presence.OTHER

    async def jobs(self) -> Snapshot[JobSummary]:
        summaries = tuple(summary for _, summary in self._jobs.values())
        return Snapshot(str(self._version), self._clock.now(), summaries)

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        if name not in self._jobs or attempt:
            raise NotFound("there is no such job, or no such attempt")
        submission, summary = self._jobs[name]
        over = summary.exit_code is not None
        state = TaskState.TASK_COMPLETED if over else TaskState.CONTAINER_RUNNING
        roles = tuple(
            TaskRoleStatus(
                role.name,
                tuple(
                    TaskStatus(index, state, exit_code=-7400 if over else None)
                    for index in range(role.task_number)
                ),
            )
            for role in submission.config.task_roles
        )
        return JobStatus(summary, progress=1.0 if over else 0.0, task_roles=roles)

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        submission, summary = self._known(ref)
        if operation not in self._done:
            self._done.add(operation)
            self._put(submission, evolve(summary, execution_type=ExecutionType.START))

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        submission, summary = self._known(ref)
        if operation in self._done:
            return
        self._done.add(operation)
        summary = evolve(summary, execution_type=ExecutionType.STOP)
        if summary.exit_code is None:
            summary = evolve(
                summary,
                framework_state=FrameworkState.FRAMEWORK_COMPLETED,
                exit_code=-7351,
                completed_at=self._clock.now(),
            )
        self._put(submission, summary)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        known = self._jobs.get(ref.name)
        if known is not None and known[0].submission == ref.submission:
            del self._jobs[ref.name]
            self._version += 1
        return Removal.DONE

    async def quotas(self) -> QuotaState:
        clusters = tuple(VirtualCluster(share) for share in self._shares)
        return QuotaState(str(self._version), clusters)

    async def apply(self, plan: CapacityPlan) -> None:
        if plan.version != str(self._version):
            raise Conflict("the state has changed since the plan was made")
        self._shares = plan.shares
        self._version += 1

    async def nodes(self) -> Sequence[NodeShape]:
        return [NodeShape(count=1, cpus=self._cpus, memory_mb=65_536)]

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        if all(role.cpu_number <= self._cpus for role in job.config.task_roles):
            return None
        message = f"the largest node has {self._cpus} CPUs"
        return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, message)

    async def ping(self) -> None:
        return None

    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        self._known(task.job)
        text = f"{task.role} {task.index} on {stream.value}\n".encode()
        if isinstance(span, Tail):
            start, end = max(0, len(text) - span.size), len(text)
        else:
            start = min(span.offset, len(text))
            end = len(text) if span.limit is None else min(len(text), start + span.limit)

        async def chunks() -> AsyncIterator[bytes]:
            yield text[start:end]

        return LogSlice(start, len(text), chunks())

    def _known(self, ref: JobRef) -> tuple[JobSubmission, JobSummary]:
        known = self._jobs.get(ref.name)
        if known is None or known[0].submission != ref.submission:
            raise NotFound("there is no such job")
        return known

    def _put(self, submission: JobSubmission, summary: JobSummary) -> None:
        self._jobs[submission.name] = submission, summary
        self._version += 1


@asynccontextmanager
async def _open(settings: Settings, context: Context) -> AsyncIterator[Scheduler]:
    yield Cluster(settings, context)


@jobyard.hookimpl
def jobyard_scheduling_providers() -> Iterable[SchedulingProvider]:
    return [
        scheduling_provider(
            name="frozen",
            api=1,
            summary="Jobs that run until they are stopped.",
            config=Settings,
            open=_open,
            capabilities=[Capability.LOGS, Capability.CAPACITY],
        )
    ]
