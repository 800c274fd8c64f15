from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jobyard.wire.cursors import read, write

SHAPE = (str, int)
PLACES = st.tuples(st.text(st.characters(codec="utf-8")), st.integers(-(2**63), 2**63 - 1))


@given(place=PLACES)
def test_a_place_comes_back_from_its_cursor(place: tuple[str, int]) -> None:
    assume(len(place[0]) < 500)
    cursor = write("name", place)

    assert read("name", cursor, SHAPE) == place
    assert cursor.isascii()
    assert not set(cursor) & set('+/= "<>&?')


@given(text=st.text() | st.text("abcABC019-_=", max_size=40))
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert read("name", text, SHAPE) is None


@given(place=PLACES, data=st.data())
def test_a_cursor_that_was_changed_is_none(place: tuple[str, int], data: st.DataObject) -> None:
    cursor = write("name", place)
    at = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from("abcXYZ019-_"))
    changed = cursor[:at] + other + cursor[at + 1 :]
    assume(changed != cursor)

    assert read("name", changed, SHAPE) is None
    assert read("name", cursor[:at], SHAPE) is None


@pytest.mark.parametrize("place", [("a",), (1, "a"), ("a", 1, 1), ("a", True), ("a", None)])
def test_a_cursor_of_another_list_is_none(place: tuple[str | int, ...]) -> None:
    assert read("name", write("name", place), SHAPE) is None
    assert read("name", write("-name", ("a", 1)), SHAPE) is None
    assert read("name", write("name", ("a" * 5000, 1)), SHAPE) is None
