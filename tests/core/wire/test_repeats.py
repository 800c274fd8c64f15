"""Keys that an object has more than once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.wire.repeats import repeated_keys

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_an_object_without_repeated_keys_has_no_problem(document: object) -> None:
    assert repeated_keys(json.dumps(document).encode()) == []


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        (b'{"a":1,"a":1}', ["a"]),
        (b'{"a":1,"\\u0061":2,"a":3}', ["a"]),
        (b'{"a":{"b":1,"b":2},"a":{"c":1}}', ["a"]),
        (b'{"a":[{},{"b c":{"d":1,"d":1}}]}', ['a[1]["b c"].d']),
        (b'{"b":{"c":1,"c":1},"a":1,"d":2,"a":1,"d":2}', ["a", "d", "b.c"]),
    ],
)
def test_a_repeated_key_is_named_by_its_path(body: bytes, paths: list[str]) -> None:
    problems = repeated_keys(body)

    assert [each.path for each in problems] == paths
    assert {each.message for each in problems} == {"given more than once; once is expected"}


def test_a_repeated_key_is_found_within_all_levels_that_a_schema_allows() -> None:
    levels = 36
    body = b'{"a":' * levels + b'{"b":1,"b":1}' + b"}" * levels

    assert [each.path for each in repeated_keys(body)] == ["a." * levels + "b"]


def test_all_repeated_keys_of_the_last_level_that_is_read_are_named() -> None:
    levels = 39
    body = b"[" * levels + b'[{"b":1,"b":1},{"c":1,"c":1}]' + b"]" * levels

    assert [each.path[-4:] for each in repeated_keys(body)] == ["0].b", "1].c"]


@pytest.mark.parametrize("levels", [500, 900, 1_020])
def test_a_body_that_is_deeper_is_left_to_its_schema(levels: int) -> None:
    assert repeated_keys(b"[" * levels + b'{"b":1,"b":1}' + b"]" * levels) == []


def test_a_number_beyond_all_bounds_is_no_problem_here() -> None:
    assert repeated_keys(b'{"a":%s,"b":1e999999}' % (b"9" * 100_000)) == []


def test_of_very_many_the_first_are_named() -> None:
    body = b"{" + b",".join(b'"a%d":1,"a%d":1' % (each, each) for each in range(1_000)) + b"}"

    assert [each.path for each in repeated_keys(body)] == [f"a{each}" for each in range(50)]
