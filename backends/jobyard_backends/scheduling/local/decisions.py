"""Who starts now, who waits and why: pure functions over frozen values.

The rules, in the order in which they are applied:

- A job starts whole or not at all (gang start, contract section 4.2).
- A virtual cluster never holds more than its maximum share of any resource. Below its guaranteed
  share it goes before those that borrow; among equals the one that uses least of its guarantee.
- Within a virtual cluster the oldest goes first. A job that has to wait, the head of its line,
  may be overtaken only by jobs that leave it its place: what it needs and all that overtook it
  fit together, so that it waits for nobody who came later. Across virtual clusters a head is
  protected in the same way, except where it wants to borrow what another is guaranteed.
- A job that can never run as things are set up stands in nobody's way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Final

from attrs import evolve, frozen

from jobyard.domain.job import JobConfig
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard.domain.virtual_cluster import VirtualClusterShare

BACKFILL_DEPTH: Final = 512
"""How many jobs of one virtual cluster are looked at in one round, so that a round is short."""


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
    """

    key: str
    cluster: str
    resources: Resources
    since: int

    @property
    def order(self) -> tuple[int, str]:
        """Give what the queue is sorted by."""
        return self.since, self.key


@frozen
class Board:
    """Be everything that a decision is made from."""

    machine: Resources
    shares: Mapping[str, VirtualClusterShare]
    held: tuple[Need, ...]
    waiting: tuple[Need, ...]

    def limit(self, cluster: str) -> Resources:
        """Give the most that a virtual cluster may hold; nothing for an unknown one."""
        share = self.shares.get(cluster)
        return NOTHING if share is None else self.machine.percent(share.max_capacity)

    def guarantee(self, cluster: str) -> Resources:
        """Give what a virtual cluster holds before it borrows."""
        share = self.shares.get(cluster)
        return NOTHING if share is None else self.machine.percent(share.capacity)


def total(needs: Iterable[Need]) -> Resources:
    """Add up what jobs need."""
    return sum((need.resources for need in needs), NOTHING)


def resources_of(config: JobConfig) -> Resources:
    """Give what all tasks of a job need together."""
    roles = config.task_roles
    return Resources(
        cpus=sum(role.task_number * role.cpu_number for role in roles),
        memory_mb=sum(role.task_number * role.memory_mb for role in roles),
        gpus=sum(role.task_number * role.gpu_number for role in roles),
    )


@frozen
class _Head:
    """Be a job that waits at the head of its line; ``borrows`` if it would pass its guarantee."""

    need: Need
    borrows: bool
    for_machine: bool


def starts(board: Board) -> tuple[Need, ...]:
    """Give the waiting jobs that start now, in the order in which they do."""
    return _Round(board).play()


