import enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.config.document import Plain, plain_value
from jobyard.config.scalars import LARGEST_INTEGER, Unfit, is_plain_address, scalar_value
from jobyard.config.shapes import Scalar
from jobyard.schema import Constraint
from jobyard.secret import Secret


class Colour(enum.StrEnum):
    RED = "red"


def made(kind: type, text: str, constraint: Constraint | None = None) -> object:
    return scalar_value(Scalar(kind, constraint or Constraint()), text, plain_value(text))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (bool, "true", True),
        (int, "12", 12),
        (float, "12", 12.0),
        (float, "0.5", 0.5),
        (str, "12", "12"),
        (str, "010", "010"),
        (str, "yes", "yes"),
        (Path, "/a", Path("/a")),
        (Secret, "123456", Secret("123456")),
        (Colour, "red", Colour.RED),
    ],
)
def test_a_scalar_becomes_a_value_of_its_type(kind: type, text: str, expected: object) -> None:
    found = made(kind, text)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (bool, "yes"),
        (bool, "1"),
        (int, "1.0"),
        (int, "true"),
        (int, "one"),
        (int, str(LARGEST_INTEGER + 1)),
        (float, ".inf"),
        (float, ".nan"),
        (float, "true"),
        (str, "true"),
        (Secret, "false"),
        (Colour, "blue"),
        (Path, "a\0b"),
    ],
)
def test_a_scalar_of_another_type_is_unfit(kind: type, text: str) -> None:
    with pytest.raises(Unfit):
        made(kind, text)


@pytest.mark.parametrize(
    ("kind", "constraint", "good", "bad"),
    [
        (int, Constraint(minimum=1, maximum=3), "3", "4"),
        (int, Constraint(minimum=1, maximum=3), "1", "0"),
        (float, Constraint(minimum=0.5), "0.5", "0.4"),
        (str, Constraint(min_length=2), "ab", "a"),
        (str, Constraint(max_length=2), "ab", "abc"),
        (str, Constraint(pattern="a+"), "aa", "aab"),
        (str, Constraint(choices=("x", "y")), "y", "z"),
        (Secret, Constraint(min_length=6), "123456", "12345"),
    ],
)
def test_bounds_are_inclusive(kind: type, constraint: Constraint, good: str, bad: str) -> None:
    assert made(kind, good, constraint) is not None
    with pytest.raises(Unfit):
        made(kind, bad, constraint)


@given(
    st.sampled_from([str, int, float, bool, Secret, Path, Colour]),
    st.text(max_size=50),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
)
def test_every_scalar_fits_or_is_unfit(kind: type, text: str, value: Plain) -> None:
    try:
        found = scalar_value(Scalar(kind, Constraint()), text, value)
    except Unfit:
        return
    assert isinstance(found, kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://jobyard@db/jobyard", True),
        ("https://db", True),
        ("postgresql://jobyard:secret@db/jobyard", False),
        ("hunter2", False),
        ("http://[", False),
        ("a:b", False),
    ],
)
def test_an_address_without_a_password_is_no_secret(text: str, *, expected: bool) -> None:
    assert expected is is_plain_address(text)
