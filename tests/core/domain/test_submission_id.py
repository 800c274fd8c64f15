"""Ids that carry their time, and never come twice."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import SubmissionId
from jobyard.domain.submission_id import new_operation_id, new_submission_id, submitted_at

moments = st.integers(0, 2**48 - 1)


@given(now=moments)
def test_an_id_is_a_uuid_of_version_seven_that_begins_with_its_time(now: int) -> None:
    for text in (new_submission_id(now), new_operation_id(now)):
        number = uuid.UUID(text)
        assert str(number) == text
        assert (number.version, number.variant) == (7, uuid.RFC_4122)
        assert number.int >> 80 == now


def test_a_time_that_48_bits_cannot_hold_is_cut() -> None:
    assert uuid.UUID(new_submission_id(2**48 + 7)).int >> 80 == 7
    assert uuid.UUID(new_submission_id(2**49 + 7)).int >> 80 == 7


@given(one=moments, other=moments)
def test_ids_sort_by_their_times(one: int, other: int) -> None:
    if one < other:
        assert new_submission_id(one) < new_submission_id(other)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_submission_id(7) for _ in range(1000)}) == 1000


@given(now=moments)
def test_the_time_can_be_read_from_an_id(now: int) -> None:
    assert submitted_at(new_submission_id(now)) == now


def test_what_is_no_such_id_has_no_time() -> None:
    for text in ("", "legacy", str(uuid.uuid4())):
        assert submitted_at(SubmissionId(text)) is None
