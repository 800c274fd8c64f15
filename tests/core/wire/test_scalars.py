"""Single values: what is read, what is refused, and with which words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.schema import Constraint
from jobyard.wire.kinds import Choice, Text, Whole
from jobyard.wire.scalars import (
    DEEPEST,
    LARGEST_INTEGER,
    Mismatch,
    clean,
    read_anything,
    read_choice,
    read_scalar,
    read_text,
    read_whole,
)
from tests.core.wire.test_wire_schema import Colour

LARGEST_FREE = 2**63 - 1

scalars = (
    st.booleans()
    | st.integers(-LARGEST_FREE, LARGEST_FREE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0"))
)


def nested(levels: int, *, lists: bool) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value] if lists else {"a": value}
    return value


def test_a_text_is_one_of_the_choices_of_its_constraint() -> None:
    kind = Text(Constraint(choices=("a", "b")))

    assert read_text(kind, "a") == "a"
    with pytest.raises(Mismatch):
        read_text(kind, "c")


@pytest.mark.parametrize("text", ["a\0", "\ud800"])
def test_what_a_text_must_not_hold_is_said(text: str) -> None:
    with pytest.raises(Mismatch, match="without NUL characters and lone surrogates"):
        clean(text)


@pytest.mark.parametrize("number", [LARGEST_INTEGER, -LARGEST_INTEGER])
def test_an_integer_without_bounds_is_a_launchers(number: int) -> None:
    assert read_whole(Whole(Constraint()), number) == number
    with pytest.raises(Mismatch, match=f"an integer of at most {LARGEST_INTEGER}"):
        read_whole(Whole(Constraint()), number + (1 if number > 0 else -1))


def test_a_choice_is_a_member_of_its_enumeration_or_a_text() -> None:
    assert read_choice(Choice(Constraint(), ("red", "blue"), Colour), "red") is Colour.RED
    assert read_choice(Choice(Constraint(), ("red", "blue")), "blue") == "blue"


@given(scalars)
def test_a_scalar_is_read_as_it_came(value: object) -> None:
    assert read_scalar(value) == value


@pytest.mark.parametrize("number", [LARGEST_FREE, -LARGEST_FREE])
def test_a_free_integer_has_63_bits_at_most(number: int) -> None:
    assert read_scalar(number) == number
    with pytest.raises(Mismatch, match="an integer of at most 63 bits"):
        read_scalar(number + (1 if number > 0 else -1))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_free_number_is_finite(number: float) -> None:
    with pytest.raises(Mismatch, match="a finite number, not"):
        read_scalar(number)


@given(
    st.recursive(
        st.none() | scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner),
        max_leaves=8,
    )
)
def test_a_free_value_is_read_as_it_came(value: object) -> None:
    assert read_anything(value) == value


@pytest.mark.parametrize("lists", [True, False])
def test_a_free_value_has_so_many_levels_and_no_more(lists: bool) -> None:
    deepest = nested(DEEPEST, lists=lists)

    assert read_anything(deepest) == deepest
    with pytest.raises(Mismatch, match=f"at most {DEEPEST} levels"):
        read_anything(nested(DEEPEST + 1, lists=lists))
