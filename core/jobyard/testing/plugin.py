"""The pytest plugin: switches tests on and off, keeps waivers honest, and writes the report.

pytest finds it by its entry point. It costs nothing where no suite of the kit is collected.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from jobyard.testing.conformance import Conformance
    from jobyard.testing.record import Record

REPORT: Final = "conformance.json"
"""Where ``--jobyard-report`` writes to when it is not told."""

_KIT: Final = "jobyard.testing"
_OPTION: Final = "jobyard_report"
_SENT: Final = "jobyard"
_WAIVED: Final = "jobyard_waived"
_HAS_FAILED: Final = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the report."""
    parser.getgroup("jobyard", "conformance of Jobyard's backends").addoption(
        "--jobyard-report",
        dest=_OPTION,
        nargs="?",
        const=REPORT,
        default=None,
        metavar="FILE",
        help=f"print what each backend passes, and write it to a file ({REPORT})",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let the suites' asserts explain themselves, and begin a record where one is wanted."""
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("[!_]*.py")):
        name = ".".join((_KIT, *path.relative_to(folder).with_suffix("").parts))
        if name not in sys.modules:
            pytest.register_assert_rewrite(name)
    if config.getoption(_OPTION) is not None:
        config.pluginmanager.register(Reporter(config), "jobyard-reporter")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests that the capabilities of their provider switch off.

    They are no skipped tests, which somebody may still want to run: they are none for it.
    """
    reporter = config.pluginmanager.get_plugin("jobyard-reporter")
    items[:] = [each for each in items if _is_on(each, reporter)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the failure of a waived test around, and say which suite a report is of."""
    report = yield
    suite = _suite(item)
    if suite is not None:
        reason = suite.waivers.get(item.name, suite.waivers.get(_test(item)))
        if reason is not None:
            _turn(item, report, reason)
        vars(report)[_SENT] = [_place(item), _test(item)]
    return report


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, object] | None:
    """Show a waived test as what it is, with its reason."""
    reason = vars(report).get(_WAIVED)
    if reason is None:
        return None
    return "waived", "w", (f"WAIVED ({reason})", {"yellow": True})


class Reporter:
    """Note, as a pytest plugin, what comes of every suite; one a process, and they add up."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._file = Path(config.getoption(_OPTION))

    @property
    def record(self) -> Record:
        """Give what is noted."""
        if not hasattr(self, "_record"):
            from jobyard.testing.record import Record  # noqa: PLC0415 - only where it is used

            self._record = Record()
        return self._record

    def collected(self, item: pytest.Item, suite: type[Conformance], off: str) -> None:
        """Note a test; ``off`` says by what it is switched off, if it is."""
        from jobyard.testing.record import OFF, Cell, Column  # noqa: PLC0415 - as above

        place = _place(item)
        if place not in self.record.columns:
            self.record.add(Column.of(place, suite.provider))
        if off:
            self.record.note(place, _test(item), Cell(OFF, off))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the end of a phase of a test."""
        from jobyard.testing.record import FAILED, PASSED, WAIVED, Cell  # noqa: PLC0415 - as above

        sent = vars(report).get(_SENT)
        reason = vars(report).get(_WAIVED)
        if sent is None:
            return
        place, test = sent
        if reason is not None:
            self.record.note(place, test, Cell(WAIVED, reason))
        elif report.failed:
            self.record.note(place, test, Cell(FAILED))
        elif report.when == "call" and report.passed:
            self.record.note(place, test, Cell(PASSED))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a process of pytest-xdist noted."""
        sent = getattr(node, "workeroutput", {}).get(_SENT)
        if sent is not None:
            self.record.merge(sent)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the document, or hand everything to the process that does."""
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_SENT] = self.record.packed()
        else:
            self._file.write_bytes(self.record.document())

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the matrix."""
        terminalreporter.section("conformance")
        for line in self.record.matrix():
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"written to {self._file}")


def _is_on(item: pytest.Item, reporter: Reporter | None) -> bool:
    suite = _suite(item)
    if suite is None:
        return True
    from jobyard.testing.conformance import switched_off  # noqa: PLC0415 - it was imported already

    off = ", ".join(map(str, switched_off(getattr(item, "function", None), suite.provider)))
    if reporter is not None:
        reporter.collected(item, suite, off)
    return not off


def _suite(item: pytest.Item) -> type[Conformance] | None:
    """Give the suite that a test is of, if it is of one.

    Raises:
        UsageError: The suite has no provider, or one of another seam.
    """
    module = sys.modules.get(f"{_KIT}.conformance")
    cls: object = getattr(item, "cls", None)
    if module is None or not isinstance(cls, type) or not issubclass(cls, module.Conformance):
        return None
    suite: type[Conformance] = cls
    provider = getattr(suite, "provider", None)
    if provider is None:
        message = (
            f"{_place(item)}: say which provider it is about, such as "
            'provider = provider_named(Seam.STORAGE, "shelf")'
        )
        raise pytest.UsageError(message)
    if suite.seam is not None and provider.seam is not suite.seam:
        message = (
            f"{_place(item)}: '{provider.name}' is a provider of the seam {provider.seam.value}, "
            f"and the suite is one of {suite.seam.value}"
        )
        raise pytest.UsageError(message)
    return suite


def _turn(item: pytest.Item, report: pytest.TestReport, reason: str) -> None:
    """Let a waived test that fails be good, and one that passes fail."""
    if report.failed:
        item.stash[_HAS_FAILED] = True
        report.outcome = "passed"
        # A failed setup is followed by the call, which has then nothing to run with.
        if report.when != "setup":
            vars(report)[_WAIVED] = reason
    elif report.when == "teardown" and not item.stash.get(_HAS_FAILED, False):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.name} is waived ({reason}), and passes: take it out of the waivers"
        )


def _place(item: pytest.Item) -> str:
    return item.nodeid.rpartition("::")[0]


def _test(item: pytest.Item) -> str:
    return str(getattr(item, "originalname", None) or item.name)
