"""What a decision is made from: what there is, what is held, and who waits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Self

from attrs import field, frozen

from jobyard.domain.job import JobConfig
from jobyard.domain.virtual_cluster import VirtualClusterShare


@frozen
class Resources:
    """Be amounts of what a machine has; ``cpus`` are CPU numbers, ``memory_mb`` is in MB."""

    cpus: int = 0
    memory_mb: int = 0
    gpus: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.cpus + other.cpus, self.memory_mb + other.memory_mb, self.gpus + other.gpus
        )

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            self.cpus - other.cpus, self.memory_mb - other.memory_mb, self.gpus - other.gpus
        )

    def within(self, limit: Resources) -> bool:
        """Tell whether no amount is above that of the limit; none of anything always fits.

        A limit is below zero where a machine came back smaller than what its jobs hold.
        """
        return (
            self.cpus <= max(0, limit.cpus)
            and self.memory_mb <= max(0, limit.memory_mb)
            and self.gpus <= max(0, limit.gpus)
        )

    def percent(self, share: float) -> Resources:
        """Give the whole amounts that a percentage of these comes to."""
        return Resources(
            *(
                math.floor(amount * share / 100 + 1e-9)
                for amount in (self.cpus, self.memory_mb, self.gpus)
            )
        )

    @property
    def amounts(self) -> tuple[int, int, int]:
        """Give the bare amounts."""
        return self.cpus, self.memory_mb, self.gpus

    def share_of(self, whole: Resources) -> float:
        """Give the largest percentage of any resource of the whole that these are."""
        pairs = (
            (self.cpus, whole.cpus),
            (self.memory_mb, whole.memory_mb),
            (self.gpus, whole.gpus),
        )
        return max((100 * part / total for part, total in pairs if total), default=0.0)

    def __str__(self) -> str:
        return f"{self.cpus} CPUs, {self.memory_mb} MB of memory and {self.gpus} GPUs"


NOTHING: Final = Resources()


@frozen
class Need:
    """Be a job as far as its place on the machine goes.

    ``since`` is when its attempt came into the queue, in milliseconds; with the key, it orders.
    ``runs`` is how many milliseconds it runs at most, ``None`` where it does not say.
    """

    key: str
    cluster: str
    resources: Resources
    since: int
    runs: int | None = None
    order: tuple[int, str] = field(init=False, eq=False, repr=False)
    """What the queue is sorted by."""

    @order.default
    def _order(self) -> tuple[int, str]:
        return self.since, self.key


@frozen
class Held:
    """Be a job that has its place.

    ``since`` is when it got it, and ``until`` when it leaves it at the latest, in milliseconds;
    ``None`` where nobody knows. One that is ``leaving`` is being stopped.
    """

    need: Need
    since: int = 0
    until: int | None = None
    leaving: bool = False


@frozen
class Board:
    """Be everything that a decision is made from; ``lines`` are sorted by their order.

    ``grace`` is how many milliseconds a job may take to end when its time is over.
    """

    machine: Resources
    shares: Mapping[str, VirtualClusterShare]
    held: Sequence[Held]
    lines: Mapping[str, Iterable[Need]]
    now: int = 0
    grace: int = 0

    @classmethod
    def of(
        cls,
        machine: Resources,
        shares: Mapping[str, VirtualClusterShare],
        held: Iterable[Held],
        waiting: Iterable[Need],
        now: int = 0,
    ) -> Self:
        """Make one of jobs that wait in no order."""
        lines: dict[str, list[Need]] = {}
        for need in sorted(waiting, key=lambda each: each.order):
            lines.setdefault(need.cluster, []).append(need)
        return cls(machine, shares, tuple(held), lines, now)

    def limit(self, cluster: str) -> Resources:
        """Give the most that a virtual cluster may hold; nothing for an unknown one."""
        share = self.shares.get(cluster)
        return NOTHING if share is None else self.machine.percent(share.max_capacity)

    def guarantee(self, cluster: str) -> Resources:
        """Give what a virtual cluster holds before it borrows."""
        share = self.shares.get(cluster)
        return NOTHING if share is None else self.machine.percent(share.capacity)

    def used(self, cluster: str) -> Resources:
        """Give what the jobs of a virtual cluster hold."""
        return total(each.need for each in self.held if each.need.cluster == cluster)

    def free(self) -> Resources:
        """Give what nobody holds; below nothing where the machine has become smaller."""
        return self.machine - total(each.need for each in self.held)


def total(needs: Iterable[Need]) -> Resources:
    """Add up what jobs need."""
    cpus = memory = gpus = 0
    for need in needs:
        cpus += need.resources.cpus
        memory += need.resources.memory_mb
        gpus += need.resources.gpus
    return Resources(cpus, memory, gpus)


def resources_of(config: JobConfig) -> Resources:
    """Give what all tasks of a job need together."""
    roles = config.task_roles
    return Resources(
        cpus=sum(role.task_number * role.cpu_number for role in roles),
        memory_mb=sum(role.task_number * role.memory_mb for role in roles),
        gpus=sum(role.task_number * role.gpu_number for role in roles),
    )


def share_gpus(counts: Sequence[int], free: Iterable[int]) -> tuple[tuple[int, ...], ...]:
    """Give each task so many of the free GPUs, lowest number first.

    Raises:
        ValueError: There are not enough, which the decision to start excludes.
    """
    left = sorted(free)
    if sum(counts) > len(left):
        message = f"{sum(counts)} GPUs were promised and {len(left)} are free"
        raise ValueError(message)
    given: list[tuple[int, ...]] = []
    for count in counts:
        given.append(tuple(left[:count]))
        del left[:count]
    return tuple(given)
