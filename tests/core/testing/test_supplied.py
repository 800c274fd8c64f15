"""Tests that are on where the author of a backend wrote the fixture that they need."""

from __future__ import annotations

import pytest

from jobyard.testing.conformance import switched_off
from jobyard.testing.runner import outcome_of
from jobyard.testing.supplied import Supplied, supplied
from tests.core.testing.suites import TinySuite, tiny_provider

TEST = "test_the_lamp_is_lit"


class _Lamps(Supplied, TinySuite):
    provider = tiny_provider()

    @pytest.fixture
    def lamp(self) -> str:
        raise NotImplementedError

    @supplied("lamp")
    def test_the_lamp_is_lit(self, lamp: str) -> None:
        assert lamp == "lit"


class _Without(_Lamps):
    pass


class _Lit(_Lamps):
    @pytest.fixture
    def lamp(self) -> str:
        return "lit"


class _Dark(_Without):
    @pytest.fixture
    def lamp(self) -> str:
        return "dark"


def test_where_the_fixture_is_not_written_the_test_is_not_run_and_says_what_it_needs() -> None:
    outcome = outcome_of(_Without)

    assert TEST not in outcome.passed
    assert outcome.failures == {}
    off = switched_off(getattr(_Without, TEST), _Without.provider)
    assert [str(each) for each in off] == ["needs the fixture lamp"]


@pytest.mark.parametrize("suite", [_Lit, type("Heir", (_Lit,), {})])
def test_where_it_is_written_the_test_is_run(suite: type[_Lamps]) -> None:
    assert TEST in outcome_of(suite).passed


def test_a_class_that_writes_it_below_one_that_did_not_has_it_on_again() -> None:
    assert outcome_of(_Dark).failures.keys() == {TEST}


def test_a_fixture_may_come_from_beside() -> None:
    class Beside:
        @pytest.fixture
        def lamp(self) -> str:
            return "lit"

    assert TEST in outcome_of(type("Both", (Beside, _Without), {})).passed
