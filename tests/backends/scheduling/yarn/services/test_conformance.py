"""Jobs as services, held against the scheduling seam."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final

import anyio
import pytest
from attrs import evolve
from sqlalchemy import Connection

from jobyard.database.engines import READERS
from jobyard.seams.context import Context, Store
from jobyard.seams.provider import Capability, scheduling_provider
from jobyard.testing.probes import Kind
from jobyard.testing.scheduling import SchedulingConformance
from jobyard_backends.scheduling.yarn.services import ServiceSettings
from jobyard_backends.scheduling.yarn.services.opening import assembled
from jobyard_backends.scheduling.yarn.services.scheduler import ServicesScheduler
from tests.backends.scheduling.yarn.services.processes import ProcessYarn, front_door
from tests.gateways import NoSettings

SETTINGS: Final = ServiceSettings(look=0.05, lost=1.0, retry_backoff=0.01)
YARNS: Final[dict[Path, ProcessYarn]] = {}
"""Clusters outlive gateways: by the state directory of whoever uses one."""


async def _fill(store: Store) -> None:
    """Have the pool open the connections now that it keeps: they are no job's."""
    together = threading.Barrier(READERS)

    def wait(_: Connection) -> None:
        together.wait(60)

    async with anyio.create_task_group() as group:
        for _ in range(READERS):
            group.start_soon(store.read, wait)


@asynccontextmanager
async def _open(_: NoSettings, context: Context) -> AsyncIterator[ServicesScheduler]:
    await _fill(context.store)
    yarn = YARNS.setdefault(context.state_dir, ProcessYarn(context.state_dir))
    async with front_door(context.storage) as address:
        reachable = evolve(context, public_url=address)
        yield await assembled(yarn, yarn, SETTINGS, reachable)


PROVIDER = scheduling_provider(
    name="services",
    api=1,
    summary="YARN Services on processes.",
    config=NoSettings,
    open=_open,
    capabilities=(Capability.REPLICAS,),
)


class TestServices(SchedulingConformance):
    provider = PROVIDER
    outliving: ClassVar[Mapping[Kind, str]] = {Kind.PROCESS: "containers go on without the gateway"}

    @pytest.fixture(autouse=True)
    def _closed(self) -> Iterator[None]:
        yield
        for yarn in YARNS.values():
            yarn.close()
        YARNS.clear()
