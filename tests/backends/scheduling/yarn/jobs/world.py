"""The scheduler on a launcher of the tests', with virtual clusters and a storage in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from attrs import define, evolve, field, frozen

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import JobSubmission, KeyPair, TaskRole
from jobyard.domain.node import NodeShape
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import Unavailable
from jobyard.seams.context import Context
from jobyard.seams.provider import scheduling_provider
from jobyard.seams.scheduling import Scheduler
from jobyard.testing.fakes.storage import FakeStorage
from jobyard.testing.jobs import role, submission
from jobyard.testing.subject import opened
from jobyard_backends.scheduling.yarn.launcher import Timeouts
from jobyard_backends.scheduling.yarn.opening import assembled
from jobyard_backends.scheduling.yarn.scheduler import YarnScheduler
from jobyard_backends.scheduling.yarn.settings import Site
from jobyard_backends.scheduling.yarn.views import Ports
from tests.backends.scheduling.yarn.jobs.shelf import Shelf, shelved
from tests.fault_proxy import Proxy

ALICE = Actor("conformance")


@define
class Queues:
    """Virtual clusters that are as a test says."""

    shares: list[VirtualClusterShare] = field(
        factory=lambda: [
            VirtualClusterShare("default", 90.0),
            VirtualClusterShare("stopped", 10.0, 10.0, VirtualClusterState.STOPPED),
        ]
    )
    shapes: list[NodeShape] = field(factory=list)
    down: bool = False
    looks: int = 0

    async def quotas(self) -> QuotaState:
        self.looks += 1
        await self.ping()
        return QuotaState(str(self.shares), tuple(VirtualCluster(each) for each in self.shares))

    async def apply(self, plan: CapacityPlan) -> None:
        await self.ping()
        self.shares = list(plan.shares)

    async def nodes(self) -> Sequence[NodeShape]:
        await self.ping()
        return self.shapes

    async def ping(self) -> None:
        if self.down:
            raise Unavailable("No ResourceManager can be reached.")


async def scripts(job: JobSubmission, ports: Ports) -> Mapping[str, bytes]:
    """Write scripts that nobody runs."""
    return {
        f"YarnContainerScripts/{number}.sh": f"{each.command} {len(ports)}".encode()
        for number, each in enumerate(job.config.task_roles)
    }


@frozen
class NoSettings:
    pass


@frozen
class World:
    """Be the scheduler and all that it stands on."""

    scheduler: YarnScheduler
    shelf: Shelf
    queues: Queues
    storage: FakeStorage
    context: Context

    async def submitted(self, *roles: TaskRole) -> JobSubmission:
        """Hand a job over."""
        made = job(*roles)
        await self.scheduler.submit(made)
        return made


def job(*roles: TaskRole) -> JobSubmission:
    """Make a job with keys."""
    made = submission(*(roles or (role("true"),)))
    return evolve(made, document=b'{"jobName": "x"}', keys=KeyPair("ssh-ed25519 A", b"secret"))


@asynccontextmanager
async def on_shelf(
    folder: Path,
    *,
    network: Proxy | None = None,
    shelf: Shelf | None = None,
    ports: range | None = None,
    clock: Clock | None = None,
    answer: float = 5.0,
) -> AsyncIterator[World]:
    """Open the scheduler on an empty shelf, or on one that is there, behind a network."""
    queues, storage = Queues(), FakeStorage()
    async with AsyncExitStack() as stack:
        if shelf is None:
            shelf = await stack.enter_async_context(shelved())
        site = Site(
            launcher=shelf.address if network is None else network.address(),
            ports=ports,
            timeouts=Timeouts(connect=1.0, answer=answer),
        )

        @asynccontextmanager
        async def opening(_: NoSettings, context: Context) -> AsyncIterator[Scheduler]:
            async with assembled(site, context, queues, scripts) as scheduler:
                yield scheduler

        provider = scheduling_provider(
            name="yarn", api=1, summary="YARN.", config=NoSettings, open=opening
        )
        opening_ = opened(provider, {}, folder, storage=storage, clock=clock)
        subject = await stack.enter_async_context(opening_)
        assert isinstance(subject.backend, YarnScheduler)
        yield World(subject.backend, shelf, queues, storage, subject.context)
