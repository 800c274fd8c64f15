import os
import pty
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from jobyard.cli import cli
from jobyard.registry import Registry
from jobyard.seams.provider import Seam
from tests.core.plugins import entry_point


def test_every_plugin_has_a_line() -> None:
    done = CliRunner().invoke(cli, ["plugins"])
    rows = [line.split("\t") for line in done.stdout.splitlines()]

    assert done.exit_code == 0
    assert ["scheduling", "local"] in [row[:2] for row in rows]
    assert all(len(row) == 5 for row in rows)


def test_chosen_plugins_are_marked(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("auth: local\n")
    done = CliRunner().invoke(cli, ["plugins", "--json", "--config", str(tmp_path / "f.yaml")])
    found = {(each["seam"], each["name"]): each["chosen"] for each in orjson.loads(done.stdout)}

    chosen = {key for key, is_chosen in found.items() if is_chosen}
    assert chosen == {("auth", "local"), ("scheduling", "local"), ("storage", "local")}
    assert not found["scheduling", "yarn"]


def test_a_bad_configuration_is_told_instead(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("boards: {}\n")
    done = CliRunner().invoke(cli, ["plugins", "--config", str(tmp_path / "f.yaml")])

    assert (done.exit_code, done.stdout) == (2, "")


def test_a_broken_plugin_is_listed_with_its_problem_on_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fake_broken.py").write_text("raise RuntimeError('half\\ninstalled')")
    monkeypatch.syspath_prepend(tmp_path)
    point = entry_point(Seam.AUTH, "broken", "fake_broken")
    monkeypatch.setattr("jobyard.registry.Registry", lambda: Registry([point]))

    (line,) = CliRunner().invoke(cli, ["plugins"]).stdout.splitlines()

    assert line.split("\t")[:4] == ["auth", "broken", "acme-plugins 1.2", "broken"]
    assert "half installed" in line


def test_on_a_terminal_there_is_a_table() -> None:
    leader, follower = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "jobyard", "plugins"],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env={**os.environ, "TERM": "dumb"},
            timeout=60,
            check=True,
        )
        shown = os.read(leader, 65536).decode()
    finally:
        os.close(leader)
        os.close(follower)

    assert "what it is" in shown
    assert "\t" not in shown
