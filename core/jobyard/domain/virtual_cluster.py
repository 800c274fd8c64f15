"""Virtual clusters as a scheduler tells them, and the plan that a scheduler makes true.

Capacities are percentages of the whole cluster, 0..100; of all virtual clusters they add up to
100 (contract, section 5). The arithmetic of changes is in :mod:`jobyard.domain.capacity`.
"""

from __future__ import annotations

import enum

from attrs import field, frozen


class VirtualClusterState(enum.StrEnum):
    """Say whether a virtual cluster accepts new jobs."""

    RUNNING = "running"
    STOPPED = "stopped"


@frozen
class ResourcesUsed:
    """Be what the running jobs hold; ``memory`` is in MB."""

    memory: int = 0
    vcores: int = 0
    gpus: int = 0


@frozen
class VirtualClusterShare:
    """Be what an administrator decides of one virtual cluster."""

    name: str
    capacity: float
    max_capacity: float = 100.0
    state: VirtualClusterState = VirtualClusterState.RUNNING


@frozen
class VirtualClusterUsage:
    """Be what goes on in one virtual cluster; ``used_capacity`` is in percent of the cluster."""

    used_capacity: float = 0.0
    active_jobs: int = 0
    pending_jobs: int = 0
    resources: ResourcesUsed = field(factory=ResourcesUsed)

    @property
    def jobs(self) -> int:
        """Count the unfinished jobs."""
        return self.active_jobs + self.pending_jobs


@frozen
class VirtualCluster:
    """Be one virtual cluster whole."""

    share: VirtualClusterShare
    usage: VirtualClusterUsage = field(factory=VirtualClusterUsage)


@frozen
class QuotaState:
    """Be all virtual clusters at one version, which a plan refers to."""

    version: str
    clusters: tuple[VirtualCluster, ...]

    def get(self, name: str) -> VirtualCluster | None:
        """Find one by its name."""
        return next((each for each in self.clusters if each.share.name == name), None)


@frozen
class CapacityPlan:
    """Be the whole set of shares that is to hold, made from the state at ``version``."""

    version: str
    shares: tuple[VirtualClusterShare, ...]
