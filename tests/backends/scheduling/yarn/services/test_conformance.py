"""Jobs as services, held against the scheduling seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Final

import pytest
from attrs import evolve

from jobyard.seams.context import Context
from jobyard.seams.provider import Capability, scheduling_provider
from jobyard.testing.probes import Kind
from jobyard.testing.scheduling import SchedulingConformance
from jobyard_backends.scheduling.yarn.services import ServiceSettings
from jobyard_backends.scheduling.yarn.services.opening import assembled
from jobyard_backends.scheduling.yarn.services.scheduler import ServicesScheduler
from tests.backends.scheduling.yarn.services.processes import ProcessYarn, front_door
from tests.databases import filled
from tests.gateways import NoSettings

SETTINGS: Final = ServiceSettings(look=0.05, lost=1.0, retry_backoff=0.01)
YARNS: Final[dict[Path, ProcessYarn]] = {}
"""Clusters outlive gateways: by the state directory of whoever uses one."""


@asynccontextmanager
async def _open(_: NoSettings, context: Context) -> AsyncIterator[ServicesScheduler]:
    await filled(context.store)
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
