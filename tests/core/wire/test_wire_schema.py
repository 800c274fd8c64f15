"""Decoding by an attrs class: every problem, by its path, and never a crash."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import Scalar
from jobyard.errors import InvalidParameters, Problem
from jobyard.schema import option
from jobyard.secret import Secret
from jobyard.wire.schema import Schema

SECRET = "correct horse battery"


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


@frozen
class Leaf:
    label: str = option(doc="", pattern="[a-z]+")
    size: int | None = option(default=3, doc="", minimum=1, maximum=9)


@frozen
class Tree:
    leaves: tuple[Leaf, ...] = option(doc="", min_length=1, max_length=3)
    share: float = option(default=0.5, doc="", minimum=0, maximum=100)
    shut: bool | None = option(default=None, doc="")
    colour: Colour = option(default=Colour.RED, doc="")
    size: Literal["big", "small"] = option(default="big", doc="")
    key: Secret | None = option(default=None, doc="", min_length=30)
    texts: tuple[str, ...] = option(default=(), doc="", pattern="[a-z]+")
    settings: Mapping[str, Scalar] = option(factory=dict, doc="", key_pattern="[A-Z]+")
    free: Mapping[str, object] = option(factory=dict, doc="", aliases=("extra",))
    deep: Leaf | None = option(default=None, doc="")

    def problems(self) -> Iterable[Problem]:
        if self.share == 13:
            yield Problem("share", "is unlucky")
            yield Problem("leaves[0].label", "is unlucky too")


@frozen
class Forest:
    leaves: tuple[Leaf, ...] = option(doc="")


SCHEMA = Schema(Tree)
GOOD: dict[str, Any] = {"leaves": [{"label": "a"}]}


def problems(document: object, *, coerce: bool = False) -> dict[str, str]:
    with pytest.raises(InvalidParameters) as refusal:
        SCHEMA.decode(document, coerce=coerce)
    return {problem.path: problem.message for problem in refusal.value.problems}


def decode(coerce: bool = False, **fields: object) -> Tree:
    return SCHEMA.decode(GOOD | fields, coerce=coerce)


def test_what_is_left_out_has_its_default() -> None:
    assert decode() == Tree(leaves=(Leaf(label="a"),))


def test_null_is_not_the_default() -> None:
    tree = SCHEMA.decode({"leaves": [{"label": "a", "size": None}]}, coerce=False)

    assert tree.leaves[0].size is None


def test_every_problem_is_told_at_once_by_its_path() -> None:
    document = {
        "leaves": [{"label": "a"}, {"label": "B", "size": 10, "colr": 1}, {}],
        "share": "much",
        "shut": "maybe",
        "colour": "green",
        "size": "huge",
        "texts": ["a", 5],
        "settings": {"a": 1, "B": None, "sp ace": 1},
        "free": [],
        "colours": 1,
        "deep": {"label": ""},
    }

    assert problems(document) == {
        "leaves[1].label": 'expected a text that matches [a-z]+, got "B"',
        "leaves[1].size": "expected an integer from 1 to 9 or null, got 10",
        "leaves[1].colr": "unknown field",
        "leaves[2].label": "missing, expected a text that matches [a-z]+",
        "share": 'expected a number from 0 to 100, got "much"',
        "shut": 'expected true or false or null, got "maybe"',
        "colour": 'expected "red" or "blue", got "green"',
        "size": 'expected "big" or "small", got "huge"',
        "texts[1]": "expected a text that matches [a-z]+, got 5",
        "settings.a": 'expected a name that matches [A-Z]+, got "a"',
        'settings["sp ace"]': 'expected a name that matches [A-Z]+, got "sp ace"',
        "settings.B": "expected a text, a number or a boolean, got null",
        "free": "expected an object, got a list",
        "colours": "unknown field; did you mean 'colour'?",
        "deep.label": 'expected a text that matches [a-z]+, got ""',
    }


def test_rules_across_fields_come_after_those_of_fields() -> None:
    assert problems(GOOD | {"share": 13}) == {
        "share": "is unlucky",
        "leaves[0].label": "is unlucky too",
    }
    assert "is unlucky" not in str(problems(GOOD | {"share": 13, "size": "no"}))


@pytest.mark.parametrize("value", ["short secret", 5, [SECRET], {"a": SECRET}])
def test_a_secret_is_never_shown(value: object) -> None:
    found = problems(GOOD | {"key": value})

    assert found == {"key": "expected a text of at least 30 characters or null"}


@pytest.mark.parametrize("document", [[{"key": SECRET}], SECRET, None, 5, math.nan])
def test_a_document_is_an_object(document: object) -> None:
    message = problems(document)[""]

    assert message.startswith("expected an object, got")


def test_a_list_where_an_object_is_expected_does_not_show_what_it_holds() -> None:
    assert SECRET not in str(problems([{"key": SECRET}]))


def test_a_value_is_shown_shortened() -> None:
    message = problems(GOOD | {"colour": "x" * 100_000})["colour"]

    assert message == f'expected "red" or "blue", got "{"x" * 80}…"'


@pytest.mark.parametrize(
    "value", [True, 1.5, math.nan, math.inf, 10**400, "1e999", "0x1", "\u0661", [], {}]
)
def test_an_integer_is_no_boolean_fraction_or_monster(value: object) -> None:
    assert list(problems({"leaves": [{"label": "a", "size": value}]})) == ["leaves[0].size"]


@pytest.mark.parametrize("value", [2, 2.0, "2", "2.0", "+2", " 2 ", "2e0"])
def test_an_integer_may_be_spelt_as_a_text(value: object) -> None:
    tree = SCHEMA.decode({"leaves": [{"label": "a", "size": value}]}, coerce=False)

    assert tree.leaves[0].size == 2
    assert type(tree.leaves[0].size) is int


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("FALSE", False), (True, True)])
def test_a_boolean_may_be_spelt_as_a_text(value: object, expected: bool) -> None:
    assert decode(shut=value).shut is expected


def test_a_whole_number_is_shown_without_a_fraction() -> None:
    assert str(decode(share=10.0).share) == "10"
    assert decode(share=10.5).share == 10.5


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x\udfff"])
def test_a_text_holds_nothing_that_utf8_or_c_cannot(text: str) -> None:
    found = problems(GOOD | {"settings": {"A": text}, "free": {"x": [text]}, "colour": text})

    assert set(found) == {"settings.A", "free.x", "colour"}
    "".join(found.values()).encode()


def test_a_key_holds_nothing_that_utf8_cannot() -> None:
    for field in ("settings", "free"):
        str(problems(GOOD | {field: {"\ud800": 1}})).encode()
    str(problems(GOOD | {"\ud800": 1})).encode()


def test_a_newline_at_the_end_does_not_match() -> None:
    assert list(problems({"leaves": [{"label": "a\n"}]})) == ["leaves[0].label"]


def test_free_fields_are_bounded_in_depth() -> None:
    nested: object = 1
    for _ in range(40):
        nested = [nested]

    assert problems(GOOD | {"free": {"a": nested}}) == {
        "free.a": "expected at most 32 levels of lists and objects, got a list"
    }


def test_an_alias_is_read_and_not_beside_the_name() -> None:
    assert decode(extra={"a": 1}).free == {"a": 1}
    assert problems(GOOD | {"free": {}, "extra": {}}) == {
        "extra": "given twice: it is another name of free"
    }


def test_a_hostile_document_gets_a_short_answer() -> None:
    document = GOOD | {f"colour{index}": 1 for index in range(100_000)}

    with pytest.raises(InvalidParameters) as refusal:
        SCHEMA.decode(document, coerce=False)

    assert refusal.value.problems[-1] == Problem("", "and at least 99800 more problems")
    assert len(refusal.value.message) < 20_000


def test_the_reading_of_a_hostile_list_ends_early() -> None:
    with pytest.raises(InvalidParameters) as refusal:
        Schema(Forest).decode({"leaves": [{}] * 300_000}, coerce=False)

    assert refusal.value.problems[-1] == Problem("", "and at least 9800 more problems")


def test_a_form_is_read_by_what_is_expected() -> None:
    tree = SCHEMA.decode(
        {
            "leaves": {"7": {"label": "b"}, "0": {"label": "a", "size": ""}},
            "texts": "x",
            "share": "1.5",
            "shut": "",
            "settings": ["a"][:0],
            "free": "",
        },
        coerce=True,
    )

    assert tree == Tree(
        leaves=(Leaf(label="a", size=None), Leaf(label="b")), texts=("x",), share=1.5
    )


@pytest.mark.parametrize(("count", "told"), [(0, "an empty list"), (4, "a list of 4")])
def test_a_list_of_a_wrong_length_is_told_with_its_length(count: int, told: str) -> None:
    leaves = [{"label": "a"}] * count

    assert problems({"leaves": leaves}) == {
        "leaves": f"expected a list of 1 to 3 entries, got {told}"
    }


def test_a_single_object_is_a_list_of_one_in_a_form_alone() -> None:
    document = {"leaves": {"label": "a"}}

    assert SCHEMA.decode(document, coerce=True) == decode()
    assert problems(document) == {"leaves": "expected a list of 1 to 3 entries, got an object"}


def test_the_path_in_a_form_has_the_index_that_the_client_wrote() -> None:
    assert list(problems({"leaves": {"5": {"label": "A"}}}, coerce=True)) == ["leaves[5].label"]


def test_indexes_of_a_form_differ_as_numbers() -> None:
    leaf = {"label": "a"}

    assert list(problems({"leaves": {"1": leaf, "01": leaf}}, coerce=True)) == ["leaves"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["leaves", "share", "shut", "colour", "size", "key", "texts", "settings", "free", "deep"]
)


@given(st.dictionaries(FIELDS, JSON) | JSON, st.booleans())
def test_any_json_is_decoded_or_refused(document: object, coerce: bool) -> None:
    try:
        tree = SCHEMA.decode(document, coerce=coerce)
    except InvalidParameters as refusal:
        refusal.message.encode()
    else:
        assert isinstance(tree, Tree)


LEAVES = st.fixed_dictionaries(
    {"label": st.from_regex("[a-z]+", fullmatch=True)},
    optional={"size": st.none() | st.integers(1, 9)},
)
TREES = st.fixed_dictionaries(
    {"leaves": st.lists(LEAVES, min_size=1, max_size=3)},
    optional={"share": st.floats(0, 12), "shut": st.none() | st.booleans()},
)


@given(TREES)
def test_what_was_sent_is_what_is_read(document: dict[str, Any]) -> None:
    tree = SCHEMA.decode(json.loads(json.dumps(document)), coerce=False)

    assert [leaf.label for leaf in tree.leaves] == [each["label"] for each in document["leaves"]]
    assert [leaf.size for leaf in tree.leaves] == [
        each.get("size", 3) for each in document["leaves"]
    ]
    assert tree.share == document.get("share", 0.5)
    assert tree.shut is document.get("shut")


def test_a_type_that_the_wire_does_not_know_is_refused_when_the_schema_is_made() -> None:
    @frozen
    class Odd:
        value: complex = option(doc="")

    Odd.__annotations__["value"] = complex
    with pytest.raises(TypeError, match="complex is not an attrs class"):
        Schema(Odd)


def test_the_published_schema_says_what_is_accepted() -> None:
    published: Any = SCHEMA.json_schema()

    assert published["required"] == ["leaves"]
    assert published["additionalProperties"] is False
    fields = published["properties"]
    assert fields["leaves"]["minItems"] == 1
    assert fields["leaves"]["items"]["properties"]["size"] == {
        "type": ["integer", "null"],
        "minimum": 1,
        "maximum": 9,
        "default": 3,
    }
    assert fields["leaves"]["items"]["properties"]["label"]["pattern"] == "^(?:[a-z]+)$"
    assert fields["colour"] == {"type": "string", "enum": ["red", "blue"], "default": "red"}
    assert fields["key"]["format"] == "password"
    assert "extra" not in fields
    assert fields["settings"]["propertyNames"] == {"pattern": "^(?:[A-Z]+)$"}
