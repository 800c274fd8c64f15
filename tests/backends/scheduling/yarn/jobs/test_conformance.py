"""Jobs on a launcher, held against the scheduling seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import ClassVar, Final

import pytest
from attrs import define

from jobyard.seams.context import Context
from jobyard.seams.provider import Capability, scheduling_provider
from jobyard.testing.probes import Kind
from jobyard.testing.scheduling import SchedulingConformance
from jobyard_backends.scheduling.yarn.scheduler import YarnScheduler
from tests.backends.scheduling.yarn.jobs.doubled import Doubled
from tests.databases import filled
from tests.fault_proxy import Proxy, running_proxy
from tests.gateways import NoSettings


@define
class Place:
    """Be one cluster, and the network in front of it."""

    cluster: Doubled
    proxy: Proxy
    proxies: AbstractContextManager[Proxy]

    @classmethod
    def made(cls, folder: Path) -> Place:
        cluster = Doubled.begun(folder / "launcher")
        proxies = running_proxy([cluster.double.url.removeprefix("http://")])
        return cls(cluster, proxies.__enter__(), proxies)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have launcher and ResourceManager away."""
        self.cluster.down = True
        with self.proxy.outage():
            yield
        self.cluster.down = False

    def close(self) -> None:
        self.proxies.__exit__(None, None, None)
        self.cluster.end()


PLACES: Final[dict[Path, Place]] = {}
"""Clusters outlive gateways: by the state directory of whoever uses one."""


@asynccontextmanager
async def _open(_: NoSettings, context: Context) -> AsyncIterator[YarnScheduler]:
    place = PLACES[context.state_dir.parent]
    await filled(context.store)
    async with place.cluster.scheduler(context, address=place.proxy.address()) as scheduler:
        await scheduler.ping()  # what is connected now is no job's
        yield scheduler


PROVIDER = scheduling_provider(
    name="yarn",
    api=1,
    summary="A launcher's double.",
    config=NoSettings,
    open=_open,
    capabilities=(Capability.LEGACY, Capability.REPLICAS),
)


class TestLauncher(SchedulingConformance):
    provider = PROVIDER
    outliving: ClassVar[Mapping[Kind, str]] = {
        Kind.PROCESS: "containers go on without the gateway",
        Kind.THREAD: "the double, in this process, waits for each of them in a thread",
    }
    waivers: ClassVar[Mapping[str, str]] = {
        "test_older_attempts_are_kept": "the launcher keeps a job's last attempt alone",
        "test_jobs_are_there_after_a_restart": "it asks for the first attempt of a job, as above",
    }

    @pytest.fixture
    def patience(self) -> float:
        return 120.0

    @pytest.fixture(autouse=True)
    def place(self, state_dir: Path) -> Iterator[Place]:
        """Run a cluster for the test, however often its gateway is opened."""
        place = PLACES[state_dir] = Place.made(state_dir.parent)
        yield place
        del PLACES[state_dir]
        place.close()

    @pytest.fixture
    def outage(self, place: Place) -> AbstractContextManager[object]:
        return place.away()
