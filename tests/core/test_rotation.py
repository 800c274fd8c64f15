"""Of several servers the one that answered is asked first, and those that do not are passed over."""

from __future__ import annotations

import anyio
import pytest

from jobyard.rotation import Rotation

pytestmark = pytest.mark.anyio


async def test_who_is_active_is_asked_first_and_again_where_nobody_leaves_it() -> None:
    rotation = Rotation(["a", "b"], patience=0)

    assert [address async for address in rotation.turns()] == ["a", "a"]


async def test_who_is_left_is_asked_after_all_others() -> None:
    rotation = Rotation(["a", "b", "c"], patience=0)

    asked = []
    async for address in rotation.turns():
        asked.append(address)
        rotation.leave(address)

    assert asked == ["a", "b", "c"]
    assert rotation.active == "a"


async def test_who_answered_is_remembered() -> None:
    rotation = Rotation(["a", "b"], patience=0)
    rotation.leave("a")

    assert rotation.active == "b"
    assert await anext(rotation.turns()) == "b"


async def test_of_many_who_leave_one_address_at_once_one_counts() -> None:
    rotation = Rotation(["a", "b", "c"], patience=0)
    for _ in range(3):
        rotation.leave("a")

    assert rotation.active == "b"


async def test_all_are_asked_again_until_patience_is_over() -> None:
    rotation = Rotation(["a"], patience=0.2)
    with anyio.fail_after(30):
        asked = [address async for address in rotation.turns()]

    assert asked == ["a"] * len(asked)
    assert len(asked) > 1
