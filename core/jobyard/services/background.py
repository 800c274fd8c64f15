"""Background tasks with an owner that ends them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
from anyio.abc import TaskGroup

LOG: Final = logging.getLogger("jobyard.background")


class Background:
    """Run tasks until they end or the owner closes; implements the seam's ``TaskOwner``."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group

    def spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run a task; its failure is logged with its name, and ends nothing else."""
        self._group.start_soon(self._run, name, work, name=name)

    @staticmethod
    async def _run(name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            LOG.exception("the background task %s failed", name)


@asynccontextmanager
async def background() -> AsyncIterator[Background]:
    """Open an owner; at the end its tasks are cancelled and awaited.

    An error of the block leaves it as it is, and not in a group: the tasks have none to add.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        try:
            yield Background(group)
        except Exception as error:  # noqa: BLE001 - it is raised again below
            failure = error
        finally:
            group.cancel_scope.cancel()
    if failure is not None:
        raise failure
