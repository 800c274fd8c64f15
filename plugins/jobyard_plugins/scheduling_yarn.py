"""Jobs on YARN, announced under the name ``yarn``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from jobyard.hookspecs import hookimpl
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import Capability, SchedulingProvider, scheduling_provider
from jobyard.seams.scheduling import Scheduler
from jobyard_plugins.scheduling_yarn_config import YarnScheduling


@asynccontextmanager
async def _open(config: YarnScheduling, context: Context) -> AsyncIterator[Scheduler]:
    if config.as_services:
        from jobyard_backends.scheduling.yarn.services import (  # noqa: PLC0415 - not before chosen
            opened,
        )

        managers = config.resource_managers()
        async with opened(managers, config.services(), context) as services:
            yield services
        return
    from jobyard_backends.scheduling.yarn import open_backend  # noqa: PLC0415 - as above

    async with open_backend(config.site(), config.resource_managers(), context) as scheduler:
        yield scheduler


@asynccontextmanager
async def _diagnose(
    config: YarnScheduling,
    context: Context,  # noqa: ARG001 - the hook's
) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.scheduling.yarn.diagnosis import diagnosis  # noqa: PLC0415 - as above

    site = None if config.as_services else config.site()
    async with diagnosis(site, config.resource_managers()) as checks:
        yield checks


@hookimpl
def jobyard_scheduling_providers() -> tuple[SchedulingProvider, ...]:
    """Announce the scheduler."""
    return (
        scheduling_provider(
            name="yarn",
            api=1,
            summary="Runs jobs on YARN by a FrameworkLauncher, in virtual clusters of its queues.",
            config=YarnScheduling,
            open=_open,
            capabilities=(
                Capability.LEGACY,
                Capability.SSH,
                Capability.CAPACITY,
                Capability.REPLICAS,
            ),
            diagnose=_diagnose,
        ),
    )
