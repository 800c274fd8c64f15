"""Names of users."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.identity import SYSTEM, USERNAME_PATTERN, Actor, Identity, is_username


@given(text=st.one_of(st.text("aZ9_-~. \né", max_size=6), st.text(max_size=6)))
def test_a_users_name_is_of_ascii_letters_digits_and_underscores(text: str) -> None:
    allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

    assert is_username(text) is (text != "" and all(letter in allowed for letter in text))


@given(text=st.from_regex(USERNAME_PATTERN).filter(lambda text: not text.endswith("\n")))
def test_whatever_the_pattern_takes_is_a_name(text: str) -> None:
    assert is_username(text)
    assert re.search(USERNAME_PATTERN, text)


def test_nobody_is_an_administrator_unless_told_so() -> None:
    assert not Actor("alice").admin
    assert Identity("local", "alice").admin is None
    assert SYSTEM.admin
