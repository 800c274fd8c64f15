"""What a decision is made from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobyard_backends.scheduling.local.decisions import share_gpus


@given(
    counts=st.lists(st.integers(0, 4), max_size=6),
    free=st.sets(st.integers(0, 30), min_size=24),
)
def test_no_gpu_is_given_twice(counts: list[int], free: set[int]) -> None:
    given_out = share_gpus(counts, free)

    flat = [number for numbers in given_out for number in numbers]
    assert [len(numbers) for numbers in given_out] == counts
    assert len(set(flat)) == len(flat)
    assert set(flat) <= free
