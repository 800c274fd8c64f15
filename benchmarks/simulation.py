"""Run a policy over a trace of jobs in virtual time: no processes, no waiting.

Whatever happens at one instant happens before the policy is asked. Every decision is held against
the machine and the quotas; times are milliseconds.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from attrs import field, frozen, mutable

from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Board, Held, Need, Resources, total
from jobyard_backends.scheduling.local.queue import Queue

Policy: TypeAlias = Callable[[Board], Sequence[Need]]
"""What is asked who starts now."""


@frozen
class Job:
    """Be one job of a trace; ``runs`` is how long it really does, in milliseconds."""

    need: Need
    runs: int


@frozen
class Outcome:
    """Be what came of a trace.

    ``started`` has the time of each start by the job's key, ``violations`` counts the instants at
    which the machine or a quota was exceeded, ``rounds`` has the seconds of the processor that each decision took.
    """

    jobs: tuple[Job, ...]
    started: Mapping[str, int]
    violations: int
    rounds: tuple[float, ...]
    left: tuple[Held, ...]


@mutable
class _Play:
    machine: Resources
    shares: Mapping[str, VirtualClusterShare]
    policy: Policy
    queue: Queue = field(factory=Queue)
    held: dict[str, Held] = field(factory=dict)
    ends: list[tuple[int, str]] = field(factory=list)
    started: dict[str, int] = field(factory=dict)
    violations: int = 0
    rounds: list[float] = field(factory=list)

    def board(self, now: int) -> Board:
        held = tuple(self.held.values())
        lines = self.queue.lines(now)
        return Board(self.machine, self.shares, held, lines, now)

    def leave(self, now: int) -> None:
        while self.ends and self.ends[0][0] <= now:
            del self.held[heapq.heappop(self.ends)[1]]

    def decide(self, now: int, runs: Mapping[str, int]) -> None:
        begin = time.thread_time()
        chosen = self.policy(self.board(now))
        self.rounds.append(time.thread_time() - begin)
        for need in chosen:
            self.queue.discard(need.key)
            until = None if need.runs is None else now + need.runs
            self.held[need.key] = Held(need, now, until)
            self.started[need.key] = now
            heapq.heappush(self.ends, (now + runs[need.key], need.key))
        self.violations += self._violated(self.board(now))

    @staticmethod
    def _violated(board: Board) -> bool:
        clusters = {each.need.cluster for each in board.held}
        return not total(each.need for each in board.held).within(board.machine) or any(
            not board.used(name).within(board.limit(name)) for name in clusters
        )


def simulate(
    machine: Resources,
    shares: Mapping[str, VirtualClusterShare],
    jobs: Iterable[Job],
    policy: Policy,
    decisions: int | None = None,
) -> Outcome:
    """Run a trace to its end: until nothing runs, and nothing that waits will ever start.

    With ``decisions``, so many are made at most.
    """
    trace = tuple(sorted(jobs, key=lambda job: job.need.order))
    play = _Play(machine, shares, policy)
    runs = {job.need.key: job.runs for job in trace}
    coming = 0
    while coming < len(trace) or play.ends:
        times = [play.ends[0][0]] if play.ends else []
        if coming < len(trace):
            times.append(trace[coming].need.since)
        now = min(times)
        play.leave(now)
        while coming < len(trace) and trace[coming].need.since <= now:
            play.queue.put(trace[coming].need)
            coming += 1
        play.decide(now, runs)
        if len(play.rounds) == decisions:
            break
    left = tuple(play.held.values())
    return Outcome(trace, play.started, play.violations, tuple(play.rounds), left)
