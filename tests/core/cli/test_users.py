import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from jobyard.cli import cli
from tests.core.cli.process import TIMEOUT, fetch, running, serve_arguments

NEW = "a new password"


def passwd(state: Path, name: str, password: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jobyard", "user", "passwd", name]
    return subprocess.run(
        [*command, "--state-dir", str(state), "--stdin"],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def log_in(address: str, password: str) -> tuple[int, str]:
    status, document = fetch(f"{address}/api/v1/token", {"username": "admin", "password": password})
    return status, str(document.get("token") or document.get("code"))


def test_a_password_is_changed_while_the_gateway_runs_and_afterwards(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with running(tmp_path, *serve_arguments(state)) as process:
        address = process.address()
        old = (state / "admin-password").read_text().strip()
        _, token = log_in(address, old)
        before, _ = fetch(f"{address}/api/v1/user/admin", token=token)

        done = passwd(state, "admin", NEW)

        after, _ = fetch(f"{address}/api/v1/user/admin", token=token)
        outcomes = log_in(address, old), log_in(address, NEW)[0]
        process.end()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The password of admin is changed.\n"
    assert (before, after) == (200, 401)
    assert outcomes == ((400, "IncorrectPassworkError"), 200)

    stranger = passwd(state, "nobody", NEW)
    assert (stranger.returncode, stranger.stdout) == (1, "")
    assert stranger.stderr == "jobyard: There is no user nobody.\n"
    assert passwd(state, "admin", "another one").returncode == 0


def test_a_password_is_asked_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    async def change(_loaded: object, _state: object, _name: str, password: object) -> None:
        given.append(str(password))

    monkeypatch.setattr("jobyard.cli.passwords.change_password", change)
    arguments = ["user", "passwd", "ada", "--state-dir", str(tmp_path)]

    done = CliRunner().invoke(cli, arguments, input=f"{NEW}\nother one\n{NEW}\n{NEW}\n")

    assert done.exit_code == 0
    assert given == ["********"]
    assert NEW not in done.output


@pytest.mark.parametrize("password", ["", "short"])
def test_a_short_password_is_refused(tmp_path: Path, password: str) -> None:
    arguments = ["user", "passwd", "ada", "--state-dir", str(tmp_path), "--stdin"]

    done = CliRunner().invoke(cli, arguments, input=f"{password}\n")

    assert done.exit_code == 2
    assert "a password has at least 6 characters" in done.stderr


def test_a_state_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    arguments = ["user", "passwd", "ada", "--state-dir", str(tmp_path / "none"), "--stdin"]

    done = CliRunner().invoke(cli, arguments, input=f"{NEW}\n")

    assert done.exit_code == 1
    assert "does not exist" in done.stderr
    assert not (tmp_path / "none").exists()
