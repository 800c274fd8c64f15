"""``jobyard doctor`` as a process, beside a gateway and alone."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from jobyard.cli import cli
from tests.e2e.processes import Process

EVERYTHING = {
    "state directory": ["look at the folder", "write", "look for room"],
    "database": ["ask"],
    "auth.local": ["look at the tables", "count the users", "hash a password"],
    "scheduling.local": [
        "look at the machine",
        "look for a shell",
        "look for free ports",
        "look at what holds tasks",
        "run a task",
    ],
    "storage.local": ["open the folder", "write a file", "read it", "remove it"],
}


def examined(state: Path, configuration: str | None = None) -> tuple[int, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "jobyard", "doctor", "--json", "--state-dir", str(state)]
    if configuration is not None:
        file = state.parent / "services-configuration.yaml"
        file.write_text(configuration)
        command += ["--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def steps(findings: list[dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in findings:
        found.setdefault(each["subject"], []).append(each["step"])
    return found


def test_every_step_of_every_backend_is_good_on_a_good_machine(tmp_path: Path) -> None:
    code, findings = examined(tmp_path / "state")

    assert steps(findings) == EVERYTHING
    assert [each for each in findings if not each["good"]] == []
    assert code == 0


def test_a_gateway_that_runs_is_not_disturbed_and_nothing_is_left(tmp_path: Path) -> None:
    gateway = Process(tmp_path)
    gateway.start()
    before = {str(each) for each in gateway.state.rglob("*")}
    code, findings = examined(gateway.state)
    after = {str(each) for each in gateway.state.rglob("*")}

    assert (code, steps(findings)) == (0, EVERYTHING)
    users = next(each for each in findings if each["step"] == "count the users")
    assert users["found"] == "1 users, 1 of them administrators"
    assert gateway.log_in()
    assert gateway.stop() == 0
    assert {each for each in after - before if "sqlite" not in each} == set()


def test_a_storage_that_cannot_be_opened_says_where_to_look(tmp_path: Path) -> None:
    code, findings = examined(tmp_path / "state", "storage: {local: {root: /proc/files}}\n")

    assert code == 1
    assert steps(findings) == {**EVERYTHING, "storage.local": ["open the folder"]}
    assert not findings[-1]["good"]
    assert findings[-1]["found"].startswith("The root of the local storage cannot be used: ")
    assert findings[-1]["remedy"] == "Check /proc/files, which 'root' names, and its mode."


def test_ports_that_are_all_taken_are_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        configuration = f"scheduling: {{local: {{ports: {port}-{port}}}}}\n"
        code, findings = examined(tmp_path / "state", configuration)

    failed = [each for each in findings if not each["good"]]
    assert code == 1
    assert [(each["step"], each["found"]) for each in failed] == [
        ("look for free ports", f"none of {port}-{port} is free")
    ]


def test_a_database_that_does_not_answer_ends_the_examination(tmp_path: Path) -> None:
    url = "postgresql://somebody:sesame@127.0.0.1:1/jobyard"
    code, findings = examined(tmp_path / "state", f"database: {url}\n")

    assert code == 1
    assert steps(findings) == {
        "state directory": EVERYTHING["state directory"],
        "database": ["open"],
    }
    assert "sesame" not in json.dumps(findings)


def test_a_state_directory_that_others_may_read_is_found(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    code, findings = examined(state)

    assert (code, len(findings)) == (1, 1)
    assert "others could read the secrets" in findings[0]["found"]
    assert findings[0]["remedy"] == f"chmod 700 {state}"


def test_what_people_read_has_a_line_a_step(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", "--state-dir", str(tmp_path / "state")])

    assert result.exit_code == 0
    assert "storage.local\n  ok  " in result.stdout
    assert "read it: what was written\n" in result.stdout
