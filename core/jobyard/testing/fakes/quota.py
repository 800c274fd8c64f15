"""The virtual clusters of a fake cluster: shares that change as a whole, and their usage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, frozen

from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER, JobConfig
from jobyard.domain.node import NodeShape
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import Conflict, Rejected
from jobyard.testing.fakes.life import Life

_WHOLE: Final = 100.0
_ROUNDING: Final = 1e-6


@frozen
class Amounts:
    """Be amounts of CPU numbers, memory in MB, and GPUs."""

    cpus: int = 0
    memory_mb: int = 0
    gpus: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.cpus + other.cpus, self.memory_mb + other.memory_mb, self.gpus + other.gpus
        )

    def within(self, whole: Amounts, percent: float = _WHOLE) -> bool:
        """Tell whether these fit into so many percent of a whole."""
        return all(
            part * _WHOLE <= total * percent + _ROUNDING for part, total in self._beside(whole)
        )

    def percent_of(self, whole: Amounts) -> float:
        """Give the largest percentage of any amount of the whole."""
        return max(
            (_WHOLE * part / total for part, total in self._beside(whole) if total), default=0.0
        )

    def _beside(self, whole: Amounts) -> tuple[tuple[int, int], ...]:
        return (
            (self.cpus, whole.cpus),
            (self.memory_mb, whole.memory_mb),
            (self.gpus, whole.gpus),
        )


def needed(config: JobConfig) -> Amounts:
    """Give what all tasks of a job need together."""
    return Amounts(
        sum(role.task_number * role.cpu_number for role in config.task_roles),
        sum(role.task_number * role.memory_mb for role in config.task_roles),
        config.total_gpus,
    )


@define
class Quota:
    """Keep the shares of a cluster with these nodes."""

    nodes: Sequence[NodeShape]
    shares: tuple[VirtualClusterShare, ...] = (VirtualClusterShare(DEFAULT_VIRTUAL_CLUSTER, 100),)
    version: int = 0

    @property
    def whole(self) -> Amounts:
        """Give what all nodes have together."""
        return Amounts(
            sum(node.count * node.cpus for node in self.nodes),
            sum(node.count * node.memory_mb for node in self.nodes),
            sum(node.count * node.gpus for node in self.nodes),
        )

    def get(self, name: str) -> VirtualClusterShare | None:
        """Find a share by its virtual cluster's name."""
        return next((share for share in self.shares if share.name == name), None)

    def apply(self, plan: CapacityPlan) -> None:
        """Make a plan true, all or nothing."""
        if plan.version != str(self.version):
            message = "the virtual clusters have changed meanwhile"
            raise Conflict(message)
        _check(plan.shares)
        self.shares = tuple(sorted(plan.shares, key=lambda share: share.name))
        self.version += 1

    def refusal(self, config: JobConfig) -> WaitingReason | None:
        """Say why a job could never run, or ``None`` where it could."""
        for role in config.task_roles:
            task = Amounts(role.cpu_number, role.memory_mb, role.gpu_number)
            if not any(task.within(_of(node)) for node in self.nodes):
                message = f"One task of {role.name} is larger than any node."
                return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, message)
        share = self.get(config.virtual_cluster)
        if share is None or not needed(config).within(self.whole, share.max_capacity):
            message = f"The job is larger than what {config.virtual_cluster} may hold."
            return WaitingReason(WaitingCode.QUOTA_EXCEEDED, message)
        return None

    def fits(self, job: Life, held: Iterable[Life]) -> bool:
        """Tell whether a job may start beside those that hold a place."""
        config = job.job.config
        if self.refusal(config) is not None:
            return False
        everything = own = needed(config)
        for other in held:
            amounts = needed(other.job.config)
            everything += amounts
            if other.job.config.virtual_cluster == config.virtual_cluster:
                own += amounts
        share = self.get(config.virtual_cluster)
        most = 0.0 if share is None else share.max_capacity
        return everything.within(self.whole) and own.within(self.whole, most)

    def state(self, jobs: Sequence[Life]) -> QuotaState:
        """Give all virtual clusters with what their jobs hold and wait for."""
        return QuotaState(
            str(self.version),
            tuple(VirtualCluster(share, self._usage(share.name, jobs)) for share in self.shares),
        )

    def _usage(self, name: str, jobs: Sequence[Life]) -> VirtualClusterUsage:
        own = [job for job in jobs if job.job.config.virtual_cluster == name and not job.over]
        active = [job for job in own if not job.waiting]
        used = sum((needed(job.job.config) for job in active), Amounts())
        return VirtualClusterUsage(
            used_capacity=used.percent_of(self.whole),
            active_jobs=len(active),
            pending_jobs=len(own) - len(active),
            resources=ResourcesUsed(used.memory_mb, used.cpus, used.gpus),
        )


def _of(node: NodeShape) -> Amounts:
    return Amounts(node.cpus, node.memory_mb, node.gpus)


def _check(shares: Sequence[VirtualClusterShare]) -> None:
    names = {share.name for share in shares}
    if len(names) != len(shares) or DEFAULT_VIRTUAL_CLUSTER not in names:
        message = "the virtual clusters need distinct names, and default among them"
        raise Rejected(message, status=400)
    if any(not 0 <= each.capacity <= each.max_capacity + _ROUNDING for each in shares):
        message = "a capacity lies between 0 and its maximum"
        raise Rejected(message, status=400)
    if max(share.max_capacity for share in shares) > _WHOLE + _ROUNDING:
        message = "a maximum is 100 % at most"
        raise Rejected(message, status=400)
    if sum(share.capacity for share in shares) > _WHOLE + len(shares) * _ROUNDING:
        message = "the virtual clusters have more than 100 % together"
        raise Rejected(message, status=400)
