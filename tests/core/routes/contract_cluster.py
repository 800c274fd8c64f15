"""A cluster in memory that can do everything that the contract tells of, for whole gateways."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
from attrs import define, evolve, field

from jobyard.clock import Clock
from jobyard.domain.job import FrameworkName, JobRef, TaskRef
from jobyard.domain.status import JobStatus, JobSummary, SshContainer
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import ByteRange, LogSlice, LogStream, Tail
from tests.core.services.doubles import FakeScheduler
from tests.gateways import Gateway, running, scheduling_double

DOWN: Final = "The ResourceManager does not answer."
_CALLS: Final = (
    *("jobs", "job", "quotas", "apply", "submit", "refusal", "start", "stop", "delete", "ping"),
    *("find_submission", "ssh_containers"),
)


@define
class Cluster(FakeScheduler):
    """Have legacy jobs, attempts, SSH daemons and virtual clusters, and be down when told to."""

    attempts: dict[FrameworkName, list[JobStatus]] = field(factory=dict)
    containers: dict[FrameworkName, list[SshContainer]] = field(factory=dict)
    output: dict[LogStream, bytes] = field(factory=dict)
    clusters: dict[str, VirtualCluster] = field(
        factory=lambda: {"default": VirtualCluster(VirtualClusterShare("default", 100.0))}
    )

    def holds(self, *jobs: JobSummary) -> None:
        """Have jobs that came from elsewhere."""
        self.jobs_held |= {job.name: job for job in jobs}
        self.version += 1

    def shows(self, *attempts: JobStatus) -> None:
        """Have a job whole, with all its attempts."""
        last = attempts[-1].summary
        self.attempts[last.name] = list(attempts)
        self.holds(last)

    def uses(self, name: str, usage: VirtualClusterUsage) -> None:
        """Have something going on in a virtual cluster."""
        self.clusters[name] = evolve(self.clusters[name], usage=usage)

    def fail(self, error: type[Unavailable] = Unavailable, message: str = DOWN) -> None:
        """Be down from now on."""
        self.always |= dict.fromkeys(_CALLS, lambda: error(message))

    def answer(self) -> None:
        """Answer again."""
        self.always.clear()

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        if name not in self.attempts:
            return await FakeScheduler.job(self, name, attempt)
        await self._enter("job")
        known = self.attempts[name]
        if name not in self.jobs_held or (attempt or 0) >= len(known):
            raise NotFound("there is no such job or attempt")
        shown = known[-1 if attempt is None else attempt]
        return evolve(shown, summary=evolve(self.jobs_held[name], **_own(shown.summary)))

    async def quotas(self) -> QuotaState:
        await self._enter("quotas")
        clusters = [self.clusters[name] for name in sorted(self.clusters)]
        return QuotaState("1", tuple(clusters))

    async def apply(self, plan: CapacityPlan) -> None:
        await self._enter("apply")
        known = self.clusters
        self.clusters = {
            share.name: evolve(known[share.name], share=share)
            if share.name in known
            else VirtualCluster(share)
            for share in plan.shares
        }

    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        await self._enter("ssh_containers")
        return self.containers.get(ref.name, [])

    async def ping(self) -> None:
        await self._enter("ping")

    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        await self._enter("open_log")
        if (task.role, task.index) != ("main", 0) or not self.output:
            raise NotFound("there is no such log")
        whole = self.output[stream]
        start = max(0, len(whole) - span.size) if isinstance(span, Tail) else span.offset
        limit = span.limit if isinstance(span, ByteRange) else None
        part = whole[start:] if limit is None else whole[start : start + limit]
        self.done.append(("log", f"{attempt} {follow}"))

        async def chunks() -> AsyncIterator[bytes]:
            yield part

        return LogSlice(start, len(whole), chunks())


def _own(summary: JobSummary) -> dict[str, Any]:
    return {"framework_state": summary.framework_state, "exit_code": summary.exit_code}


@asynccontextmanager
async def served(
    state_dir: Path,
    cluster: Cluster,
    *,
    capabilities: tuple[Capability, ...] = (Capability.LEGACY, Capability.SSH),
    more: str = "",
    server: str = "",
    clock: Clock | None = None,
) -> AsyncIterator[Gateway]:
    """Run a gateway in front of a cluster; every list looks at it anew."""
    configuration = f"""
rest-server: {{default-pai-admin-password: secret of the admin{server}}}
scheduling: double
board: {{max-age: 0}}
{more}
"""
    point = scheduling_double(cluster, capabilities=capabilities)
    with anyio.fail_after(120):
        async with running(state_dir, configuration, point, clock=clock) as gateway:
            yield gateway


def job(name: str = "one", **changes: object) -> dict[str, object]:
    """Write a job's configuration."""
    role = {"name": "main", "command": "true"}
    return {"jobName": name, "image": "none", "taskRoles": [role], **changes}
