"""What a task notes may be anything: it was the task's to write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard_backends.scheduling.yarn.services.notes import LOST, Place, _code, _place


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_place_is_address_container_and_node(end: str) -> None:
    text = f"10.0.0.7 container_e17_0001_01_000002 node1.example.org:8042{end}"
    expected = Place("10.0.0.7", "container_e17_0001_01_000002", "node1.example.org:8042")
    assert _place(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.7",
        "10.0.0.7 container_1",
        "10.0.0.7 container/1 node:1",
        "$(reboot) container_1 node:1",
        "10.0.0.7 container_1 node:1\nevil 1 1",
        "10.0.0.7 container_1 evil.example.org/?:1",
    ],
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert _place(text) is None


@given(st.text())
def test_nothing_is_a_crash(text: str) -> None:
    _place(text)
    code = _code(text)
    assert 0 <= code <= 255 or code in {LOST, -7103, -7150, -7251}


@pytest.mark.parametrize("code", [0, 1, 137, 255, -7103])
def test_a_code_is_itself(code: int) -> None:
    assert _code(str(code)) == code


@pytest.mark.parametrize("text", ["", "x", "256", "-1", "-7351", "-7400", "1e3", "1" * 9999])
def test_what_is_no_code_is_a_lost_task(text: str) -> None:
    assert _code(text) == LOST