class _Round:
    """Work out one decision; what it changes is its own."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._running = list(board.held)
        self._free = board.machine - total(board.held)
        self._used = {
            name: total(need for need in board.held if need.cluster == name)
            for name in {need.cluster for need in (*board.held, *board.waiting)}
        }
        self._heads: dict[str, _Head] = {}

    def play(self) -> tuple[Need, ...]:
        started: list[Need] = []
        lines = self._lines()
        while lines and self._free.cpus > 0 and self._free.memory_mb > 0:
            name = min(lines, key=lambda cluster: self._turn(cluster, lines[cluster][-1]))
            need = lines[name].pop()
            if not lines[name]:
                del lines[name]
            if self._may_start(need):
                self._start(need)
                started.append(need)
        return tuple(started)

    def _lines(self) -> dict[str, list[Need]]:
        lines: dict[str, list[Need]] = {}
        for need in sorted(self._board.waiting, key=lambda each: each.order):
            line = lines.setdefault(need.cluster, [])
            if len(line) < BACKFILL_DEPTH and need.resources.within(self._limit(need)):
                line.append(need)
        for line in lines.values():
            line.reverse()
        return {name: line for name, line in lines.items() if line}

    def _limit(self, need: Need) -> Resources:
        return self._board.limit(need.cluster)

    def _borrows(self, need: Need) -> bool:
        after = self._used[need.cluster] + need.resources
        return not after.within(self._board.guarantee(need.cluster))

    def _turn(self, cluster: str, head: Need) -> tuple[bool, float, tuple[int, str]]:
        share = self._board.shares[cluster]
        used = self._used[cluster].share_of(self._board.machine)
        return self._borrows(head), used / max(share.capacity, 1e-6), head.order

    def _may_start(self, need: Need) -> bool:
        fits_machine = need.resources.within(self._free)
        fits_limit = need.resources.within(self._limit(need) - self._used[need.cluster])
        if not (fits_machine and fits_limit):
            # Only a head that its own limit does not hold back waits for the machine.
            head = _Head(need, self._borrows(need), for_machine=fits_limit)
            self._heads.setdefault(need.cluster, head)
            return False
        if all(self._leaves_place(need, head) for head in self._heads.values()):
            return True
        self._heads.setdefault(need.cluster, _Head(need, self._borrows(need), for_machine=True))
        return False

    def _leaves_place(self, need: Need, head: _Head) -> bool:
        same = need.cluster == head.need.cluster
        if not same and head.borrows and not self._borrows(need):
            return True
        overtook = [each for each in self._running if each.order > head.need.order]
        together = head.need.resources + need.resources
        if same:
            own = total(each for each in overtook if each.cluster == head.need.cluster)
            if not (together + own).within(self._limit(head.need)):
                return False
        if not head.for_machine:
            return True
        return (together + total(overtook)).within(self._board.machine)

    def _start(self, need: Need) -> None:
        self._running.append(need)
        self._free -= need.resources
        self._used[need.cluster] += need.resources


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


def never(
    machine: Resources, share: VirtualClusterShare | None, config: JobConfig
) -> WaitingReason | None:
    """Say why a job could never run on an empty machine, or ``None`` where it could."""
    for role in config.task_roles:
        task = Resources(role.cpu_number, role.memory_mb, role.gpu_number)
        if not task.within(machine):
            return WaitingReason(
                WaitingCode.LARGER_THAN_ANY_NODE,
                f"One task of {role.name} asks for {task}; the largest node has {machine}.",
            )
    if share is None:
        return WaitingReason(
            WaitingCode.QUOTA_EXCEEDED,
            f"Virtual cluster {config.virtual_cluster} has no capacity.",
        )
    limit = machine.percent(share.max_capacity)
    need = resources_of(config)
    if need.within(limit):
        return None
    return WaitingReason(
        WaitingCode.QUOTA_EXCEEDED,
        f"The job asks for {need}; the most that virtual cluster {share.name} may hold "
        f"({share.max_capacity:g} % of the cluster) is {limit}.",
    )


def why_waiting(board: Board, need: Need) -> WaitingReason:
    """Say why a job that could run some day has not started."""
    line = sorted(
        (each for each in board.waiting if each.cluster == need.cluster),
        key=lambda each: each.order,
    )
    position = 1 + sum(1 for _ in takewhile(lambda each: each.key != need.key, line))
    used = total(each for each in board.held if each.cluster == need.cluster)
    limit = board.limit(need.cluster)
    # Where the limit is the whole machine, it is the machine that is full, and no quota.
    if limit != board.machine and not need.resources.within(limit - used):
        reason = WaitingReason(
            WaitingCode.QUOTA_EXCEEDED,
            f"The job asks for {need.resources}; virtual cluster {need.cluster} holds {used} "
            f"of the {limit} that it may hold.",
        )
    else:
        free = board.machine - total(board.held)
        reason = WaitingReason(
            WaitingCode.NO_CAPACITY,
            f"The job asks for {need.resources}; {free} are free"
            + ("." if position == 1 else ", and earlier jobs wait for them."),
        )
    return evolve(reason, queue_position=position)
