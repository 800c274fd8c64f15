from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ranks import difference, mann_whitney

SERIES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def noise(seed: int, *, more: float = 0, size: int = 300) -> list[float]:
    draw = random.Random(seed)
    return [25 + more + draw.expovariate(1) for _ in range(size)]


def test_the_probability_is_that_of_the_normal_distribution() -> None:
    # U is 8 of 32 expected, its deviation 9.52: z is 23.5 / 9.52 = 2.468.
    low = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 11.0, 12.0]
    high = [7.0, 8.0, 9.0, 10.0, 13.0, 14.0, 15.0, 16.0]

    assert mann_whitney(low, high) == pytest.approx(0.01359, abs=0.00005)
    assert mann_whitney([1, 2, 3], [1, 2, 3]) == 1.0
    assert mann_whitney([5] * 30, [5] * 30) == 1.0


@given(SERIES, SERIES)
def test_the_probability_is_one_and_the_same_from_both_sides(
    first: list[float], second: list[float]
) -> None:
    found = mann_whitney(first, second)

    assert 0 <= found <= 1
    assert found == pytest.approx(mann_whitney(second, first))


def test_series_that_differ_by_less_than_their_noise_are_told_apart() -> None:
    assert mann_whitney(noise(1), noise(2, more=0.4)) < 0.001
    assert mann_whitney(noise(1), noise(2)) > 0.05


def test_the_interval_holds_the_difference_of_the_medians() -> None:
    low, high = difference(noise(3, more=2), noise(4))

    assert 1.5 < low < 2 < high < 2.5
    assert difference([1.0] * 9, [4.0] * 9) == (-3.0, -3.0)
