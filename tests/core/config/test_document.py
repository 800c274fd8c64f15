import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.config.document import (
    EMPTY,
    LARGEST_FILE,
    ListNode,
    MapNode,
    Node,
    Place,
    ScalarNode,
    compose,
    plain_value,
)
from jobyard.errors import ConfigError

FILE = "services-configuration.yaml"


def value(node: Node) -> object:
    if isinstance(node, MapNode):
        return {entry.key: value(entry.value) for entry in node.entries}
    if isinstance(node, ListNode):
        return [value(item) for item in node.items]
    return node.value


def problems(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(ConfigError) as raised:
        compose(FILE, content)
    return raised.value.message.splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("", None),
        ("~", None),
        ("Null", None),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("+.INF", math.inf),
        ("<<", "<<"),
        ("9" * 101, "9" * 101),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_sees_in_it(text: str, expected: object) -> None:
    assert (expected, type(expected)) == (plain_value(text), type(plain_value(text)))


def test_not_a_number_is_a_number() -> None:
    found = plain_value(".NaN")

    assert isinstance(found, float)
    assert math.isnan(found)


@given(st.text(max_size=200))
def test_every_plain_scalar_has_a_value(text: str) -> None:
    assert isinstance(plain_value(text), str | int | float | bool | None)


def test_a_quoted_scalar_is_a_text() -> None:
    assert value(compose(FILE, b"a: 'true'\nb: \"12\"\nc: |\n  x\n")) == {
        "a": "true",
        "b": "12",
        "c": "x\n",
    }


def test_nodes_know_their_line_and_column() -> None:
    root = compose(FILE, b"# comment\na:\n  - b: {c: 1}\n")
    a = root.entries[0]
    assert isinstance(a.value, ListNode)
    first = a.value.items[0]
    assert isinstance(first, MapNode)

    assert (a.place, first.place) == (Place(2, 1), Place(3, 5))
    assert first.entries[0].value.place == Place(3, 8)


@pytest.mark.parametrize("content", [b"", b"# only words\n", b"---\n", b"~", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_empty_mapping(content: bytes) -> None:
    assert compose(FILE, content) == EMPTY


def test_keys_are_texts() -> None:
    assert value(compose(FILE, b"1: a\ntrue: b\n")) == {"1": "a", "true": "b"}


def test_an_alias_stands_for_what_it_names() -> None:
    assert value(compose(FILE, b"a: &x [1]\nb: *x\n")) == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", [f"{FILE}:3:1: a: the key stands in line 1 already"]),
        ("a: {b: 1, b: 2}", [f"{FILE}:1:11: b: the key stands in line 1 already"]),
        ("- a\n", [f"{FILE}:1:1: expected keys with values at the top"]),
        ("just words", [f"{FILE}:1:1: expected keys with values at the top"]),
        ("a: 1\n---\nb: 2\n", [f"{FILE}:2:1: a second document begins; expected one"]),
        ("a: !secret x\n", [f"{FILE}:1:4: tags are not known here; leave it out"]),
        ("? [a]\n: 1\n", [f"{FILE}:1:3: a key is a text"]),
        ("a: *b\n", [f"{FILE}:1:4: an alias of what does not stand before it"]),
        ("a: &b [*b]\n", [f"{FILE}:1:8: an alias of what does not stand before it"]),
        ("a: 1\nb: \x07\n", [f"{FILE}:2:4: the character U+0007 does not belong in YAML"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, expected: list[str]) -> None:
    assert expected == problems(text)


def test_all_problems_of_a_document_are_told_at_once() -> None:
    assert len(problems("a: 1\na: 2\nb: !x 1\n? {}\n: 1\n")) == 3


def test_a_key_of_several_lines_makes_no_second_line() -> None:
    assert len(problems('"a\\nb": 1\n"a\\nb": 2\n')) == 1


def test_broken_yaml_is_told_with_its_place() -> None:
    (line,) = problems("a: 1\nb: [1,\n")

    assert line.startswith(f"{FILE}:3:1: no YAML: ")


def test_text_that_is_not_utf_8_is_told_with_its_place() -> None:
    assert problems(b"a: 1\nb: \xff\n") == [f"{FILE}:2:4: expected UTF-8"]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 60 + "]" * 60,
        "a: " + "{b: " * 60 + "1" + "}" * 60,
    ],
)
def test_depth_has_a_bound(text: str) -> None:
    assert "nested deeper than 50 levels" in problems(text)[0]


def test_what_aliases_expand_to_has_a_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert "more than 100000 values" in problems("\n".join(lines))[0]


def test_size_has_a_bound() -> None:
    assert problems(b"#" * (LARGEST_FILE + 1)) == [
        f"{FILE}:1:1: a configuration file has at most {LARGEST_FILE} bytes"
    ]


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8")))
def test_any_content_is_composed_or_refused_with_places(content: bytes) -> None:
    try:
        root = compose(FILE, content)
    except ConfigError as error:
        found = error
    else:
        assert isinstance(root, MapNode)
        return

    assert found.problems
    assert all(problem.line and problem.column for problem in found.problems)
    assert len(found.message.splitlines()) == len(found.problems)


def test_a_node_does_not_show_its_text() -> None:
    assert "hunter2" not in repr(compose(FILE, b"password: hunter2\n"))
    assert "hunter2" not in repr(ScalarNode("hunter2", "hunter2", Place(1, 1)))
