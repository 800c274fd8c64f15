"""Run a scheduler's own loop on the one gateway that leads."""

from __future__ import annotations

import logging
from typing import Final

import anyio

from jobyard.database.leadership import SqlLeadership
from jobyard.errors import JobyardError
from jobyard.resilience import Guarded
from jobyard.seams.scheduling import Reconciled, Scheduler

LOG: Final = logging.getLogger("jobyard.reconciling")

_PAUSE: Final = 1.0
"""Seconds before the loop is entered again, where it ended or was not there yet."""


class Reconciling:
    """Lead where that is to be had, and run the scheduler's loop while it is."""

    def __init__(self, scheduling: Guarded[Scheduler], leadership: SqlLeadership) -> None:
        self._scheduling = scheduling
        self._leadership = leadership

    async def run(self) -> None:
        """Run for ever; a scheduler without such a loop is left alone."""
        while True:
            backend: object = self._scheduling.backend
            if isinstance(backend, Reconciled):
                await self._reign(backend)
            await anyio.sleep(_PAUSE)

    async def _reign(self, backend: Reconciled) -> None:
        try:
            async with self._leadership.reign() as term:
                await backend.reconcile(term)
        except JobyardError as error:
            LOG.warning("reconciling goes on later: %s", error.message)
        except Exception:
            # A loop that breaks is entered again: the jobs of the cluster need it.
            LOG.exception("the loop of %s failed", self._scheduling.name)
