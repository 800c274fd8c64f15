"""The kit's public names are those that it says, and nothing that runs needs it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import jobyard.testing
from jobyard import testing


def test_every_public_name_is_there() -> None:
    assert [name for name in testing.__all__ if not hasattr(testing, name)] == []


def test_the_names_that_are_found_are_those_that_are_listed() -> None:
    assert sorted(testing._MODULES) == sorted(testing.__all__)
    assert dir(testing) == sorted(testing.__all__)


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(testing.__file__).read_text())
    told = {
        (str(node.module).removeprefix("jobyard.testing."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("jobyard.testing.")
        for alias in node.names
    }

    assert told == {(module, name) for name, module in testing._MODULES.items()}


def test_every_public_name_is_described() -> None:
    text = (Path(__file__).parents[3] / "docs/plugins/testing.md").read_text()

    assert [name for name in testing.__all__ if f"`{name}" not in text] == []


def test_another_name_is_none() -> None:
    assert not hasattr(jobyard.testing, "Confidence")


def _imported(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_gateway_imports_neither_the_kit_nor_a_test_runner() -> None:
    imported = _imported("import jobyard.app, jobyard.cli, jobyard.cli.running")

    assert {each for each in imported if each.startswith("jobyard.testing")} == set()
    assert imported & {"pytest", "hypothesis"} == set()


def test_a_double_costs_no_test_runner() -> None:
    imported = _imported("from jobyard.testing import FakeStorage, UnsupportedScheduler")

    assert imported & {"pytest", "hypothesis", "jobyard.testing.conformance"} == set()
