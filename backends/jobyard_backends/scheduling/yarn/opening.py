"""Put the scheduler together, and take it apart."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio import to_thread

from jobyard.seams.context import Context
from jobyard_backends.scheduling.yarn import marks
from jobyard_backends.scheduling.yarn.admission import Admission
from jobyard_backends.scheduling.yarn.clusters import Clusters
from jobyard_backends.scheduling.yarn.files import Files
from jobyard_backends.scheduling.yarn.frameworks import Frameworks
from jobyard_backends.scheduling.yarn.handing_over import HandingOver, Scripts
from jobyard_backends.scheduling.yarn.launcher import Launcher
from jobyard_backends.scheduling.yarn.listing import Listing
from jobyard_backends.scheduling.yarn.names import Names
from jobyard_backends.scheduling.yarn.operations import Operations
from jobyard_backends.scheduling.yarn.ports import PortOffice
from jobyard_backends.scheduling.yarn.resource_manager import (
    ResourceManagerSettings,
    VirtualClusters,
)
from jobyard_backends.scheduling.yarn.resource_manager import opened as managers_opened
from jobyard_backends.scheduling.yarn.scheduler import Parts, YarnScheduler
from jobyard_backends.scheduling.yarn.settings import Site
from jobyard_backends.scheduling.yarn.start_scripts import StartScripts


@asynccontextmanager
async def connected(site: Site) -> AsyncIterator[Launcher]:
    """Make a client of the launcher, and close it."""
    trusted = await to_thread.run_sync(_trusted, site)
    launcher = Launcher(site.launcher, timeouts=site.timeouts, trusted=trusted)
    try:
        yield launcher
    finally:
        with anyio.CancelScope(shield=True):
            await launcher.aclose()


@asynccontextmanager
async def assembled(
    site: Site, context: Context, clusters: Clusters, scripts: Scripts
) -> AsyncIterator[YarnScheduler]:
    """Put the scheduler together; ``clusters`` holds the virtual clusters.

    Nothing is asked of anybody: a gateway starts beside a cluster that is down.
    """
    await context.store.migrate(marks.MIGRATIONS)
    async with connected(site) as launcher:
        store, clock, names = context.store, context.clock, Names()
        frameworks = Frameworks(launcher, store)
        files = Files(context.storage)
        ports = PortOffice(context.ports, store, site.ports)
        admission = Admission(clusters, clock)
        yield YarnScheduler(
            Parts(
                launcher=launcher,
                clusters=clusters,
                admission=admission,
                files=files,
                frameworks=frameworks,
                handing_over=HandingOver(
                    launcher=launcher,
                    files=files,
                    ports=ports,
                    admission=admission,
                    scripts=scripts,
                    clock=clock,
                ),
                operations=Operations(
                    launcher=launcher,
                    frameworks=frameworks,
                    files=files,
                    ports=ports,
                    names=names,
                    store=store,
                    clock=clock,
                ),
                listing=Listing(launcher, store, clock),
                names=names,
                ports=ports,
                clock=clock,
                ssh=site.docker is not None,
            )
        )


@asynccontextmanager
async def opened(
    site: Site, managers: ResourceManagerSettings, context: Context
) -> AsyncIterator[YarnScheduler]:
    """Open the scheduler; see the package."""
    scripts = StartScripts(
        storage=context.storage,
        tokens=context.job_tokens,
        public_url=context.public_url,
        docker=site.docker,
        leased=site.ports is not None,
    )
    async with (
        managers_opened(managers) as found,
        assembled(site, context, VirtualClusters(found), scripts) as scheduler,
    ):
        yield scheduler


def _trusted(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=site.ca_file)
