"""Whether an attempt that ended is followed by another, and when."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.retry import LONGEST_BACK_OFF, after, back_off, decide
from jobyard.domain.states import EXIT_STOPPED
from jobyard.domain.status import ExitType, RetryCounts

TRANSIENT = [ExitType.TRANSIENT_NORMAL, ExitType.TRANSIENT_CONFLICT]
kinds = st.sampled_from(list(ExitType))
counted = st.builds(
    RetryCounts,
    user=st.integers(0, 30),
    platform=st.integers(0, 30),
    resource=st.integers(0, 30),
)


@given(nth=st.integers(-5, 10**9), jitter=st.floats(allow_nan=False))
def test_a_back_off_is_within_a_fifth_of_its_place_in_the_row(nth: int, jitter: float) -> None:
    middle = min(2.0 ** min(max(nth, 1) - 1, 20), LONGEST_BACK_OFF)

    assert 0.8 * middle - 1e-9 <= back_off(nth, jitter) <= 1.2 * middle + 1e-9


def test_back_offs_double_from_one_second_to_five_minutes() -> None:
    row = [back_off(nth, 0.0) for nth in range(1, 12)]

    assert row == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(nth=st.integers(1, 60), one=st.floats(-1, 1), other=st.floats(-1, 1))
def test_jitter_moves_a_back_off_in_its_own_direction(nth: int, one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert back_off(nth, low) <= back_off(nth, high)
    assert math.isfinite(back_off(nth, high))


@given(limit=st.integers(-2, 5), kind=st.sampled_from(TRANSIENT), counts=counted)
def test_a_transient_end_is_always_retried_and_never_counted_as_the_users(
    limit: int, kind: ExitType, counts: RetryCounts
) -> None:
    retry = decide(limit, kind, counts)

    assert retry is not None
    assert retry.counts.user == counts.user
    assert retry.counts.total == counts.total + 1
    assert retry.delay >= 1.0


@given(limit=st.integers(0, 5), kind=st.sampled_from(TRANSIENT), counts=counted)
def test_with_a_limit_transient_ends_back_off_by_how_many_they_were(
    limit: int, kind: ExitType, counts: RetryCounts
) -> None:
    retry = decide(limit, kind, counts)

    assert retry is not None
    assert retry.delay == back_off(counts.platform + counts.resource + 1, 0.0)


@given(limit=st.integers(0, 40), counts=counted)
def test_failures_of_unknown_kind_are_retried_at_once_up_to_the_limit(
    limit: int, counts: RetryCounts
) -> None:
    retry = decide(limit, ExitType.UNKNOWN, counts)

    assert (retry is not None) is (counts.user < limit)
    if retry is not None:
        assert retry.delay == 0.0
        assert retry.counts == RetryCounts(counts.user + 1, counts.platform, counts.resource)


@given(counts=counted, jitter=st.floats(-1, 1))
def test_without_a_limit_failures_of_unknown_kind_back_off(
    counts: RetryCounts, jitter: float
) -> None:
    retry = decide(-1, ExitType.UNKNOWN, counts, jitter=jitter)

    assert retry is not None
    assert retry.delay == back_off(counts.total + 1, jitter)


@given(limit=st.integers(-1, 40), counts=counted)
@pytest.mark.parametrize("kind", [ExitType.SUCCEEDED, ExitType.NON_TRANSIENT])
def test_success_and_a_non_transient_failure_are_final(
    kind: ExitType, limit: int, counts: RetryCounts
) -> None:
    assert decide(limit, kind, counts) is None


@given(kind=kinds, counts=counted)
def test_minus_two_repeats_every_end_with_a_back_off(kind: ExitType, counts: RetryCounts) -> None:
    retry = decide(-2, kind, counts)

    assert retry is not None
    assert retry.counts.total == counts.total + 1
    assert retry.delay == back_off(counts.total + 1, 0.0)


def test_the_causes_are_counted_apart() -> None:
    normal = decide(0, ExitType.TRANSIENT_NORMAL, RetryCounts())
    conflict = decide(0, ExitType.TRANSIENT_CONFLICT, RetryCounts())

    assert normal is not None
    assert normal.counts == RetryCounts(platform=1)
    assert conflict is not None
    assert conflict.counts == RetryCounts(resource=1)


@given(retry_count=st.integers(-2, 5), exit_type=st.none() | st.sampled_from(ExitType))
def test_nothing_follows_a_stop(retry_count: int, exit_type: ExitType | None) -> None:
    assert after(EXIT_STOPPED, exit_type, retry_count, RetryCounts(), jitter=0.0) is None


@pytest.mark.parametrize("exit_type", [None, *ExitType])
@given(retry_count=st.integers(-2, 5), jitter=st.floats(-1, 1))
def test_what_follows_another_end_is_decided_by_its_class(
    exit_type: ExitType | None, retry_count: int, jitter: float
) -> None:
    found = after(1, exit_type, retry_count, RetryCounts(), jitter=jitter)

    told = exit_type or ExitType.UNKNOWN
    assert found == decide(retry_count, told, RetryCounts(), jitter=jitter)
