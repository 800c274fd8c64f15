"""Put the scheduler together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobyard.seams.context import Context
from jobyard_backends.scheduling.yarn import resource_manager
from jobyard_backends.scheduling.yarn.resource_manager import (
    ResourceManagerSettings,
    VirtualClusters,
)
from jobyard_backends.scheduling.yarn.services.attempts import Attempts
from jobyard_backends.scheduling.yarn.services.client import Services
from jobyard_backends.scheduling.yarn.services.rows import MIGRATIONS, Rows
from jobyard_backends.scheduling.yarn.services.scheduler import Parts, ServicesScheduler
from jobyard_backends.scheduling.yarn.services.settings import ServiceSettings


@asynccontextmanager
async def opened(
    managers: ResourceManagerSettings, settings: ServiceSettings, context: Context
) -> AsyncIterator[ServicesScheduler]:
    """Open the scheduler; nothing is asked of YARN yet."""
    await context.store.migrate(MIGRATIONS)
    rows = Rows(context.store)
    async with resource_manager.opened(managers) as client:
        yield ServicesScheduler(
            Parts(
                clusters=VirtualClusters(client),
                rows=rows,
                attempts=Attempts(Services(client), rows, context, settings),
                clock=context.clock,
                look=settings.look,
            )
        )
