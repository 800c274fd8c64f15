"""Forms with bracketed names: what published clients send, and what strangers do."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.errors import InvalidParameters
from jobyard.wire.form import MOST_FIELDS, read_form


@pytest.mark.parametrize(
    ("form", "document"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a", {"a": ""}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": ["1", "2"]}),
        ("a[1]=2&a[0]=1", {"a": {"1": "2", "0": "1"}}),
        ("a[999999999]=1", {"a": {"999999999": "1"}}),
        (f"a[{'9' * 5000}]=1", {"a": {"9" * 5000: "1"}}),
        ("a[5]=1&a[]=2", {"a": {"5": "1", "6": "2"}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a%5Bb%5D=c+d%26", {"a": {"b": "c d&"}}),
        ("a[x.y]=1", {"a": {"x.y": "1"}}),
        ("a[b=1&]c=2", {"a[b": "1", "]c": "2"}),
        ("a=%C3%A9", {"a": "é"}),
    ],
)
def test_brackets_nest(form: str, document: object) -> None:
    assert read_form(form) == document


@pytest.mark.parametrize(
    ("form", "name", "message"),
    [
        ("a=1&a[b]=2", "a[b]", "given both as a value and with fields below it"),
        ("a[b]=2&a=1", "a", "given both as a value and with fields below it"),
        ("a[b]=1&a[b][c]=2", "a[b][c]", "given both as a value and with fields below it"),
        ("a=%FF", "form", "is not UTF-8"),
        ("a" + "[b]" * 16 + "=1", "a" + "[b]" * 16, "expected at most 16 levels of brackets"),
        ("&".join(["a=1"] * (MOST_FIELDS + 1)), "form", "has more than 10000 fields."),
    ],
    ids=["value-then-field", "field-then-value", "deeper", "not-utf8", "too-deep", "too-many"],
)
def test_what_cannot_be_read_is_refused(form: str, name: str, message: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        read_form(form)

    assert name in refused.value.message
    assert message in refused.value.message
    assert '"' not in refused.value.message


def test_a_form_may_be_as_deep_and_as_long_as_the_bounds() -> None:
    document: object = {"b": "1"}
    for _ in range(14):
        document = {"b": document}

    assert read_form("a" + "[b]" * 15 + "=1") == {"a": document}
    assert read_form("&".join(["a=1"] * MOST_FIELDS)) == {"a": ["1"] * MOST_FIELDS}


@given(st.lists(st.tuples(st.text("ab[]01.", max_size=12), st.text(max_size=5)), max_size=8))
def test_any_form_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    try:
        document = read_form(urlencode(pairs, errors="replace"))
    except InvalidParameters as refusal:
        assert "given both" in refusal.message  # noqa: PT017
    else:
        assert isinstance(document, dict)
