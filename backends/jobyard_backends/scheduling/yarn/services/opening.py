"""Put the scheduler together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobyard.seams.context import Context
from jobyard_backends.scheduling.yarn import resource_manager
from jobyard_backends.scheduling.yarn.clusters import Clusters
from jobyard_backends.scheduling.yarn.resource_manager import (
    ResourceManagerSettings,
    VirtualClusters,
)
from jobyard_backends.scheduling.yarn.services.attempts import Attempts
from jobyard_backends.scheduling.yarn.services.client import Services, YarnServices
from jobyard_backends.scheduling.yarn.services.rows import MIGRATIONS, Rows
from jobyard_backends.scheduling.yarn.services.scheduler import Parts, ServicesScheduler
from jobyard_backends.scheduling.yarn.services.settings import ServiceSettings


@asynccontextmanager
async def opened(
    managers: ResourceManagerSettings, settings: ServiceSettings, context: Context
) -> AsyncIterator[ServicesScheduler]:
    """Open the scheduler; nothing is asked of YARN yet."""
    async with resource_manager.opened(managers) as client:
        clusters, services = VirtualClusters(client), YarnServices(client)
        yield await assembled(clusters, services, settings, context)


async def assembled(
    clusters: Clusters, services: Services, settings: ServiceSettings, context: Context
) -> ServicesScheduler:
    """Put the scheduler together, over whatever holds virtual clusters and services."""
    await context.store.migrate(MIGRATIONS)
    rows = Rows(context.store)
    attempts = Attempts(services, rows, context, settings)
    return ServicesScheduler(Parts(clusters, rows, attempts, context.clock, settings.look))
