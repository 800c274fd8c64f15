"""Who starts now: pure functions over frozen values.

The rules, in the order in which they are applied:

- A job starts whole or not at all (gang start, contract section 4.2).
- A virtual cluster never holds more than its maximum share of any resource. Within its guaranteed
  share it is *owed*, beyond it *borrows*. Those who are owed go first, the oldest before others;
  then the virtual cluster whose jobs, as many as are older than its next one, hold least of its
  guarantee. So what a job's juniors hold never counts against it.
- Within a virtual cluster the oldest goes first. A job further back may start only where that
  delays no job ahead of it, as far as promised run times tell (see ``ledger``).
- Whoever borrows delays none of those either who are first to wait in the line of another virtual
  cluster, and had their turn before. Whoever is owed need not heed them: all guarantees fit beside
  one another, so that one who is owed waits for borrowers alone.
- A job that is wider than its virtual cluster's guarantee would never be owed its place, and wait
  for as long as others use theirs. So it has its turn among those who are owed, by its age, and
  who came after it heeds it; but one of a virtual cluster at a time.
- A job that can never run as things are set up stands in nobody's way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Final

from jobyard_backends.scheduling.local.decisions import NOTHING, Board, Held, Need, Resources, total
from jobyard_backends.scheduling.local.ledger import Amounts, Holding, Ledger, within

DEPTH: Final = 128
"""How many jobs of one virtual cluster are looked at in one round, so that a round is short."""

_Rank = tuple[bool, float, tuple[int, str]]


def starts(board: Board) -> tuple[Need, ...]:
    """Give the waiting jobs that start now, in the order in which they do."""
    if not min(board.free().amounts[:2]) > 0:
        return ()  # every job needs both
    return _Round(board).play()


def victims(board: Board) -> tuple[Held, ...]:
    """Give the borrowers to stop so that those who are owed get their place, newest first.

    Those are stopped alone whose virtual cluster holds more than its guarantee, and only where
    that makes room for a job at the head of its line; what is leaving already counts as free.
    """
    staying = [each for each in board.held if not each.leaving]
    free = board.machine - total(each.need for each in staying)
    used = {name: board.used(name) for name in {each.need.cluster for each in board.held}}
    chosen: list[Held] = []
    for need in sorted(_owed_heads(board, used), key=lambda each: each.order):
        spared = [each for each in staying if each not in chosen]
        more = _room_for(board, need, free, spared)
        if more is None:
            continue
        chosen += more
        free += total(each.need for each in more) - need.resources
    return tuple(chosen)


def _owed_heads(board: Board, used: dict[str, Resources]) -> Iterable[Need]:
    for name, line in board.lines.items():
        guarantee, limit = board.guarantee(name), board.limit(name)
        head = next((need for need in line if need.resources.within(limit)), None)
        if head is not None and (used.get(name, NOTHING) + head.resources).within(guarantee):
            yield head


def _room_for(
    board: Board, need: Need, free: Resources, staying: Sequence[Held]
) -> tuple[Held, ...] | None:
    """Give whom to stop for one job; ``None`` where it cannot be made to fit."""
    used = {name: total(each.need for each in staying if each.need.cluster == name)
            for name in {each.need.cluster for each in staying}}  # fmt: skip
    stopped: list[Held] = []
    for each in sorted(staying, key=lambda one: (one.since, one.need.order), reverse=True):
        if need.resources.within(free):
            break
        name = each.need.cluster
        if name != need.cluster and not used[name].within(board.guarantee(name)):
            stopped.append(each)
            used[name] -= each.need.resources
            free += each.need.resources
    return tuple(stopped) if need.resources.within(free) else None


class _Lane:
    """Be the line of one virtual cluster in one round."""

    def __init__(self, board: Board, name: str) -> None:
        self.name = name
        self.limit, self.guarantee = board.limit(name), board.guarantee(name)
        share = board.shares.get(name)
        self._capacity = max(0.0 if share is None else share.capacity, 1e-6)
        self._board = board
        # A quota is a second machine, which the virtual cluster's own jobs alone are on.
        self._bounded = self.limit != board.machine
        able = (need for need in board.lines[name] if need.resources.within(self.limit))
        self.line = list(islice(able, DEPTH))
        self.at, self.last, self.waits = 0, len(self.line) - 1, False
        mine = [each.need for each in board.held if each.need.cluster == name]
        self.used = total(mine)
        self._elders = sorted(mine, key=lambda each: each.order, reverse=True)
        self._elders_hold = NOTHING
        self._one_wide_may = not any(map(self._too_wide, mine))
        self._rank: _Rank | None = None

    def open(self, grains: Amounts) -> Ledger:
        """Open the ledger of what the line's jobs wait for."""
        board = self._board
        holdings = [Holding(self.amounts(each.need), each.until) for each in board.held]
        capacity: Amounts = board.machine.amounts
        if self._bounded:
            capacity, grains = capacity + self.limit.amounts, grains * 2
        return Ledger(capacity, holdings, board.now, grains)

    def amounts(self, need: Need) -> Amounts:
        """Give what a job takes of machine and quota."""
        if not self._bounded:
            return need.resources.amounts
        mine = need.cluster == self.name
        return need.resources.amounts + (need.resources if mine else NOTHING).amounts

    @property
    def head(self) -> Need:
        return self.line[self.at]

    def borrows(self) -> bool:
        return not (self.used + self.head.resources).within(self.guarantee)

    def _too_wide(self, need: Need) -> bool:
        return not need.resources.within(self.guarantee)

    def rank(self) -> _Rank:
        """Give by what lines take turns: the least comes first."""
        if self._rank is None:
            self._rank = self._ranked()
        return self._rank

    def _ranked(self) -> _Rank:
        head = self.head
        while self._elders and self._elders[-1].order < head.order:
            self._elders_hold += self._elders.pop().resources
        held = self._elders_hold.share_of(self._board.machine)
        if not self.borrows() or self.has_wide_turn():
            return False, 0.0, head.order
        return True, held / self._capacity, head.order

    def has_wide_turn(self) -> bool:
        """Tell whether the next job is one that those who are owed heed."""
        return self._one_wide_may and self._too_wide(self.head)

    def pass_on(self) -> None:
        """Have the next in line be the head."""
        self.at += 1
        self._rank = None

    def start(self, need: Need) -> None:
        self._one_wide_may = self._one_wide_may and not self._too_wide(need)
        self.used += need.resources
        self._elders_hold += need.resources

    def may_hold(self, need: Need) -> bool:
        """Tell whether no quota keeps a job back; one of the whole machine is none."""
        return not self._bounded or need.resources.within(self.limit - self.used)

    def hopeful(self, room: Amounts) -> bool:
        """Tell whether any job that has not had its turn fits what there is room for."""
        while self.last >= self.at and not within(self.amounts(self.line[self.last]), room):
            self.last -= 1
        return self.last >= self.at


