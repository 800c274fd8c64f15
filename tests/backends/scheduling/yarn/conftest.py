"""A cluster, a network in front of it that can fail, and gateways over both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from jobyard.domain.node import NodeShape
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState
from jobyard.seams.provider import Capability
from jobyard.testing.fakes.cluster import FakeScheduler
from jobyard_backends.scheduling.yarn.resource_manager import (
    ResourceManagerSettings,
    VirtualClusters,
    opened,
)
from tests.fault_proxy import Proxy, running_proxy
from tests.gateways import SMALL, Gateway, running, scheduling_double
from tests.yarn import ADMINISTRATOR, Yarn, running_yarn


class Shared(FakeScheduler):
    """Be a scheduler whose jobs are nowhere, and whose virtual clusters are YARN's."""

    def __init__(self, clusters: VirtualClusters) -> None:
        super().__init__()
        self._clusters = clusters

    async def quotas(self) -> QuotaState:
        return await self._clusters.quotas()

    async def apply(self, plan: CapacityPlan) -> None:
        await self._clusters.apply(plan)

    async def nodes(self) -> Sequence[NodeShape]:
        return await self._clusters.nodes()

    async def ping(self) -> None:
        await self._clusters.ping()


@asynccontextmanager
async def clusters_at(
    *addresses: str, user: str = ADMINISTRATOR, answer: float = 30.0, failover: float = 30.0
) -> AsyncIterator[VirtualClusters]:
    """Open the virtual clusters of the ResourceManagers at addresses, patiently."""
    settings = ResourceManagerSettings(
        addresses=addresses, user=user, connect=answer, answer=answer, failover=failover
    )
    async with opened(settings) as managers:
        yield VirtualClusters(managers)


@asynccontextmanager
async def gateway_at(
    folder: Path, *addresses: str, user: str = ADMINISTRATOR
) -> AsyncIterator[Gateway]:
    """Run a gateway whose virtual clusters are those of the ResourceManagers at addresses."""
    configuration = f"{SMALL}  upstream-timeout: 60\nscheduling: double\nboard: {{max-age: 0}}\n"
    async with AsyncExitStack() as stack:
        clusters = await stack.enter_async_context(clusters_at(*addresses, user=user))
        double = scheduling_double(Shared(clusters), capabilities=[Capability.CAPACITY])
        await anyio.Path(folder).mkdir(exist_ok=True)
        yield await stack.enter_async_context(running(folder, configuration, double))


@pytest.fixture(scope="session")
def yarn_cluster() -> Iterator[Yarn]:
    """A ResourceManager and a NodeManager."""
    with running_yarn() as yarn:
        yield yarn


@pytest.fixture
def yarn(yarn_cluster: Yarn) -> Yarn:
    """The cluster, with nothing in it but ``default``, whatever the test before did to it."""
    yarn_cluster.start()
    yarn_cluster.reset()
    return yarn_cluster


@pytest.fixture
async def gateway(yarn: Yarn, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_at(tmp_path / "gateway", *yarn.addresses) as gateway:
        yield gateway


@pytest.fixture
def network(yarn: Yarn) -> Iterator[Proxy]:
    """A network between the gateway and the ResourceManager."""
    with running_proxy([yarn.addresses[0].removeprefix("http://")]) as proxy:
        yield proxy
