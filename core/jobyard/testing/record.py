"""What came of a conformance run: a matrix for people, a document for machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Final

import orjson
from attrs import define, field, frozen

from jobyard import __version__
from jobyard.registry import Registry
from jobyard.seams.provider import AnyProvider

FORMAT: Final = 1
"""The version of the document; it changes when a reader of the older one could be wrong."""

PASSED: Final = "passed"
FAILED: Final = "FAILED"
WAIVED: Final = "waived"
OFF: Final = "off"

_ABSENT: Final = "-"


@frozen
class Column:
    """Be a suite that is run against one provider."""

    suite: str
    seam: str
    name: str
    distribution: str | None
    version: str | None
    api: int
    capabilities: tuple[str, ...]

    @classmethod
    def of(cls, suite: str, provider: AnyProvider) -> Column:
        """Describe a provider with the distribution that it comes from."""
        distribution, release = _origin(provider)
        return cls(
            suite=suite,
            seam=provider.seam.value,
            name=provider.name,
            distribution=distribution,
            version=release,
            api=provider.api,
            capabilities=tuple(sorted(each.value for each in provider.capabilities)),
        )


@frozen
class Cell:
    """Be what came of one test; ``why`` is the reason of a waiver, or the switch."""

    outcome: str
    why: str = ""


@define
class Record:
    """Hold what came of every test of every suite; plain data, so that processes can share it."""

    columns: dict[str, Column] = field(factory=dict)
    cells: dict[str, dict[str, Cell]] = field(factory=dict)

    def add(self, column: Column) -> None:
        """Note a suite."""
        self.columns[column.suite] = column
        self.cells.setdefault(column.suite, {})

    def note(self, suite: str, test: str, cell: Cell) -> None:
        """Note what came of a test; the worst of its phases and parameters stays."""
        known = self.cells.setdefault(suite, {}).get(test)
        if known is None or _RANK[cell.outcome] > _RANK[known.outcome]:
            self.cells[suite][test] = cell

    def merge(self, document: bytes) -> None:
        """Add what another process noted."""
        for each in orjson.loads(document):
            column = Column(**each["column"], capabilities=tuple(each["capabilities"]))
            self.add(column)
            for test, (outcome, why) in each["cells"].items():
                self.note(column.suite, test, Cell(outcome, why))

    def packed(self) -> bytes:
        """Give everything for :meth:`merge`."""
        return orjson.dumps(
            [
                {
                    "column": {
                        "suite": column.suite,
                        "seam": column.seam,
                        "name": column.name,
                        "distribution": column.distribution,
                        "version": column.version,
                        "api": column.api,
                    },
                    "capabilities": column.capabilities,
                    "cells": {
                        test: (cell.outcome, cell.why)
                        for test, cell in self.cells[column.suite].items()
                    },
                }
                for column in self.columns.values()
            ]
        )

    def document(self) -> bytes:
        """Give the document: ``format`` says how to read it."""
        providers = [
            self._provider(each) for each in sorted(self.columns.values(), key=_by_provider)
        ]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        document = {
            "format": FORMAT,
            "jobyard": __version__,
            "generated": now,
            "providers": providers,
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def matrix(self) -> list[str]:
        """Give the lines of a matrix for each seam: a row a test, a column a provider."""
        lines: list[str] = []
        for seam in sorted({each.seam for each in self.columns.values()}):
            columns = sorted(
                (each for each in self.columns.values() if each.seam == seam), key=_by_provider
            )
            lines += self._matrix(seam, columns)
        return lines

    def _provider(self, column: Column) -> dict[str, object]:
        cells = self.cells[column.suite]
        return {
            "seam": column.seam,
            "name": column.name,
            "suite": column.suite,
            "distribution": column.distribution,
            "version": column.version,
            "api": column.api,
            "capabilities": column.capabilities,
            "passed": _named(cells, PASSED),
            "failed": _named(cells, FAILED),
            "waived": {test: cells[test].why for test in _named(cells, WAIVED)},
            "switched_off": {test: cells[test].why for test in _named(cells, OFF)},
        }

    def _matrix(self, seam: str, columns: list[Column]) -> list[str]:
        tests = sorted({test for each in columns for test in self.cells[each.suite]})
        longest = max((len(each) for each in (seam, *tests)), default=0)
        widths = [max(len(each.name), len(PASSED)) for each in columns]
        lines = [_line(seam, longest, [each.name for each in columns], widths)]
        for test in tests:
            row = [self.cells[each.suite].get(test) for each in columns]
            words = [_ABSENT if cell is None else cell.outcome for cell in row]
            lines.append(_line(test, longest, words, widths))
        for column in columns:
            cells = self.cells[column.suite]
            lines += [
                f"  {column.name}: {test} is waived: {cells[test].why}"
                for test in _named(cells, WAIVED)
            ]
        return [*lines, ""]


_RANK: Final = {OFF: 0, PASSED: 1, WAIVED: 2, FAILED: 3}


def _by_provider(column: Column) -> tuple[str, str, str]:
    return column.seam, column.name, column.suite


def _named(cells: Mapping[str, Cell], outcome: str) -> list[str]:
    return sorted(test for test, cell in cells.items() if cell.outcome == outcome)


def _line(first: str, longest: int, words: Iterable[str], widths: Iterable[int]) -> str:
    cells = "  ".join(word.ljust(width) for word, width in zip(words, widths, strict=True))
    return f"{first.ljust(longest)}  {cells}".rstrip()


def _origin(provider: AnyProvider) -> tuple[str | None, str | None]:
    """Find the distribution that announces a provider, else the one that its settings are in."""
    for each in Registry().describe():
        if (each.seam, each.name) == (provider.seam, provider.name):
            return each.distribution, each.version
    package = provider.config.__module__.partition(".")[0]
    for distribution in packages_distributions().get(package, ()):
        try:
            return distribution, version(distribution)
        except PackageNotFoundError:
            continue
    return None, None
