"""Names are canonical, and what could become one name is found."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.identity import is_username
from jobyard_backends.auth.ldap.filters import unescaped
from jobyard_backends.auth.ldap.names import NameRule, typed

MAPS = st.dictionaries(
    st.sampled_from([".", "-", "@corp", "\u00e4", "..", " "]),
    st.sampled_from(["_", "x", "ae", "_x", "aa"]),
    max_size=4,
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("alice", "alice"),
        ("ALICE ", "ALICE"),
        ("  alice", "alice"),
        ("a b", "a b"),
        ("\u00e4", "\u00e4"),
        ("", None),
        ("   ", None),
        ("a\n", None),
        ("a\0", None),
        ("a\u200b", None),
        ("a\u00a0", None),
        ("\ud800", None),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
    ],
)
def test_what_can_be_printed_may_be_looked_for(name: str, found: str | None) -> None:
    assert typed(name) == found


@pytest.mark.parametrize(
    ("replaced", "name", "canonical"),
    [
        ({}, "Alice", "alice"),
        ({}, "a.b", None),
        ({}, "", None),
        ({".": "_"}, "A.B", "a_b"),
        ({".": "_", "-": "_"}, "a-b.c", "a_b_c"),
        ({".": "_", "..": "x"}, "a..b.c", "axb_c"),
        ({"@CORP": "_Corp"}, "Alice@corp", "alice_corp"),
        ({"\u00e4": "ae"}, "J\u00c4ger", "jaeger"),
        ({".": "_"}, "a@b", None),
    ],
)
def test_names_are_folded_and_mapped(
    replaced: dict[str, str], name: str, canonical: str | None
) -> None:
    assert NameRule(replaced).canonical(name) == canonical


@given(MAPS, st.text(alphabet=".-@corp\u00e4 xae_AB9", min_size=1, max_size=12))
def test_every_name_that_becomes_another_is_found_by_its_claim(
    replaced: dict[str, str], name: str
) -> None:
    rule = NameRule(replaced)
    canonical = rule.canonical(name)
    if canonical is None:
        return

    assert is_username(canonical)
    assert matches(rule.claims(canonical), name.strip().casefold())
    assert matches(rule.claims(canonical), canonical)
    if name.strip().casefold() != canonical:
        assert rule.ambiguous(canonical)


def matches(assertion: str, value: str) -> bool:
    """Match as a directory does: what lies between the asterisks, in its order."""
    pattern = ".*".join(re.escape(unescaped(each)) for each in assertion.split("*"))
    return re.fullmatch(pattern, value, re.DOTALL) is not None


def test_without_rules_a_name_is_claimed_by_itself() -> None:
    rule = NameRule({})

    assert not rule.ambiguous("a_b")
    assert rule.claims("a_b") == "a\\5fb"
