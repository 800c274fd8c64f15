"""Virtual clusters as the scheduler needs them, whoever holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jobyard.domain.node import NodeShape
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState


class Clusters(Protocol):
    """Hold the virtual clusters, as :class:`jobyard.seams.scheduling.Scheduler` says."""

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage."""
        ...

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing."""
        ...

    async def nodes(self) -> Sequence[NodeShape]:
        """Give the shapes of the nodes; empty where they cannot be known."""
        ...

    async def ping(self) -> None:
        """Return if they can be asked for; raise ``Unavailable`` if not."""
        ...
