"""Whether a job's virtual cluster takes it: YARN itself finds out only afterwards."""

from __future__ import annotations

from typing import Final

from jobyard.clock import Clock
from jobyard.domain.virtual_cluster import QuotaState, VirtualClusterState
from jobyard.errors import ApiError, BackendError
from jobyard.seams.scheduling import Refused
from jobyard_backends.scheduling.yarn.clusters import Clusters

_MAX_AGE: Final = 1.0
"""Seconds for which one look at the virtual clusters serves all submissions."""


class Admission:
    """Know the virtual clusters as they were a moment ago."""

    def __init__(self, clusters: Clusters, clock: Clock) -> None:
        self._clusters = clusters
        self._clock = clock
        self._state: QuotaState | None = None
        self._read_at = 0.0

    def forget(self) -> None:
        """Look anew at the next submission: something was changed."""
        self._state = None

    async def check(self, virtual_cluster: str) -> None:
        """Return if a virtual cluster takes jobs, or nobody can tell (R).

        Raises:
            Refused: It is not there (400), or stopped (403).
        """
        state = await self._recent()
        if state is not None:
            admit(state, virtual_cluster)

    async def _recent(self) -> QuotaState | None:
        now = self._clock.monotonic()
        if self._state is not None and now - self._read_at < _MAX_AGE:
            return self._state
        try:
            self._state = await self._clusters.quotas()
        except (BackendError, ApiError):
            return None  # the core has looked already, and what cannot be checked is not refused
        self._read_at = now
        return self._state


def admit(state: QuotaState, virtual_cluster: str) -> None:
    """Return if a virtual cluster takes jobs.

    Raises:
        Refused: It is not there (400), or stopped (403).
    """
    found = state.get(virtual_cluster)
    if found is None:
        message = f"Virtual cluster {virtual_cluster} is not found."
        raise Refused(message, status=400)
    if found.share.state is VirtualClusterState.STOPPED:
        message = f"Virtual cluster {virtual_cluster} is stopped and accepts no new jobs."
        raise Refused(message, status=403)
