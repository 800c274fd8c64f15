"""Everything that was measured, as a document and as tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from attrs import asdict, field, frozen

from benchmarks.changing import COMMIT, Changed, Hashing
from benchmarks.log_ins import LogIns
from benchmarks.reading import Read
from benchmarks.resources import Memory, Start
from benchmarks.table import table
from jobyard import __version__


@frozen
class Machine:
    """Be where and when it was measured; ``load`` is that of the minute before."""

    date: str = field(factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    cores: int = field(factory=lambda: len(os.sched_getaffinity(0)))
    python: str = field(factory=platform.python_version)
    system: str = field(factory=lambda: f"{platform.system()} {platform.machine()}")
    jobyard: str = __version__
    load: float = field(factory=lambda: round(os.getloadavg()[0], 2))

    def text(self) -> str:
        """Give it as a line."""
        return (
            f"{self.date}, {self.cores} cores, Python {self.python}, {self.system},"
            f" Jobyard {self.jobyard}, load of the minute before: {self.load}"
        )


@frozen
class LogInReport:
    """Be a run that looked at log-ins alone."""

    machine: Machine
    log_ins: LogIns

    def document(self) -> dict[str, object]:
        """Give it for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Give it as tables in Markdown."""
        return f"{self.machine.text()}\n\n{_log_ins(self.log_ins)}\n"


@frozen
class Report:
    """Be one whole run."""

    machine: Machine
    reads: tuple[Read, ...]
    hashing: Hashing
    log_ins: LogIns
    submissions: tuple[Changed, ...]
    start: Start
    memory: tuple[Memory, ...]

    def document(self) -> dict[str, object]:
        """Give it for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Give it as tables in Markdown."""
        log_ins = _log_ins(self.log_ins)
        parts = (self._reads(), self._changes(), log_ins, self._start(), self._memory())
        return "\n\n".join((self.machine.text(), *parts)) + "\n"

    def _reads(self) -> str:
        return table(
            (
                "read",
                "bytes",
                "of Starlette",
                "of ready bytes",
                "CPU us: Starlette",
                "ready",
                "Jobyard",
                "Jobyard /s",
                "p50 ms: Starlette",
                "ready",
                "Jobyard",
                "p99 ms: Starlette",
                "ready",
                "Jobyard",
            ),
            (_read_row(each) for each in self.reads),
        )

    def _changes(self) -> str:
        rows = [(each, "") for each in self.hashing.log_ins]
        rows += [(each, f"{COMMIT * 1e3:g} ms in each commit") for each in self.submissions]
        changes = table(
            ("change", "clients", "/s", "CPU us", "p50 ms", "p99 ms", "with"),
            (
                (
                    each.case,
                    f"{each.connections}",
                    f"{each.jobyard.rate:,.0f}",
                    f"{each.jobyard.cpu:,.0f}",
                    f"{each.jobyard.p50:.1f}",
                    f"{each.jobyard.p99:.1f}",
                    note,
                )
                for each, note in rows
            ),
        )
        return f"{changes}\n\nThe hash of a log-in alone: {self.hashing.hash:,.0f} CPU us."

    def _start(self) -> str:
        start = self.start
        return table(
            ("start", "ms"),
            (
                ("python alone", f"{start.python:.0f}"),
                ("python, import jobyard", f"{start.imported:.0f}"),
                ("jobyard serve, until it listens", f"{start.listening:.0f}"),
                ("the same, of the processor", f"{start.cpu:.0f}"),
            ),
        )

    def _memory(self) -> str:
        return table(
            ("jobs", "resident MB", "peak MB"),
            (
                (f"{each.jobs:,}", f"{each.resident:.0f}", f"{each.peak:.0f}")
                for each in self.memory
            ),
        )


def _log_ins(log_ins: LogIns) -> str:
    names = table(
        (
            "names, wrong password",
            "samples of each",
            "p50 ms: first",
            "second",
            "ratio",
            "95 % of the difference, us",
            "p",
        ),
        (
            (
                f"{each.first}, {each.second}",
                f"{each.samples}",
                f"{each.first_median:.2f}",
                f"{each.second_median:.2f}",
                f"{each.ratio:.3f}",
                f"{each.low:+,.0f} to {each.high:+,.0f}",
                f"{each.p:.2f}",
            )
            for each in log_ins.names
        ),
    )
    crowds = table(
        (
            "log-ins at once",
            "login-throttle",
            "answered 200",
            "seconds",
            "lag ms: p50",
            "p99",
            "most",
            "most before",
            "most CPU ms at a stretch",
        ),
        (
            (
                f"{each.log_ins:,}",
                each.throttle,
                f"{each.good:,}",
                f"{each.seconds:.1f}",
                f"{each.lag.p50:.1f}",
                f"{each.lag.p99:.1f}",
                f"{each.lag.most:.1f}",
                f"{each.idle.most:.1f}",
                f"{each.lag.cpu:.1f}",
            )
            for each in log_ins.crowds
        ),
    )
    return f"{names}\n\n{crowds}"


def _read_row(read: Read) -> Iterator[str]:
    columns: Final = (read.starlette, read.ready, read.jobyard)
    yield read.case
    yield f"{read.size:,}"
    yield f"{read.to_starlette:.0%}"
    yield f"{read.to_ready:.0%}"
    yield from (f"{each.cpu:,.0f}" for each in columns)
    yield f"{read.jobyard.rate:,.0f}"
    yield from (f"{each.p50:.1f}" for each in columns)
    yield from (f"{each.p99:.1f}" for each in columns)
