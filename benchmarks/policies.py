"""What the embedded scheduler is held against: two ways of queueing that everybody knows.

Both heed the quotas of virtual clusters as ours does. All jobs stand in one line, by age; one that
its own quota holds back keeps back its virtual cluster alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Final

from jobyard_backends.scheduling.local.decisions import NOTHING, Board, Need, Resources

DEPTH: Final = 1000
"""How many jobs behind the first are tried."""

UNSAID: Final = 24 * 3600 * 1000
"""The milliseconds that EASY takes a job to run that does not say."""


class _Room:
    """Keep what is free while jobs are chosen."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.free = board.free()
        self.used = {name: board.used(name) for name in board.lines}
        self.chosen: list[Need] = []

    def line(self) -> Iterator[Need]:
        """Give those who can ever run, the oldest first."""
        lines = merge(*self.board.lines.values(), key=lambda need: need.order)
        able = (n for n in lines if n.resources.within(self.board.limit(n.cluster)))
        return islice(able, DEPTH)

    def within_quota(self, need: Need) -> bool:
        used = self.used.get(need.cluster, NOTHING)
        limit = self.board.limit(need.cluster)
        # One of the whole machine is none: then the job waits for the machine.
        return limit == self.board.machine or (used + need.resources).within(limit)

    def choose(self, need: Need) -> None:
        self.chosen.append(need)
        self.free -= need.resources
        self.used[need.cluster] = self.used.get(need.cluster, NOTHING) + need.resources


def fifo(board: Board) -> Sequence[Need]:
    """Start the oldest as long as it fits; nobody overtakes."""
    room = _Room(board)
    full: set[str] = set()
    for need in room.line():
        if need.cluster in full:
            continue
        if not room.within_quota(need):
            full.add(need.cluster)
        elif need.resources.within(room.free):
            room.choose(need)
        else:
            break
    return room.chosen


def easy(board: Board) -> Sequence[Need]:
    """Start the oldest as long as it fits; then whoever does not delay the first that waits.

    That is: it is gone before the time at which the first one can start as far as is promised, or
    takes of what is left beside it then.
    """
    room = _Room(board)
    full: set[str] = set()
    shadow: tuple[int, Resources] | None = None
    for need in room.line():
        if need.cluster in full:
            continue
        if not room.within_quota(need):
            full.add(need.cluster)
        elif not need.resources.within(room.free):
            shadow = shadow or _shadow(room, need)
        elif shadow is None or board.now + _runs(need) <= shadow[0]:
            room.choose(need)
        elif need.resources.within(shadow[1]):
            room.choose(need)
            shadow = shadow[0], shadow[1] - need.resources
    return room.chosen


def _shadow(room: _Room, first: Need) -> tuple[int, Resources]:
    """Give when there is room for a job, and what is left beside it then."""
    board, free = room.board, room.free
    ends = [
        (max(each.since + _runs(each.need), board.now), each.need.resources) for each in board.held
    ]
    ends += [(board.now + _runs(need), need.resources) for need in room.chosen]
    time = board.now
    for time, resources in sorted(ends, key=lambda end: end[0]):  # noqa: B007 - the last one counts
        free += resources
        if first.resources.within(free):
            break
    return time, free - first.resources


def _runs(need: Need) -> int:
    return UNSAID if need.runs is None else need.runs