class _Round:
    """Work out one decision; what it changes is its own."""

    def __init__(self, board: Board) -> None:
        self._board = board
        lanes = (_Lane(board, name) for name in board.lines)
        self._lanes = {lane.name: lane for lane in lanes if lane.line}
        needs = chain(
            (each.need for each in board.held),
            *(lane.line for lane in self._lanes.values()),
        )
        self._grains: Amounts = (1, math.gcd(*(need.resources.memory_mb for need in needs)) or 1, 1)
        self._ledgers = {name: lane.open(self._grains) for name, lane in self._lanes.items()}
        self._started: list[Need] = []
        # Who waits first in each line: all of them, and those too wide for their guarantees.
        self._first: list[Need] = []
        self._wide: list[Need] = []
        self._commons: dict[bool, Ledger] = {}

    def play(self) -> tuple[Need, ...]:
        while any(self._hopeful(lane) for lane in self._lanes.values()):
            lane = min(self._lanes.values(), key=_Lane.rank)
            self._turn(lane)
            # Of a line where nobody may start, only the first is to be left its place.
            if lane.at == len(lane.line) or (lane.waits and not self._hopeful(lane)):
                del self._lanes[lane.name]
        return tuple(self._started)

    def _hopeful(self, lane: _Lane) -> bool:
        return lane.hopeful(self._ledgers[lane.name].room())

    def _turn(self, lane: _Lane) -> None:
        need, borrows, wide = lane.head, lane.borrows(), lane.has_wide_turn()
        lane.pass_on()
        wanted = self._holding(need)
        mine = Holding(lane.amounts(need), wanted.until)
        ledger = self._ledgers[lane.name]
        if ledger.admits(mine) and self._heeds_others(wanted, borrows=borrows):
            self._start(lane, need, wanted)
            return
        ledger.wait(mine.amounts, self._runs(need))
        first, lane.waits = not lane.waits, True
        # One that its own quota holds back waits for nothing that others could take.
        if first and lane.may_hold(need):
            self._protect(need, wide=wide)

    def _protect(self, need: Need, *, wide: bool) -> None:
        self._first.append(need)
        if wide:
            self._wide.append(need)
        for borrowers, ledger in self._commons.items():
            if borrowers or wide:
                ledger.wait(need.resources.amounts, self._runs(need))

    def _heeds_others(self, wanted: Holding, *, borrows: bool) -> bool:
        """Tell whether a job may start for all that those of other lines wait for."""
        heeded = self._first if borrows else self._wide
        return not heeded or self._common(heeded, borrows=borrows).admits(wanted)

    def _start(self, lane: _Lane, need: Need, wanted: Holding) -> None:
        lane.start(need)
        self._started.append(need)
        for name, each in self._lanes.items():
            self._ledgers[name].hold(Holding(each.amounts(need), wanted.until))
        for ledger in self._commons.values():
            ledger.hold(wanted)

    def _runs(self, need: Need) -> int | None:
        return None if need.runs is None else need.runs + self._board.grace

    def _holding(self, need: Need) -> Holding:
        runs = self._runs(need)
        until = None if runs is None else self._board.now + runs
        return Holding(need.resources.amounts, until)

    def _common(self, heeded: Sequence[Need], *, borrows: bool) -> Ledger:
        """Give the ledger of all lines together that borrowers heed, or those who are owed."""
        if borrows not in self._commons:
            held = [Holding(each.need.resources.amounts, each.until) for each in self._board.held]
            held += [self._holding(need) for need in self._started]
            machine = self._board.machine.amounts
            ledger = Ledger(machine, held, self._board.now, self._grains)
            for need in heeded:
                ledger.wait(need.resources.amounts, self._runs(need))
            self._commons[borrows] = ledger
        return self._commons[borrows]
