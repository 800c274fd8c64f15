import enum
from pathlib import Path

import pytest

from jobyard.config.document import EMPTY, ListNode, Node, Place, ScalarNode
from jobyard.config.shapes import Chooses, ListOf, MapOf, Scalar, Shape
from jobyard.config.wording import did_you_mean, expected, given
from jobyard.schema import Constraint
from jobyard.secret import Secret


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


def scalar(kind: type, **constraint: object) -> Scalar:
    return Scalar(kind, Constraint(**constraint))  # type: ignore[arg-type] # as in option(...)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (scalar(int), "an integer"),
        (scalar(int, minimum=1, maximum=5), "an integer from 1 to 5"),
        (scalar(float, minimum=0.5), "a number of at least 0.5"),
        (scalar(float, maximum=2.0), "a number of at most 2"),
        (scalar(bool), "true or false"),
        (scalar(Path), "a path"),
        (scalar(str, max_length=3), "a text of at most 3 characters"),
        (scalar(str, pattern="a+"), "a text that matches a+"),
        (scalar(str, choices=("x", "y")), '"x" or "y"'),
        (scalar(Secret, min_length=6), "a secret text of at least 6 characters"),
        (scalar(Colour), '"red" or "blue"'),
        (ListOf(scalar(int), Constraint(min_length=1)), "a list of at least 1 entry"),
        (MapOf(scalar(int), Constraint()), "keys with values"),
        (Chooses(), "the name of a provider, or its name with its settings behind it"),
    ],
)
def test_what_is_expected_is_said_in_words(shape: Shape, words: str) -> None:
    assert words == expected(shape)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (EMPTY, "keys with values"),
        (ListNode((), Place(1, 1)), "a list"),
        (ScalarNode("", None, Place(1, 1)), "nothing"),
        (ScalarNode("x", "x", Place(1, 1)), '"x"'),
    ],
)
def test_what_came_instead_is_said_in_words(node: Node, words: str) -> None:
    assert words == given(node)


def test_what_came_instead_is_shortened() -> None:
    assert len(given(ScalarNode("x" * 10_000, "x", Place(1, 1)))) < 100


def test_a_near_word_is_suggested_and_a_far_one_is_not() -> None:
    assert did_you_mean("url", ["urls", "page"]) == "; did you mean 'urls'?"
    assert did_you_mean("zzz", ["urls", "page"], ending=".") == "."
    assert did_you_mean("bogus", ["gpus", "page"]) == ""
    assert did_you_mean("u" * 10_000, ["urls"]) == ""
