"""The scheduler on the launcher's double, whose tasks are processes of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread
from attrs import define, evolve

from jobyard.domain.node import NodeShape
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import NotSupported, Unavailable
from jobyard.seams.context import Context
from jobyard.testing.fakes.storage import FakeStorage
from jobyard.testing.launcher import (
    ClusterOptions,
    LauncherDouble,
    LauncherOptions,
    SourceReader,
)
from jobyard.testing.launcher.descriptor import Resource
from jobyard.testing.launcher.framework import Framework
from jobyard_backends.scheduling.yarn.launcher import Timeouts
from jobyard_backends.scheduling.yarn.opening import assembled
from jobyard_backends.scheduling.yarn.scheduler import YarnScheduler
from jobyard_backends.scheduling.yarn.settings import Site
from jobyard_backends.scheduling.yarn.start_scripts import StartScripts

CPUS: Final = 64
MEMORY: Final = 65_536
_WHOLE: Final = 100.0
_TRIES: Final = 100


def stored(storage: FakeStorage) -> SourceReader:
    """Have the double fetch from a storage in memory, which another thread may be changing."""

    def files() -> dict[str, bytes | None]:
        for _ in range(_TRIES):
            try:
                return storage.files()
            except RuntimeError:
                continue
        raise AssertionError

    def copy(location: str, target: Path) -> bool:
        there = files()
        found = {path: each for path, each in there.items() if path.startswith(f"{location}/")}
        for path, content in found.items():
            if content is not None:
                file = target / path.removeprefix(f"{location}/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        return bool(found)

    async def read(location: str, target: Path) -> bool:
        return await to_thread.run_sync(copy, location, target)

    return read


@define
class DoubledQueues:
    """Be ``default`` with all of the double's cluster, and count what the double runs."""

    cluster: Doubled

    async def quotas(self) -> QuotaState:
        await self.ping()
        unfinished = [
            each for each in [*self.cluster.double.lives.frameworks.values()] if not each.over
        ]
        active = [each for each in unfinished if any(task.holds for task in each.all_tasks())]
        held = [need for each in active for need in _held(each)]
        used = ResourcesUsed(
            memory=sum(need.memory_mb for need in held), vcores=sum(need.cpus for need in held)
        )
        usage = VirtualClusterUsage(
            used_capacity=_WHOLE * used.vcores / CPUS,
            active_jobs=len(active),
            pending_jobs=len(unfinished) - len(active),
            resources=used,
        )
        share = VirtualClusterShare("default", _WHOLE)
        return QuotaState("1", (VirtualCluster(share, usage),))

    async def apply(self, plan: CapacityPlan) -> None:
        raise NotSupported("the double has one queue")

    async def nodes(self) -> Sequence[NodeShape]:
        return [NodeShape(count=1, cpus=CPUS, memory_mb=MEMORY)]

    async def ping(self) -> None:
        if self.cluster.down:
            raise Unavailable("No ResourceManager can be reached.")


def _held(framework: Framework) -> list[Resource]:
    """Give what the tasks of a framework have taken."""
    roles = framework.descriptor.roles
    return [roles[task.role].resource for task in framework.all_tasks() if task.holds]


@define
class Doubled:
    """Be a cluster that outlives the gateways in front of it."""

    double: LauncherDouble
    storage: FakeStorage
    down: bool = False

    @classmethod
    def begun(cls, folder: Path, *, interval: float = 0.02) -> Doubled:
        """Start a cluster."""
        storage = FakeStorage()
        cluster = ClusterOptions(queues=("default",), cpus=CPUS, memory_mb=MEMORY)
        chosen = LauncherOptions(cluster=cluster, interval=interval)
        double = LauncherDouble(chosen, folder=folder, sources=stored(storage))
        double.__enter__()
        return cls(double, storage)

    def end(self) -> None:
        """End it with all its containers."""
        self.double.__exit__(None, None, None)

    @asynccontextmanager
    async def scheduler(
        self, context: Context, *, address: str | None = None
    ) -> AsyncIterator[YarnScheduler]:
        """Open the scheduler, behind another address if one is given."""
        near = evolve(context, storage=self.storage)
        site = Site(address or self.double.url, docker=None, timeouts=Timeouts(5.0, 30.0))
        scripts = StartScripts(
            storage=self.storage,
            tokens=near.job_tokens,
            public_url=near.public_url,
            docker=None,
            leased=False,
        )
        async with assembled(site, near, DoubledQueues(self), scripts) as scheduler:
            yield scheduler
