from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.exit_table import EXIT_SPECS
from jobyard.domain.exits import ExitSpec, classify, exit_messages, exit_spec
from jobyard.domain.status import ExitType


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (0, ExitType.SUCCEEDED),
        (1, ExitType.UNKNOWN),
        (193, ExitType.TRANSIENT_NORMAL),
        (194, ExitType.NON_TRANSIENT),
        (-7103, ExitType.TRANSIENT_CONFLICT),
        (-7111, ExitType.TRANSIENT_NORMAL),
        (-7122, ExitType.NON_TRANSIENT),
        (-7252, ExitType.TRANSIENT_CONFLICT),
        (-7300, ExitType.UNKNOWN),
    ],
)
def test_codes_have_the_class_that_the_launcher_gives_them(code: int, expected: ExitType) -> None:
    assert classify(code) is expected


@pytest.mark.parametrize("code", [137, 143])
def test_a_signal_is_transient_only_when_the_platform_sent_it(code: int) -> None:
    assert classify(code, by_platform=True) is ExitType.TRANSIENT_NORMAL
    assert classify(code, by_platform=False) is ExitType.UNKNOWN


@given(code=st.integers(1, 255))
def test_a_programs_own_code_is_of_unknown_kind_off_yarn(code: int) -> None:
    assert classify(code, by_platform=False) is ExitType.UNKNOWN


def test_every_row_of_the_table_explains_its_own_code() -> None:
    for code, spec in EXIT_SPECS.items():
        assert spec.code == code
        assert spec.reason.endswith(".")


def test_signals_and_own_codes_are_explained_and_unknown_negative_ones_are_not() -> None:
    again = "It is retried as often as retryCount allows."

    assert exit_spec(139) == ExitSpec(
        code=139,
        phrase="KilledBySIGSEGV",
        issuer="USER_CONTAINER",
        causer="UNKNOWN",
        type="UNKNOWN_FAILURE",
        stage="RUNNING",
        behavior="UNKNOWN",
        reaction=again,
        reason="A task was ended by the signal SIGSEGV.",
        solution=("Look at the task's log, and at who could have sent the signal.",),
    )
    assert exit_spec(42) == ExitSpec(
        code=42,
        phrase="CommandFailed",
        issuer="USER_CONTAINER",
        causer="USER",
        type="USER_FAILURE",
        stage="RUNNING",
        behavior="UNKNOWN",
        reaction=again,
        reason="The command of a task ended with exit code 42.",
        solution=("Look at the task's log.",),
    )
    assert exit_spec(-9999) is None
    assert exit_spec(None) is None


def test_the_three_messages_are_found_in_diagnostics() -> None:
    text = (
        "[ExitStatus]: LAUNCHER_EXIT\nExitCodeException exitCode=1: no such image\n"
        "at org.apache.hadoop.util.Shell.runCommand(Shell.java:1)\n"
        "[PAI_RUNTIME_ERROR_START]\ncode: 7\nname: x\n[PAI_RUNTIME_ERROR_END]"
    )

    messages = exit_messages(text, -7100)

    assert messages.container == "no such image"
    assert messages.runtime == {"code": 7, "name": "x"}
    assert messages.launcher == "[ExitStatus]: LAUNCHER_EXIT"
    assert exit_messages(text, 0).launcher is None
    assert exit_messages(text, 1).launcher is None
    assert exit_messages(text, None).launcher is None


def test_a_runtime_error_that_is_no_yaml_is_its_text() -> None:
    text = "[PAI_RUNTIME_ERROR_START]a: [b[PAI_RUNTIME_ERROR_END]"

    assert exit_messages(text, 1).runtime == "a: [b"


@pytest.mark.parametrize(
    "text",
    [
        "!!bool maybe",
        "!!timestamp noon",
        "!!float ''",
        "!!int '-'",
        "[" * 60 + "]" * 60,
        "[" * 300 + "]" * 300,
        "{a: " * 33 + "1" + "}" * 33,
        "[" * 33 + "]" * 33,
        "a: &x [1, 2]\nb: *x",
        f"a: {2**63}",
        f"a: {-(2**63)}",
        "a: 1\0",
        "a: .inf",
        "a: 2001-01-01",
        "1: a",
    ],
)
def test_yaml_that_json_cannot_hold_is_its_text(text: str) -> None:
    wrapped = f"[PAI_RUNTIME_ERROR_START]{text}[PAI_RUNTIME_ERROR_END]"

    assert exit_messages(wrapped, 1).runtime == text


@pytest.mark.parametrize(
    ("text", "document"),
    [
        (f"a: {2**63 - 1}", {"a": 2**63 - 1}),
        (f"a: {1 - 2**63}", {"a": 1 - 2**63}),
        ("a: 1.5", {"a": 1.5}),
        ("a: null\nb: [true, x]", {"a": None, "b": [True, "x"]}),
    ],
)
def test_yaml_that_json_can_hold_is_read(text: str, document: object) -> None:
    wrapped = f"[PAI_RUNTIME_ERROR_START]{text}[PAI_RUNTIME_ERROR_END]"

    assert exit_messages(wrapped, 1).runtime == document


@pytest.mark.parametrize(
    "text", ["{a: " * 32 + "1" + "}" * 32, "[" * 32 + "]" * 32, "[" + "x" * (16 * 1024 - 2) + "]"]
)
def test_the_deepest_and_the_longest_runtime_error_are_read(text: str) -> None:
    wrapped = f"[PAI_RUNTIME_ERROR_START]{text}[PAI_RUNTIME_ERROR_END]"

    assert isinstance(exit_messages(wrapped, 1).runtime, dict | list)


def test_a_longer_runtime_error_is_not_parsed() -> None:
    text = "[" + "x" * (16 * 1024 - 1) + "]"
    wrapped = f"[PAI_RUNTIME_ERROR_START]{text}[PAI_RUNTIME_ERROR_END]"

    assert exit_messages(wrapped, 1).runtime == text


@given(st.text(), st.none() | st.integers())
def test_broken_diagnostics_never_raise_and_always_fit_into_json(
    text: str, code: int | None
) -> None:
    wrapped = f"[PAI_RUNTIME_ERROR_START]{text}[PAI_RUNTIME_ERROR_END]"

    for diagnostics in (text, wrapped):
        messages = exit_messages(diagnostics, code)
        if not any("\ud800" <= letter <= "\udfff" for letter in text):
            orjson.dumps(messages.runtime)
