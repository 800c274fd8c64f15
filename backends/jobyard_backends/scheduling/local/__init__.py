"""The embedded scheduler: jobs as processes of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.seams.context import Context
    from jobyard_backends.scheduling.local.scheduler import LocalScheduler
    from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig

__all__ = ["open_backend"]


@asynccontextmanager
async def open_backend(
    config: LocalSchedulingConfig, context: Context
) -> AsyncIterator[LocalScheduler]:
    """Open the scheduler; what ran before goes on, and still does after it is closed."""
    from jobyard_backends.scheduling.local.opening import opened  # noqa: PLC0415 - start cheaply

    async with opened(config, context) as scheduler:
        yield scheduler
