"""Whether two series of measurements differ, by their ranks: no shape of noise is assumed."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from itertools import groupby
from typing import Final

_RESAMPLES: Final = 2000
_SIDES: Final = 0.025
"""What an interval leaves out on each side."""


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """Give how likely ranks so far apart are where nothing differs: p, of both sides.

    By the normal approximation, with a correction for ties: for series of 20 and more.
    """
    pooled = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank, of_first, ties = 1, 0.0, 0
    for _, group in groupby(pooled, key=lambda each: each[0]):
        equal = [which for _, which in group]
        middle = rank + (len(equal) - 1) / 2
        of_first += middle * equal.count(0)
        ties += len(equal) ** 3 - len(equal)
        rank += len(equal)
    few, many = len(first), len(second)
    total = few + many
    expected = few * (total + 1) / 2
    spread = math.sqrt(few * many / 12 * (total + 1 - ties / (total * (total - 1))))
    if spread == 0:
        return 1.0
    away = max(0.0, abs(of_first - expected) - 0.5) / spread
    return math.erfc(away / math.sqrt(2))


def difference(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % interval of the first's median less the second's, by resampling."""
    draw = random.Random(0)
    found = sorted(
        statistics.median(draw.choices(first, k=len(first)))
        - statistics.median(draw.choices(second, k=len(second)))
        for _ in range(_RESAMPLES)
    )
    outside = round(_RESAMPLES * _SIDES)
    return found[outside], found[-1 - outside]
