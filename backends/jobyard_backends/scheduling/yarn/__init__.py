"""Jobs and virtual clusters on YARN."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.seams.context import Context
    from jobyard_backends.scheduling.yarn.resource_manager import ResourceManagerSettings
    from jobyard_backends.scheduling.yarn.scheduler import YarnScheduler
    from jobyard_backends.scheduling.yarn.settings import Site

__all__ = ["open_backend"]


@asynccontextmanager
async def open_backend(
    site: Site, managers: ResourceManagerSettings, context: Context
) -> AsyncIterator[YarnScheduler]:
    """Open the scheduler; it asks nobody for anything before it is asked itself."""
    from jobyard_backends.scheduling.yarn.opening import opened  # noqa: PLC0415 - start cheaply

    async with opened(site, managers, context) as scheduler:
        yield scheduler
