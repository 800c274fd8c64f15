"""The room that logs take: of those of running tasks only the newest part is kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from jobyard_backends.scheduling.local import log_file

LOG: Final = logging.getLogger("jobyard.scheduling.local")

INTERVAL: Final = 5.0
"""Seconds between two looks."""


class LogRoom:
    """Trim the logs of tasks to ``most`` bytes each, while they run and at their end."""

    def __init__(self, most: int, threads: CapacityLimiter, *, interval: float = INTERVAL) -> None:
        self.most: Final = most
        self._threads = threads
        self._interval = interval
        self._folders: set[Path] = set()
        self._some = anyio.Event()

    @contextmanager
    def of(self, folder: Path) -> Iterator[None]:
        """Look after the logs of a task while the block runs."""
        self._folders.add(folder)
        self._some.set()
        try:
            yield
        finally:
            self._folders.discard(folder)

    async def run(self) -> None:
        """Trim until cancelled; costs nothing while no task runs."""
        while True:
            if not self._folders:
                self._some = anyio.Event()
                await self._some.wait()
            for folder in tuple(self._folders):
                await self.trim(folder)
            await anyio.sleep(self._interval)

    async def trim(self, folder: Path) -> None:
        """Trim the logs of one task."""
        try:
            await to_thread.run_sync(self._trim, folder, limiter=self._threads)
        except OSError:
            LOG.exception("the logs in %s could not be trimmed", folder)

    def _trim(self, folder: Path) -> None:
        for name in log_file.NAMES:
            log_file.trim(folder / name, self.most)
