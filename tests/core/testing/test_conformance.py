"""What every suite does for its tests: waivers, switches, and the backend that it opens."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.seams.context import Context
from jobyard.seams.provider import Capability
from jobyard.testing.conformance import CAPABILITIES, Reopen, lacks, requires, switches_of
from jobyard.testing.leaking import Kind
from jobyard.testing.runner import Outcome, failures_of, outcome_of
from jobyard.testing.subject import Subject
from tests.core.testing.suites import Tiny, TinySuite, tiny_provider


class _Mixed(TinySuite):
    def test_good(self) -> None:
        pass

    def test_bad(self) -> None:
        raise ValueError("as ever")

    @pytest.mark.parametrize("number", [1, 2])
    def test_odd(self, number: int) -> None:
        assert number == 1


TESTS = ("test_good", "test_bad", "test_odd", "test_waivers_name_tests_of_the_suite")


def _run(waivers: Mapping[str, str]) -> Outcome:
    return outcome_of(type("Waiving", (_Mixed,), {"waivers": waivers}), tests=TESTS)


def test_without_waivers_what_fails_fails() -> None:
    assert _run({}).failures.keys() == {"test_bad", "test_odd"}


def test_a_waived_test_that_fails_is_good() -> None:
    assert _run({"test_bad": "bug 7"}).failures.keys() == {"test_odd"}


def test_a_waived_test_that_passes_fails_and_says_to_take_the_waiver_away() -> None:
    outcome = _run({"test_good": "bug 8"})

    assert "test_good is waived (bug 8), and passes" in outcome.failures["test_good"]


def test_one_case_of_a_test_can_be_waived() -> None:
    assert _run({"test_odd[2]": "2 is even", "test_bad": "bug 7"}).failures == {}


def test_a_waiver_of_a_test_that_is_none_fails() -> None:
    outcome = _run({"test_gone": "was there once"})

    assert "'test_gone' is waived, and there is no such test" in _told(outcome)


def test_a_waiver_of_what_is_no_test_fails() -> None:
    assert "'settings' is waived, and is no test" in _told(_run({"settings": "?"}))


def test_a_waiver_without_a_reason_fails() -> None:
    assert "'test_bad' is waived without a reason" in _told(_run({"test_bad": " "}))


def test_a_waiver_of_a_test_that_is_switched_off_fails() -> None:
    class Off(_Switched):
        waivers: ClassVar[Mapping[str, str]] = {"test_feed": "later"}

    outcome = outcome_of(Off, tests=TESTS[-1:])

    assert "'test_feed' is waived, and switched off anyway: it requires feed" in _told(outcome)


def test_a_waiver_covers_what_fails_before_and_after_a_test() -> None:
    class Leaky(TinySuite):
        provider = tiny_provider(_leak_a_socket)
        waivers: ClassVar[Mapping[str, str]] = {"test_x": "bug 9", "test_y": "bug 9"}

        @pytest.fixture
        def broken(self) -> None:
            raise ValueError("no fixture")

        def test_x(self, broken: None) -> None:
            pass

        async def test_y(self, subject: Subject[Any]) -> None:
            pass

    assert failures_of(Leaky, tests=["test_x", "test_y"]) == set()


def _told(outcome: Outcome) -> str:
    return outcome.failures["test_waivers_name_tests_of_the_suite"]


class _Switched(TinySuite):
    @requires(Capability.FEED)
    def test_feed(self) -> None:
        raise AssertionError("is not run")

    @lacks(Capability.FEED)
    def test_no_feed(self) -> None:
        pass

    @lacks(Capability.FEED)
    @requires(Capability.USERS)
    def test_users_without_feed(self) -> None:
        pass


def test_tests_are_run_where_the_provider_declares_what_they_require() -> None:
    outcome = outcome_of(_Switched, tests=["test_feed", "test_no_feed", "test_users_without_feed"])

    assert outcome == Outcome(("test_no_feed",), {})


def test_all_switches_of_a_test_have_to_be_on() -> None:
    class Both(_Switched):
        provider = tiny_provider(capabilities=[Capability.USERS])

    outcome = outcome_of(Both, tests=["test_feed", "test_no_feed", "test_users_without_feed"])

    assert outcome == Outcome(("test_no_feed", "test_users_without_feed"), {})


def test_a_switch_works_on_either_side_of_hypothesis() -> None:
    @requires(Capability.LOGS)
    @given(st.integers())
    @settings(max_examples=1)
    def outside(number: int) -> None:
        pass

    @given(st.integers())
    @requires(Capability.LOGS)
    def inside(number: int) -> None:
        pass

    assert [str(each) for each in (*switches_of(outside), *switches_of(inside))] == [
        "requires logs",
        "requires logs",
    ]


def test_a_declared_capability_without_its_methods_fails() -> None:
    class Boasting(TinySuite):
        provider = tiny_provider(capabilities=[Capability.MANAGE_USERS])

    outcome = outcome_of(Boasting, tests=["test_capabilities_have_their_protocols"])

    assert (
        "'manage-users' is declared, and the backend lacks methods of UserAdmin"
        in (outcome.failures["test_capabilities_have_their_protocols"])
    )


def test_a_capability_of_another_seam_fails() -> None:
    class Astray(TinySuite):
        provider = tiny_provider(capabilities=[Capability.LOGS])

    assert failures_of(Astray, tests=["test_capabilities_have_their_protocols"])


def test_every_capability_has_its_seam() -> None:
    assert set(CAPABILITIES) == set(Capability)


class _Undeclared(TinySuite):
    """As the suites of the seams say it of each capability."""

    @requires(Capability.USERS)
    async def test_users_are_listed(self, subject: Subject[Any]) -> None:
        await subject.backend.users(None, 10)

    @lacks(Capability.USERS)
    async def test_users_are_not_supported(self, subject: Subject[Any]) -> None:
        with pytest.raises(Exception, match="lists no users"):
            await subject.backend.users(None, 10)


def test_a_declared_capability_that_does_not_work_fails() -> None:
    class Declared(_Undeclared):
        provider = tiny_provider(capabilities=[Capability.USERS])

    tests = ["test_users_are_listed", "test_users_are_not_supported"]

    assert failures_of(Declared, tests=tests) == {"test_users_are_listed"}
    assert failures_of(_Undeclared, tests=tests) == set()


def _leak_a_socket(context: Context) -> Tiny:
    tiny = Tiny()
    vars(tiny)["left"] = socket.socket()
    _KEPT.append(tiny)
    return tiny


_KEPT: list[Tiny] = []


def test_a_backend_that_leaves_something_open_fails_after_every_test() -> None:
    class Leaky(TinySuite):
        provider = tiny_provider(_leak_a_socket)

    outcome = outcome_of(
        Leaky, tests=["test_closing_leaves_nothing_open", "test_capabilities_have_their_protocols"]
    )
    for each in _KEPT:
        vars(each)["left"].close()

    assert all("left open: socket" in why for why in outcome.failures.values())
    assert outcome.passed == ()


def test_what_may_outlive_a_backend_is_said() -> None:
    class Leaky(TinySuite):
        provider = tiny_provider(_leak_a_socket)
        outliving: ClassVar[Mapping[Kind, str]] = {Kind.SOCKET: "for the test"}

    failures = failures_of(Leaky, tests=["test_closing_leaves_nothing_open"])
    for each in _KEPT:
        vars(each)["left"].close()

    assert failures == set()


class TestTiny(TinySuite):
    """The suite itself, run as its users run it."""

    @pytest.fixture
    def settings(self, tmp_path: Path) -> Mapping[str, object]:
        return {"greeting": "good day"}

    async def test_the_state_outlives_an_opening(self, reopen: Reopen) -> None:
        async with reopen() as first:
            (first.context.state_dir / "seen").touch()
        async with reopen() as second:
            assert (second.context.state_dir / "seen").exists()
