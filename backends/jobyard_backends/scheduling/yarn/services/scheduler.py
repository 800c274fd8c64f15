"""The scheduler of a Hadoop without a launcher, as the seam sees it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final

import anyio
from attrs import evolve, frozen

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId, SubmissionId
from jobyard.domain.node import NodeShape
from jobyard.domain.states import EXIT_STOPPED, ExecutionType
from jobyard.domain.status import JobStatus, JobSummary, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState
from jobyard.errors import ApiError, BackendError, NotFound
from jobyard.seams.scheduling import JobExists, Presence, Removal, Snapshot, Term
from jobyard_backends.scheduling.yarn.admission import admit
from jobyard_backends.scheduling.yarn.clusters import Clusters
from jobyard_backends.scheduling.yarn.services import views
from jobyard_backends.scheduling.yarn.services.attempts import Attempts
from jobyard_backends.scheduling.yarn.services.fitness import refusal
from jobyard_backends.scheduling.yarn.services.records import STOPPED, Phase, Record
from jobyard_backends.scheduling.yarn.services.rows import Rows

LOG: Final = logging.getLogger("jobyard.scheduling.yarn")

_AT_ONCE: Final = 16


@frozen
class Parts:
    """Be what the scheduler is made of; ``look`` is in seconds."""

    clusters: Clusters
    rows: Rows
    attempts: Attempts
    clock: Clock
    look: float


class ServicesScheduler:
    """Run jobs as YARN Services; implements ``Scheduler`` and ``Reconciled``.

    What is asked for is written, and done by the gateway that leads.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._rows = parts.rows
        self._wanted = anyio.Event()
        self._failing: set[SubmissionId] = set()

    async def submit(self, job: JobSubmission) -> None:
        """Take a job over, durably; one that is here already is good.

        Raises:
            Refused: Its virtual cluster is not known, or accepts no new jobs.
            JobExists: Another submission has its name.
        """
        if await self._rows.get(job.submission) is not None:
            return
        await self._admit(job)
        found = await self._rows.add(Record(job, queued_at=self._parts.clock.now()))
        if found is Presence.OTHER:
            message = f"there is another job named {job.name}"
            raise JobExists(message)
        self._wanted.set()

    async def _admit(self, job: JobSubmission) -> None:
        try:
            state = await self._parts.clusters.quotas()
        except (ApiError, BackendError):
            return  # what cannot be checked is not refused (R)
        admit(state, job.config.virtual_cluster)

    async def find_submission(self, ref: JobRef) -> Presence:
        """Tell whether this submission, another of its name, or neither is here."""
        found = await self._rows.named(ref.name)
        if found is None:
            return Presence.ABSENT
        return Presence.OURS if found.id == ref.submission else Presence.OTHER

    async def jobs(self) -> Snapshot[JobSummary]:
        """Give every job."""
        found = await self._rows.all()
        versions = repr([(record.id, version) for version, record in found])
        return Snapshot(
            version=hashlib.sha256(versions.encode()).hexdigest()[:32],
            as_of=self._parts.clock.now(),
            items=tuple(views.summary(record) for _, record in found),
        )

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Give one job whole; ``attempt`` counts from 0, ``None`` is the last.

        Raises:
            NotFound: There is no such job, or no such attempt.
        """
        record = await self._rows.named(name)
        if record is None:
            raise _no_job(name)
        status = views.status(record, attempt, self._parts.clock.now())
        if status is None:
            message = f"job {name} has no attempt {attempt}"
            raise NotFound(message)
        return status

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Set the execution type to START; what was stopped stays so (contract, section 4, N).

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """

        def started(record: Record) -> Record:
            return evolve(record, execution_type=ExecutionType.START)

        await self._operate(ref, started, operation)
        LOG.info("%s started %s (%s)", actor.account, ref.name, operation)

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Stop a job for good: at once where it waits, else by removing its service.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """

        def stopped(record: Record) -> Record:
            return self._stopped(evolve(record, execution_type=ExecutionType.STOP))

        await self._operate(ref, stopped, operation)
        self._wanted.set()
        LOG.info("%s stopped %s (%s)", actor.account, ref.name, operation)

    def _stopped(self, record: Record) -> Record:
        if record.phase in {Phase.QUEUED, Phase.STARTING}:
            return record.stopped(self._parts.clock.now())
        if record.phase is Phase.RUNNING:
            return evolve(record.verdict(EXIT_STOPPED, STOPPED), stopping=True)
        return evolve(record, stopping=record.phase is Phase.ENDING or record.stopping)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Kill and forget a job; its name is free at once, also while its service still ends."""
        found = await self._find(ref)
        if found is None:
            return Removal.DONE

        def forgotten(record: Record) -> Record | None:
            if record.forgotten:
                return None
            over = record.ended(EXIT_STOPPED, self._parts.clock.now())
            leftover = bool(record.attempts) and record.live
            return evolve(over, forgotten=True, leftover=record.leftover or leftover)

        await self._rows.change(found.id, forgotten)
        self._wanted.set()
        LOG.info("%s deleted %s (%s)", actor.account, ref.name, operation)
        return Removal.GOING

    async def _operate(
        self, ref: JobRef, edit: Callable[[Record], Record], operation: OperationId
    ) -> None:
        found = await self._find(ref)
        if found is None or found.forgotten:
            raise _no_job(ref.name)
        if await self._rows.change(found.id, edit, operation) is None:
            raise _no_job(ref.name)

    async def _find(self, ref: JobRef) -> Record | None:
        if ref.submission is None:
            return await self._rows.named(ref.name)
        return await self._rows.get(ref.submission)

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage."""
        return await self._parts.clusters.quotas()

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing."""
        await self._parts.clusters.apply(plan)

    async def nodes(self) -> Sequence[NodeShape]:
        """Give the shapes of the nodes."""
        return await self._parts.clusters.nodes()

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Say why this cluster could never run a job, or ``None`` where it could."""
        return refusal(job.config, await self._parts.clusters.nodes())

    async def ping(self) -> None:
        """Return if the cluster answers; raise ``Unavailable`` if not."""
        await self._parts.clusters.ping()

    async def reconcile(self, term: Term) -> None:  # noqa: ARG002 - rows tell who was first
        """Do what there is to do with every job, again and again, until cancelled."""
        while True:
            self._wanted = anyio.Event()
            limiter = anyio.CapacityLimiter(_AT_ONCE)
            live = await self._rows.live()
            self._failing &= {record.id for record in live}
            async with anyio.create_task_group() as group:
                for record in live:
                    group.start_soon(self._step, record, limiter)
            with anyio.move_on_after(self._parts.look):
                await self._wanted.wait()

    async def _step(self, record: Record, limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            try:
                await self._parts.attempts.step(record)
                self._failing.discard(record.id)
            except (ApiError, BackendError) as error:
                if record.id not in self._failing:
                    LOG.warning("job %s goes on later: %s", record.job.name, error.message)
                self._failing.add(record.id)
            except Exception:
                # One job that breaks leaves the others alone; it is tried again.
                LOG.exception("a step of job %s failed", record.job.name)


def _no_job(name: FrameworkName) -> NotFound:
    return NotFound(f"job {name} is not found")
