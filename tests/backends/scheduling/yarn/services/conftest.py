"""A YARN with services, and a gateway that its containers reach."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import anyio
import httpx
import pytest
import uvicorn

from jobyard.app import create_app
from jobyard.config.loading import load
from jobyard.registry import Registry
from jobyard.seams.context import Context
from jobyard.seams.provider import Capability, Seam, scheduling_provider
from jobyard.seams.scheduling import Scheduler
from jobyard_backends.scheduling.yarn.resource_manager import ResourceManagerSettings
from jobyard_backends.scheduling.yarn.services import ServiceSettings, opened
from tests.gateways import (
    ADMIN_PASSWORD,
    SMALL,
    Caller,
    Gateway,
    NoSettings,
    _point,
)
from tests.yarn import Yarn, running_yarn

CAPABILITIES: Final = (Capability.CAPACITY, Capability.REPLICAS)
_CONFIGURATION: Final = f"{SMALL}  upstream-timeout: 60\nscheduling: services\n"


@pytest.fixture(scope="session")
def service_cluster() -> Iterator[Yarn]:
    with running_yarn(services=True) as yarn:
        yield yarn


@pytest.fixture
def services(service_cluster: Yarn) -> Yarn:
    """The cluster, with nothing running, whatever the test before did to it."""
    service_cluster.start()
    service_cluster.end_all()
    return service_cluster


@asynccontextmanager
async def serving(
    folder: Path, yarn: Yarn, settings: ServiceSettings | None = None, *, port: int = 0
) -> AsyncIterator[Gateway]:
    """Run a gateway whose jobs are services, on a port, or on one of its own."""
    chosen = settings or ServiceSettings(look=0.2, lost=3.0, retry_backoff=0.1)
    managers = ResourceManagerSettings(tuple(yarn.addresses), connect=30, answer=60, failover=60)

    @asynccontextmanager
    async def begun(_: NoSettings, context: Context) -> AsyncIterator[Scheduler]:
        async with opened(managers, chosen, context) as scheduler:
            yield scheduler

    provider = scheduling_provider(
        name="services",
        api=1,
        summary="YARN Services.",
        config=NoSettings,
        open=begun,
        capabilities=CAPABILITIES,
    )
    installed = [each for seam in Seam for each in entry_points(group=seam.entry_point_group)]
    registry = Registry([*installed, _point(Seam.SCHEDULING, provider)])
    file = anyio.Path(folder) / "services-configuration.yaml"
    await file.write_text(_CONFIGURATION)
    state = anyio.Path(folder) / "state"
    await state.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", port)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(
            load(Path(file), registry, {}),
            registry,
            state_dir=Path(state),
            address=address,
            announce=lambda _: None,
        )
        config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            await _started(server)
            try:
                async with httpx.AsyncClient(base_url=address, timeout=60) as http:
                    guest = Caller(http)
                    gateway = Gateway(http, guest, guest)
                    admin = await gateway.log_in("admin", ADMIN_PASSWORD)
                    yield Gateway(http, guest, admin)
            finally:
                server.should_exit = True


async def _started(server: uvicorn.Server) -> None:
    with anyio.fail_after(60):
        while True:
            if server.started:
                return
            await anyio.sleep(0.02)


@pytest.fixture
async def gateway(services: Yarn, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with serving(tmp_path, services) as gateway:
        yield gateway
