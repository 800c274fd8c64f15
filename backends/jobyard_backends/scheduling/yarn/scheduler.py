"""The scheduler: the launcher for jobs, the ResourceManager for virtual clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId
from jobyard.domain.node import NodeShape
from jobyard.domain.states import JobState
from jobyard.domain.status import JobStatus, JobSummary, SshContainer, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState
from jobyard.errors import NotFound, NotSupported
from jobyard.seams.scheduling import Presence, Removal, Snapshot
from jobyard_backends.scheduling.yarn import fitness, views
from jobyard_backends.scheduling.yarn.admission import Admission
from jobyard_backends.scheduling.yarn.clusters import Clusters
from jobyard_backends.scheduling.yarn.failures import translated
from jobyard_backends.scheduling.yarn.files import Files, owner_of
from jobyard_backends.scheduling.yarn.frameworks import Frameworks
from jobyard_backends.scheduling.yarn.handing_over import HandingOver
from jobyard_backends.scheduling.yarn.launcher import Launcher
from jobyard_backends.scheduling.yarn.listing import Listing
from jobyard_backends.scheduling.yarn.names import Names
from jobyard_backends.scheduling.yarn.operations import Operations
from jobyard_backends.scheduling.yarn.ports import PortOffice

_RESOURCE_MANAGER: Final = frozenset({"quotas", "apply", "nodes"})
_HOUR: Final = 3600 * 1000


@frozen
class Parts:
    """Be what the scheduler is made of."""

    launcher: Launcher
    clusters: Clusters
    admission: Admission
    files: Files
    frameworks: Frameworks
    handing_over: HandingOver
    operations: Operations
    listing: Listing
    names: Names
    ports: PortOffice
    clock: Clock
    ssh: bool


class YarnScheduler:
    """Run jobs on YARN; implements ``Scheduler``, ``SshSource``, ``Documents`` and ``Parted``."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._gives_gpus: bool | None = None

    def part_of(self, operation: str) -> str:
        """Tell the calls that the ResourceManager answers from those of the launcher."""
        return "resource-manager" if operation in _RESOURCE_MANAGER else "launcher"

    async def submit(self, job: JobSubmission) -> None:
        """Hand a job over; one that the launcher has already is good.

        Raises:
            Refused: The cluster will not have it; nothing is left of it.
            NotSent: Nothing was handed over.
            OutcomeUnknown: It may have arrived.
            JobExists: The launcher has another job of that name.
        """
        async with self._parts.names.alone(job.name):
            await self._parts.handing_over.submit(job)

    async def find_submission(self, ref: JobRef) -> Presence:
        """Tell whether the launcher has this submission, another of its name, or neither."""
        return await self._parts.handing_over.presence(ref)

    async def jobs(self) -> Snapshot[JobSummary]:
        """Give every job, those of others included."""
        snapshot = await self._parts.listing.snapshot()
        before = self._parts.clock.now() - _HOUR
        await self._parts.ports.give_back(snapshot.items, before)
        return snapshot

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Give one job whole; the launcher keeps its last attempt alone.

        Raises:
            NotFound: There is no such job, or the attempt is not its last.
        """
        found = await self._parts.frameworks.find(name)
        ports = await self._parts.ports.of(found.job.submission)
        status = views.status(found.said, found.job, ports)
        if attempt not in {None, status.attempt}:
            message = f"attempt {attempt} of job {name} is not kept: its last is {status.attempt}"
            raise NotFound(message)
        return evolve(status, waiting=fitness.waiting(status))

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Set the execution type to START; what was stopped stays so (contract, section 4, N).

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        await self._parts.operations.start(ref, actor, operation)

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Stop a job for good: at once where no task of it has run, else by ending its tasks.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        await self._parts.operations.stop(ref, actor, operation)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Kill and forget a job, and remove its folder; its name is free at once."""
        await self._parts.operations.delete(ref, actor, operation)
        return Removal.DONE

    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        """Give the SSH daemons that the running tasks of a job have noted down.

        Raises:
            NotFound: There is no such job, or its name has another submission.
            NotSupported: Tasks run in no containers, which alone have daemons.
        """
        if not self._parts.ssh:
            raise NotSupported("tasks have no SSH daemons where they run in no containers")
        found = await self._parts.frameworks.meant(ref)
        status = views.status(found.said, found.job)
        running = {
            task.container_id
            for role in status.task_roles
            for task in role.tasks
            if task.state is JobState.RUNNING
        }
        if not running or status.app_id is None:
            return []
        owner = owner_of(found.job.username, ref.name)
        daemons = await self._parts.files.daemons(owner, str(ref.name), status.app_id)
        return [each for each in daemons if each.container_id in running]

    async def document(self, ref: JobRef) -> bytes | None:
        """Give, as JSON, what a job was made from that another gateway took.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        found = await self._parts.frameworks.meant(ref)
        owner = owner_of(found.job.username, ref.name)
        return await self._parts.files.config(owner, str(ref.name))

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage."""
        return await self._parts.clusters.quotas()

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing."""
        try:
            await self._parts.clusters.apply(plan)
        finally:
            self._parts.admission.forget()

    async def nodes(self) -> Sequence[NodeShape]:
        """Give the shapes of the nodes."""
        return await self._parts.clusters.nodes()

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Say why this cluster could never run a job, or ``None`` where it could."""
        gpus = await self._has_gpus() if job.config.total_gpus else None
        return fitness.refusal(job.config, await self._parts.clusters.nodes(), gpus=gpus)

    async def ping(self) -> None:
        """Return if launcher and ResourceManager answer; raise ``Unavailable`` if not."""
        with translated():
            await self._parts.launcher.status()
        await self._parts.clusters.ping()

    async def _has_gpus(self) -> bool | None:
        """Tell whether the launcher's Hadoop gives GPUs; ``None`` where it does not say."""
        if self._gives_gpus is None:
            with translated():
                said = await self._parts.launcher.status()
            self._gives_gpus = said.flag("hadoopLibrarySupportsGpu")
        return self._gives_gpus
