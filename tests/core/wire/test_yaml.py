"""Configurations as YAML, to those who prefer it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobyard.wire.yaml import prefers_yaml, yaml_text


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/yaml", True),
        ("application/x-yaml", True),
        ("text/yaml", True),
        ("Text/X-YAML", True),
        ("application/yaml;q=0", False),
        ("application/yaml, */*", True),
        ("application/yaml;q=0.5, */*;q=0.9", False),
        ("application/json, application/yaml", False),
        ("application/yaml, application/json", True),
        ("application/json;q=0.5, text/yaml;q=0.6", True),
        ("application/json;q=0.9, text/yaml; charset=utf-8; q=0.6", False),
        ("application/json;q=0.1, */*, text/yaml;q=0.5", True),
        (",;,;q=x", False),
    ],
)
def test_yaml_is_for_those_who_name_it_and_like_it_best(accept: str, expected: bool) -> None:
    assert prefers_yaml(accept) is expected


def test_fields_keep_their_order() -> None:
    assert yaml_text({"b": 1, "a": ["x", None]}) == b"b: 1\na:\n- x\n- null\n"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=8,
)


@given(JSON)
def test_what_is_written_is_what_was_there(document: object) -> None:
    assert yaml.safe_load(yaml_text(document)) == document
