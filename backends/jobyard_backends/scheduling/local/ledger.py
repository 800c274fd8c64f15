"""What is taken when: who may start now without delaying those that wait already.

A ledger plans with promises. A job that says how long it runs at most is taken to run so long; one
that does not may end at any moment, or never, and both are reckoned with:

- While all that matters is promised, a waiting job gets a *reservation*: the earliest time from
  which it fits for as long as it runs. Nobody who comes later may take what is reserved.
- A job whose start hangs on an end that nobody knows gets a *claim* instead, and so do all that
  wait after it. Whoever starts in spite of a claim must not delay it, whichever jobs end first:
  for every sum of sizes that those of unknown end can come to, and beside which the claimant has
  room, there must be room for both. Sums are held against each resource by itself, which can only
  refuse too much.

Amounts are packed into one integer, 64 bits each with a guard bit on top, so that a comparison of
all of them is one subtraction. Times are milliseconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from attrs import frozen

Amounts: TypeAlias = tuple[int, ...]
"""So much of each resource; the third is GPUs."""

_WIDTH: Final = 64
_FIELD: Final = (1 << _WIDTH) - 1
_GPUS: Final = 2

EFFORT: Final = 500
"""How many claims are worked out, each step counted, before nobody further back may start."""

_FINEST: Final = 1 << 14
"""Different amounts of a resource beyond which any sum up to them counts as possible."""


@frozen
class Holding:
    """Be what runs, and until when at the latest; ``None`` where nobody knows."""

    amounts: Amounts
    until: int | None


def _pack(amounts: Amounts) -> int:
    packed = 0
    for amount in reversed(amounts):
        packed = packed << _WIDTH | amount
    return packed


class _Crowd:
    """Keep those of unknown end, and what any of them can come to together."""

    def __init__(self, capacity: Amounts, grains: Amounts) -> None:
        self._grains = grains
        self._masks = [
            (1 << most // grain + 1) - 1 if most // grain < _FINEST else 0
            for most, grain in zip(capacity, grains, strict=True)
        ]
        self._sums = [1] * len(capacity)
        self._without_gpus = [0] * len(capacity)
        self._with_gpus = [0] * len(capacity)
        self._for_a_gpu = [0.0] * len(capacity)

    def join(self, amounts: Amounts) -> None:
        gpus = amounts[_GPUS]
        totals = self._with_gpus if gpus else self._without_gpus
        for place, amount in enumerate(amounts):
            if self._masks[place]:
                sums = self._sums[place]
                sums |= sums << amount // self._grains[place]
                self._sums[place] = sums & self._masks[place]
            totals[place] += amount
            if gpus:
                self._for_a_gpu[place] = max(self._for_a_gpu[place], amount / gpus)

    def most(self, place: int, room: int, gpus: int) -> int:
        """Give the most that any of them can hold within some room, and within so many GPUs."""
        # However many with GPUs there are: no more of them run at once than there are GPUs.
        beside = math.floor(self._for_a_gpu[place] * gpus + 1e-6)
        bound = self._without_gpus[place] + min(self._with_gpus[place], beside)
        if bound <= room or not self._masks[place]:
            return min(room, bound)
        grain = self._grains[place]
        reached = self._sums[place] & ((1 << room // grain + 1) - 1)
        return min((reached.bit_length() - 1) * grain, bound)


class Ledger:
    """Keep what is taken, reserved and claimed of some capacity from now on."""

    def __init__(
        self, capacity: Amounts, held: Sequence[Holding], now: int, grains: Amounts
    ) -> None:
        """Begin with what runs; ``grains`` divide every amount that will be asked for."""
        # A machine may come back smaller than what its jobs hold; then no more of it is given out.
        taken = tuple(map(sum, zip(*(each.amounts for each in held), strict=True)))
        self._capacity = tuple(map(max, capacity, taken)) if taken else capacity
        self._guards = _pack(tuple(1 << (_WIDTH - 1) for _ in capacity))
        self._ceiling = _pack(self._capacity) | self._guards
        self._crowd = _Crowd(self._capacity, grains)
        self._now = now
        # Without anybody who waits, only what is taken now matters: steps are made when needed.
        self._holdings = list(held)
        self._occupied = sum(_pack(each.amounts) for each in held)
        self._times: list[int] = []
        self._certain: list[int] = []
        self._spare: list[Amounts | None] = []
        self._endless = 0
        self._claimed = False
        self._effort = 0

    def _within(self, packed: int) -> bool:
        return (self._ceiling - packed) & self._guards == self._guards

    def room(self) -> Amounts:
        """Give what a job may ask for at most that is to start now, each resource by itself."""
        if self._effort >= EFFORT:
            return (0,) * len(self._capacity)
        left = _unpack(self._occupied, self._capacity)
        spare = self._spare[0] if self._spare else None
        return left if spare is None else tuple(map(min, left, spare))

    def admits(self, wanted: Holding) -> bool:
        """Tell whether a job may start now: it fits, and delays nobody who waits already."""
        packed = _pack(wanted.amounts)
        if not self._within(self._occupied + packed):
            return False
        if self._effort >= EFFORT:
            return False
        for step in range(self._steps_before(wanted.until)):
            if not self._within(self._certain[step] + self._endless + packed):
                return False
            spare = self._spare[step]
            if spare is not None and not within(wanted.amounts, spare):
                return False
        return True

    def hold(self, holding: Holding) -> None:
        """Note a job that runs from now on."""
        packed = _pack(holding.amounts)
        self._occupied += packed
        if not self._times:
            self._holdings.append(holding)
            return
        if holding.until is None:
            self._endless += packed
            self._crowd.join(holding.amounts)
            end = len(self._times)
        else:
            end = self._split(holding.until)
            self._take(range(end), packed)
        for step in range(end):
            spare = self._spare[step]
            if spare is not None:
                left = (have - part for have, part in zip(spare, holding.amounts, strict=True))
                self._spare[step] = tuple(left)

    def _begin(self) -> None:
        """Make the steps, at each of which some of what runs ends."""
        ending: dict[int, int] = {self._now: 0}
        for holding in self._holdings:
            packed = _pack(holding.amounts)
            if holding.until is None:
                self._endless += packed
                self._crowd.join(holding.amounts)
            else:
                ending[holding.until] = ending.get(holding.until, 0) + packed
        left = sum(ending.values())
        for time, ended in sorted(ending.items()):
            left -= ended
            self._times.append(time)
            self._certain.append(left)
        self._spare = [None] * len(self._times)

    def wait(self, amounts: Amounts, runs: int | None) -> None:
        """Note a job that waits: reserve its time, or claim what it waits for.

        ``runs`` is how many milliseconds it runs at most, ``None`` where it does not say.
        """
        if not self._times:
            self._begin()
        packed = _pack(amounts)
        first, surely = 0, len(self._times) - 1
        if not self._claimed:
            first = self._earliest(packed, runs, 0)
            endless = self._endless
            surely = self._earliest(packed, runs, endless) if endless else first
            if runs is not None and first == surely < len(self._times):
                end = self._split(self._times[first] + runs)
                self._take(range(first, end), packed)
                return
        for step in range(first, min(surely + 1, len(self._times))):
            if self._effort < EFFORT:
                self._claim(step, amounts)
        self._claimed = True
        self._crowd.join(amounts)

    def _claim(self, step: int, amounts: Amounts) -> None:
        self._effort += 1
        left = _unpack(self._certain[step], self._capacity)
        if not within(amounts, left):
            return  # it cannot start then, whoever ends
        gpus, most = left[_GPUS] - amounts[_GPUS], self._crowd.most
        now = tuple(
            # What it does not ask for it does not wait for.
            have - amount - most(place, have - amount, gpus) if amount else total
            for place, (have, amount, total) in enumerate(
                zip(left, amounts, self._capacity, strict=True)
            )
        )
        spare = self._spare[step]
        self._spare[step] = now if spare is None else tuple(map(min, spare, now))

    def _earliest(self, packed: int, runs: int | None, beside: int) -> int:
        """Give the step from which there is room for so long; the number of steps for none."""
        start, times = 0, self._times
        guards, ceiling = self._guards, self._ceiling - beside - packed
        for step, certain in enumerate(self._certain):
            if start < step and runs is not None and times[step] >= times[start] + runs:
                break
            if (ceiling - certain) & guards != guards:
                start = step + 1
        return start

    def _steps_before(self, time: int | None) -> int:
        return len(self._times) if time is None else bisect_left(self._times, time)

    def _split(self, time: int) -> int:
        """Have a step begin at a time, and give its number."""
        step = bisect_left(self._times, time)
        if step == len(self._times) or self._times[step] != time:
            before = max(0, step - 1)
            self._times.insert(step, time)
            self._certain.insert(step, self._certain[before])
            self._spare.insert(step, self._spare[before])
        return step

    def _take(self, steps: Iterable[int], packed: int) -> None:
        for step in steps:
            self._certain[step] += packed


def _unpack(taken: int, capacity: Amounts) -> Amounts:
    """Give what is left of each resource."""
    return tuple(most - (taken >> place * _WIDTH & _FIELD) for place, most in enumerate(capacity))


def within(amounts: Amounts, limit: Amounts) -> bool:
    """Tell whether no amount is above its limit; none of anything always fits."""
    return all(amount <= most or not amount for amount, most in zip(amounts, limit, strict=True))
