"""Everything that was measured, as a document and as tables."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import asdict, field, frozen

from benchmarks.changing import COMMIT, Changed, Hashing
from benchmarks.reading import Read
from benchmarks.resources import Memory, Start
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


@frozen
class Report:
    """Be one whole run."""

    machine: Machine
    reads: tuple[Read, ...]
    hashing: Hashing
    submissions: tuple[Changed, ...]
    start: Start
    memory: tuple[Memory, ...]

    def document(self) -> dict[str, object]:
        """Give it for JSON."""
        return asdict(self)

    def text(self) -> str:
        """Give it as tables in Markdown."""
        where = self.machine
        head = (
            f"{where.date}, {where.cores} cores, Python {where.python}, {where.system},"
            f" Jobyard {where.jobyard}, load of the minute before: {where.load}"
        )
        parts = (head, self._reads(), self._changes(), self._start(), self._memory())
        return "\n\n".join(parts) + "\n"

    def _reads(self) -> str:
        return _table(
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
        table = _table(
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
        return f"{table}\n\nThe hash of a log-in alone: {self.hashing.hash:,.0f} CPU us."

    def _start(self) -> str:
        start = self.start
        return _table(
            ("start", "ms"),
            (
                ("python alone", f"{start.python:.0f}"),
                ("python, import jobyard", f"{start.imported:.0f}"),
                ("jobyard serve, until it listens", f"{start.listening:.0f}"),
                ("the same, of the processor", f"{start.cpu:.0f}"),
            ),
        )

    def _memory(self) -> str:
        return _table(
            ("jobs", "resident MB", "peak MB"),
            (
                (f"{each.jobs:,}", f"{each.resident:.0f}", f"{each.peak:.0f}")
                for each in self.memory
            ),
        )


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


def _table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    return "\n".join([*lines, *map(_line, rows)])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
