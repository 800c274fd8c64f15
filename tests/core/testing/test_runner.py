"""A suite is run from within a test, and what came of each of its tests is told."""

from __future__ import annotations

import os

import pytest

from jobyard.testing.runner import Outcome, failures_of, outcome_of
from tests.core.testing.suites import TinySuite

TESTS = ["test_good", "test_bad", "test_with_a_bad_fixture"]


class _Suite(TinySuite):
    @pytest.fixture
    def bad(self) -> None:
        raise OSError("no such thing")

    def test_good(self) -> None:
        assert "PYTEST_XDIST_WORKER" not in os.environ

    def test_bad(self) -> None:
        assert len("good") == 3

    async def test_with_a_bad_fixture(self, bad: None) -> None:
        pass


def test_what_fails_is_named_and_explained() -> None:
    outcome = outcome_of(_Suite, tests=TESTS)

    assert outcome.passed == ("test_good",)
    assert "assert 4 == 3" in outcome.failures["test_bad"]
    assert "no such thing" in outcome.failures["test_with_a_bad_fixture"]


def test_all_tests_are_run_where_none_is_named() -> None:
    assert failures_of(_Suite) == {"test_bad", "test_with_a_bad_fixture"}


def test_a_run_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    before = dict(os.environ)

    assert failures_of(_Suite, tests=["test_good"]) == set()
    assert dict(os.environ) == before


def test_a_test_that_is_none_is_named() -> None:
    with pytest.raises(AssertionError, match="_Suite has no test test_gone"):
        failures_of(_Suite, tests=["test_good", "test_gone"])


def test_a_suite_without_a_provider_cannot_be_run() -> None:
    class Nothing(TinySuite):
        provider = None  # type: ignore[assignment]

    with pytest.raises(AssertionError, match="could not be run"):
        outcome_of(Nothing)


async def test_it_needs_the_event_loop_for_itself() -> None:
    with pytest.raises(RuntimeError, match="from a plain test"):
        failures_of(_Suite, tests=["test_good"])


def test_outcomes_are_values() -> None:
    assert Outcome(("a",), {}) == Outcome(("a",), {})
