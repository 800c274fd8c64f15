"""Each promise of the page about security has tests, which exist, and its defaults are the code's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from attrs import frozen

from jobyard.config.options import options
from jobyard.config.settings import Settings
from jobyard.config.shapes import section_of

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "security.md").read_text()
NODE: Final = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")


@frozen
class Promise:
    """Be a row of the page's tables of promises."""

    name: str
    text: str
    tests: tuple[str, ...]
    unread: str


def section(title: str) -> str:
    """Give what stands below a heading of the second rank."""
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(text: str) -> list[list[str]]:
    """Give the cells of every row of every table, without the heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    ruled = {at for at, line in enumerate(lines) if set(line) <= set("|- ")}
    return [each for at, each in enumerate(cells) if at not in ruled and at + 1 not in ruled]


PROMISES: Final = [
    Promise(name.strip("` "), text, tuple(NODE.findall(shown)), NODE.sub("", shown).strip())
    for name, text, shown in rows(section("Promises"))
]


@pytest.fixture(scope="module")
def collected() -> frozenset[str]:
    """Give what pytest collects of the named files, without the parameters in brackets."""
    files = sorted({node.partition("::")[0] for each in PROMISES for node in each.tests})
    there = [file for file in files if (ROOT / file).is_file()]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *there], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return frozenset(line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line)


def test_there_are_promises_and_each_has_a_name_of_its_own() -> None:
    names = [promise.name for promise in PROMISES]

    assert len(names) > 40
    assert [name for name in names if not re.fullmatch(r"[a-z]+(-[a-z]+)+", name)] == []
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_a_promise_has_tests_and_they_exist(promise: Promise, collected: frozenset[str]) -> None:
    assert promise.tests
    assert promise.unread == ""
    assert [node for node in promise.tests if node not in collected] == []


def test_every_line_of_the_promises_is_a_row_a_heading_or_where_more_is() -> None:
    lines = [line for line in section("Promises").splitlines() if line and line[0] not in "|#"]

    assert " ".join(lines).startswith("[](performance.md) has ")
    assert len(lines) == 2


@pytest.mark.parametrize("row", rows(section("Defaults")), ids=lambda row: row[0].strip("`"))
def test_a_default_is_the_codes(row: list[str]) -> None:
    known = {each.path: each for each in options(section_of(Settings))}
    setting, default, meaning = (cell.strip("`") for cell in row)

    assert meaning
    if default == "none":
        assert {each.within for each in known.values() if each.path.startswith(f"{setting}.")} == {
            setting
        }
    else:
        assert known[setting].default == default
