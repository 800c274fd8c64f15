"""The pytest plugin as plugin authors meet it: what they see, and what it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import pytest

from jobyard import __version__

ROOT: Final = Path(__file__).resolve().parents[3]
INSTALLED: Final = bool(entry_points(group="pytest11", name="jobyard"))
SUITES: Final = """
from jobyard.seams.provider import Capability, Seam
from jobyard.testing import lacks, provider_named, requires
from tests.core.testing.suites import TinySuite, tiny_provider

class Suite(TinySuite):
    def test_good(self): pass
    def test_bad(self): raise ValueError("as ever")
    @requires(Capability.LOGS)
    def test_off(self): raise ValueError("is not run")

class TestTiny(Suite):
    waivers = {"test_bad": "bug 7"}

class TestLocal(Suite):
    provider = provider_named(Seam.AUTH, "local")
"""


def _pytest(folder: Path, *arguments: str, code: str = SUITES) -> subprocess.CompletedProcess[str]:
    (folder / "test_mine.py").write_text(code)
    plugin = () if INSTALLED else ("-p", "jobyard.testing.plugin")
    environment = {name: each for name, each in os.environ.items() if "PYTEST" not in name}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("processes", [(), ("-n", "2")], ids=["one process", "several"])
def test_the_report_tells_what_each_provider_passes(
    processes: tuple[str, ...], tmp_path: Path
) -> None:
    done = _pytest(tmp_path, "-v", "--jobyard-report", *processes)
    report = json.loads((tmp_path / "conformance.json").read_text())
    local, tiny = report["providers"]

    assert done.returncode == 1
    assert "1 failed, 10 passed, 1 waived" in done.stdout
    assert (report["format"], report["jobyard"]) == (1, __version__)
    assert {name: local[name] for name in ("seam", "name", "suite", "api", "capabilities")} == {
        "seam": "auth",
        "name": "local",
        "suite": "test_mine.py::TestLocal",
        "api": 1,
        "capabilities": ["manage-users", "users"],
    }
    assert (local["distribution"], local["version"]) == ("jobyard", __version__)
    assert (tiny["distribution"], tiny["version"]) == (None, None)
    assert (local["failed"], local["waived"]) == (["test_bad"], {})
    assert (tiny["failed"], tiny["waived"]) == ([], {"test_bad": "bug 7"})
    assert "test_good" in tiny["passed"]
    assert tiny["switched_off"] == {"test_off": "requires logs"}


def test_the_matrix_has_a_row_a_test_and_a_column_a_provider(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "--jobyard-report", "out.json", "-k", "good or bad or off")
    lines = [line.split() for line in done.stdout.splitlines()]

    assert ["auth", "local", "tiny"] in lines
    assert ["test_bad", "FAILED", "waived"] in lines
    assert ["test_good", "passed", "passed"] in lines
    assert ["test_off", "off", "off"] in lines
    assert "  tiny: test_bad is waived: bug 7" in done.stdout
    assert (tmp_path / "out.json").exists()


def test_the_reason_of_a_waiver_is_shown(tmp_path: Path) -> None:
    done = _pytest(tmp_path, "-v", "-k", "TestTiny and bad")

    assert "WAIVED (bug 7)" in done.stdout
    assert done.returncode == 0
    assert not (tmp_path / "conformance.json").exists()


def test_what_is_switched_off_is_neither_skipped_nor_deselected(tmp_path: Path) -> None:
    last = _pytest(tmp_path).stdout.splitlines()[-1]

    assert "skipped" not in last
    assert "deselected" not in last


def test_a_suite_without_a_provider_says_what_is_missing(tmp_path: Path) -> None:
    code = "from jobyard.testing import Conformance\nclass TestNothing(Conformance): pass\n"
    done = _pytest(tmp_path, code=code)

    assert "TestNothing: say which provider it is about" in done.stderr
    assert done.returncode == pytest.ExitCode.USAGE_ERROR


def test_a_provider_of_another_seam_is_refused(tmp_path: Path) -> None:
    code = f"{SUITES}\nclass TestStorage(TestLocal):\n    seam = Seam.STORAGE\n"
    done = _pytest(tmp_path, code=code)

    assert "'local' is a provider of the seam auth, and the suite is one of storage" in done.stderr


def test_where_no_suite_is_the_plugin_does_nothing(tmp_path: Path) -> None:
    code = "import sys\ndef test_lean(): assert 'jobyard.testing.conformance' not in sys.modules\n"
    done = _pytest(tmp_path, code=code)

    assert done.returncode == 0, done.stdout
