"""The virtual clusters: their shares, which change as a whole, and what they use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import anyio

from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import Conflict, Rejected
from jobyard.seams.context import Store
from jobyard_backends.scheduling.local import rows
from jobyard_backends.scheduling.local.decisions import Need, Resources, total

_WHOLE = 100.0
_ROUNDING = 1e-6


class Shares:
    """Keep the shares, in memory as in their rows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version = 0
        self._shares: tuple[VirtualClusterShare, ...] = ()
        self._lock = anyio.Lock()

    async def load(self) -> None:
        """Read the shares."""
        self._version, self._shares = await self._store.read(rows.read_shares)

    def all(self) -> tuple[VirtualClusterShare, ...]:
        """Give all shares, by name."""
        return self._shares

    def get(self, name: str) -> VirtualClusterShare | None:
        """Find the share of a virtual cluster."""
        return next((share for share in self._shares if share.name == name), None)

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a plan true.

        Raises:
            Conflict: The shares have changed since the plan's version.
            Rejected: The plan makes no sense.
        """
        _check(plan.shares)
        async with self._lock:
            if plan.version != str(self._version):
                message = "the virtual clusters have changed meanwhile"
                raise Conflict(message)
            with anyio.CancelScope(shield=True):
                shares = tuple(sorted(plan.shares, key=lambda share: share.name))
                work = partial(rows.replace_shares, version=self._version, shares=shares)
                self._version = await self._store.write(work)
                self._shares = shares

    def state(
        self, machine: Resources, active: Sequence[Need], pending: Mapping[str, int]
    ) -> QuotaState:
        """Give all virtual clusters with what their jobs hold, and how many of them wait."""
        return QuotaState(
            version=str(self._version),
            clusters=tuple(
                VirtualCluster(share, _usage(share.name, machine, active, pending))
                for share in self._shares
            ),
        )


def _usage(
    name: str, machine: Resources, active: Sequence[Need], pending: Mapping[str, int]
) -> VirtualClusterUsage:
    holding = [need for need in active if need.cluster == name]
    used = total(holding)
    return VirtualClusterUsage(
        used_capacity=used.share_of(machine),
        active_jobs=len(holding),
        pending_jobs=pending.get(name, 0),
        resources=ResourcesUsed(memory=used.memory_mb, vcores=used.cpus, gpus=used.gpus),
    )


def _check(shares: Sequence[VirtualClusterShare]) -> None:
    names = [share.name for share in shares]
    if len(set(names)) != len(names) or DEFAULT_VIRTUAL_CLUSTER not in names:
        message = "the virtual clusters need distinct names, and default among them"
        raise Rejected(message, status=400)
    for share in shares:
        if not 0 <= share.capacity <= share.max_capacity + _ROUNDING <= _WHOLE + 2 * _ROUNDING:
            message = f"the capacities of virtual cluster {share.name} are no percentages"
            raise Rejected(message, status=400)
    if sum(share.capacity for share in shares) > _WHOLE + len(shares) * _ROUNDING:
        message = "the virtual clusters have more than 100 % together"
        raise Rejected(message, status=400)
