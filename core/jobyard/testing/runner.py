"""Run a suite against a backend from within a test, to see which of its tests fail."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from attrs import field, frozen

from jobyard.testing.conformance import Conformance

_MODULE: Final = "test_the_subject_of_a_conformance_run"
# The class is handed over, since it may have been made in a function.
_CODE: Final = "from jobyard.testing.runner import suite_to_run\n\nTestSubject = suite_to_run()\n"
_OPTIONS: Final = (
    "--disable-plugin-autoload",
    "--capture=no",
    "--import-mode=importlib",
    *("-p", "anyio.pytest_plugin"),
    *("-p", "jobyard.testing.plugin"),
    # Two of each cannot be had in one process, and what is left over has no reader.
    *("-p", "no:faulthandler"),
    *("-p", "no:terminal"),
    *("-p", "no:cacheprovider"),
    *("-p", "no:threadexception"),
)

_running: list[type[Conformance]] = []


@frozen
class Outcome:
    """Be what came of a suite: the names of its tests, and why those that failed did."""

    passed: tuple[str, ...]
    failures: dict[str, str]


def failures_of(suite: type[Conformance], *, tests: Collection[str] | None = None) -> set[str]:
    """Run a suite in this process, and give the names of the tests that failed.

    Args:
        suite: A class with its provider.
        tests: The names of those to run; without it, all.

    Raises:
        AssertionError: The suite could not be run, or has no such test.
    """
    return set(outcome_of(suite, tests=tests).failures)


def outcome_of(suite: type[Conformance], *, tests: Collection[str] | None = None) -> Outcome:
    """Run a suite in this process as :func:`failures_of` does, and give everything about it.

    Raises:
        AssertionError: The suite could not be run, or has no such test.
    """
    _check_no_loop()
    unknown = sorted(each for each in tests or () if not hasattr(suite, each))
    if unknown:
        message = f"{suite.__name__} has no test {', '.join(unknown)}"
        raise AssertionError(message)
    recorder = _Recorder(tests)
    with tempfile.TemporaryDirectory(prefix="jobyard-conformance-") as name, _on(suite):
        folder = Path(name)
        module = folder / f"{_MODULE}.py"
        module.write_text(_CODE)
        folder.joinpath("pytest.ini").write_text("[pytest]\n")
        arguments = (f"--rootdir={folder}", f"--basetemp={folder / 'temporary'}", str(module))
        code = pytest.main([*_OPTIONS, *arguments], plugins=[recorder])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} or recorder.broken:
        message = f"the suite could not be run ({code}): {'; '.join(recorder.broken)}"
        raise AssertionError(message)
    return recorder.outcome()


def suite_to_run() -> type[Conformance]:
    """Give the suite that is being run; asked by the module that is collected."""
    return _running[-1]


@contextmanager
def _on(suite: type[Conformance]) -> Iterator[None]:
    _running.append(suite)
    # The outer run's own, which would have this one be a part of it.
    kept = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
        sys.modules.pop(_MODULE, None)
        _running.pop()


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    message = "a suite is run from a plain test: it needs the event loop for itself"
    raise RuntimeError(message)


@frozen
class _Recorder:
    """Hear, as a pytest plugin, what becomes of each test."""

    _tests: Collection[str] | None
    broken: list[str] = field(factory=list)
    _passed: dict[str, None] = field(factory=dict)
    _failures: dict[str, str] = field(factory=dict)

    def outcome(self) -> Outcome:
        """Give what was heard."""
        good = tuple(name for name in self._passed if name not in self._failures)
        return Outcome(good, self._failures)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave those that nobody asked for out."""
        if self._tests is not None:
            items[:] = [each for each in items if _name(each.nodeid) in self._tests]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what cannot even be collected."""
        if report.failed:
            self.broken.append(report.longreprtext)

    def pytest_internalerror(self, excrepr: object) -> None:
        """Note what broke pytest itself."""
        self.broken.append(str(excrepr))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the end of a phase of a test."""
        name = _name(report.nodeid)
        if report.failed:
            self._failures[name] = report.longreprtext
        elif report.when == "call":
            self._passed[name] = None


def _name(node: str) -> str:
    return node.rpartition("::")[2].partition("[")[0]
