"""What other accounts of the machine, and tasks, get to see of a gateway with everything embedded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import pytest

from tests.e2e.processes import PATIENCE, Process, until

SIGNING: Final = "a secret of the gateway alone, which signs its tokens"
CONFIGURATION: Final = "rest-server: {jwt-secret: {env: GATEWAY_SIGNS_WITH}}\n"
ROOT_OF_FILES: Final = "/webhdfs/v1"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A gateway whose state directory is open to all, and whose umask takes nothing away."""
    folder = tmp_path_factory.mktemp("machine")
    process = Process(folder, CONFIGURATION, environment={"GATEWAY_SIGNS_WITH": SIGNING})
    process.state.mkdir()
    process.state.chmod(0o755)
    before = os.umask(0)
    try:
        process.start()
    finally:
        os.umask(before)
    yield process
    process.end()


@pytest.fixture(scope="module")
def token(gateway: Process) -> str:
    return gateway.log_in()


def ran(gateway: Process, token: str, name: str, command: str) -> str:
    """Run a job to its end, and give what it printed."""
    gateway.submit(token, name, command)
    assert gateway.reaching(name, "SUCCEEDED", "FAILED")["state"] == "SUCCEEDED"
    printed: str = gateway.call("GET", f"/user/admin/jobs/{name}/tasks/main/0/logs", token=token)
    return printed


def ask_files(
    gateway: Process, method: str, path: str, operation: str, token: str, **more: str
) -> httpx.Response:
    query = {"op": operation, **more}
    return httpx.request(
        method,
        f"{gateway.address}{ROOT_OF_FILES}{path}",
        params=query,
        headers={"Authorization": f"Bearer {token}"},
        follow_redirects=True,
        timeout=PATIENCE,
    )


def reached_by_others(folder: Path) -> Iterator[Path]:
    """Give what another account could read or write, or look into, below a folder."""
    for entry in folder.iterdir():
        mode = entry.lstat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            yield entry
        if stat.S_ISDIR(mode) and mode & 0o011:
            yield from reached_by_others(entry)


def test_what_the_gateway_keeps_is_for_its_own_account_alone(gateway: Process, token: str) -> None:
    gateway.submit(token, "running", "echo out; echo kept > kept; sleep 600")
    gateway.reaching("running", "RUNNING")
    assert ask_files(gateway, "PUT", "/user/admin/file", "CREATE", token).status_code == 201
    kept = {entry.name for entry in gateway.state.iterdir()}
    assert {"admin-password", "jobyard.sqlite", "storage.local", "scheduling.local"} <= kept

    assert stat.S_IMODE(gateway.state.stat().st_mode) == 0o755
    assert list(reached_by_others(gateway.state)) == []


def command_lines(top: psutil.Process) -> list[str]:
    """Give what everybody on the machine sees of a process and all below it."""
    lines = []
    for each in (top, *top.children(recursive=True)):
        with suppress(psutil.Error):  # it has ended meanwhile
            lines.append("\0".join(each.cmdline()))
    return lines


def storage_tokens(top: psutil.Process, job: str) -> list[str]:
    """Give the tokens that the processes of a job have."""
    found = []
    for each in top.children(recursive=True):
        with suppress(psutil.Error):
            environment = each.environ()
            if environment.get("PAI_JOB_NAME") == job:
                found.append(environment["PAI_STORAGE_TOKEN"])
    return found


def test_no_secret_is_on_a_command_line(gateway: Process, token: str) -> None:
    gateway.submit(token, "seen", "sleep 600")
    gateway.reaching("seen", "RUNNING")
    assert gateway.process is not None
    top = psutil.Process(gateway.process.pid)
    until(lambda: bool(storage_tokens(top, "seen")))
    lines = command_lines(top)
    assert [line for line in lines if "jobyard" in line]
    password = (gateway.state / "admin-password").read_text().strip()
    for secret in (SIGNING, password, token, *storage_tokens(top, "seen")):
        assert not [line for line in lines if secret in line]


def test_a_task_has_the_gateways_account_and_not_its_environment(
    gateway: Process, token: str
) -> None:
    assert ran(gateway, token, "account", "id -u") == f"{os.getuid()}\n"

    environment = ran(gateway, token, "environment", "env")
    assert "PAI_JOB_NAME=environment" in environment
    assert SIGNING not in environment
    assert "GATEWAY_SIGNS_WITH" not in environment


def test_a_tasks_token_opens_its_users_files_and_nothing_else(gateway: Process, token: str) -> None:
    theirs = ran(gateway, token, "token", 'echo "$PAI_STORAGE_TOKEN"').strip()
    user: dict[str, Any] = {"username": "bob", "password": "a good one", "modify": False}
    gateway.call("PUT", "/user", user, token=token)
    bob = gateway.call("POST", "/token", {"username": "bob", "password": "a good one"})["token"]
    assert ask_files(gateway, "PUT", "/user/bob/file", "CREATE", bob).status_code == 201

    home = ask_files(gateway, "GET", "/", "GETHOMEDIRECTORY", theirs)
    assert home.json() == {"Path": "/user/admin"}
    assert ask_files(gateway, "PUT", "/user/admin/mine", "MKDIRS", theirs).json()["boolean"]
    # Its user is an administrator, and would be let through.
    assert ask_files(gateway, "DELETE", "/user/bob/file", "DELETE", theirs).status_code == 403
    assert ask_files(gateway, "DELETE", "/user/bob/file", "DELETE", token).status_code == 200
    for method, path in (
        ("GET", "/user"),
        ("GET", "/user/admin"),
        ("POST", "/user/admin/jobs"),
        ("DELETE", "/user/admin/jobs/token"),
        ("GET", "/user/admin/jobs/token/tasks/main/0/logs"),
        ("PUT", "/virtual-clusters/vc1"),
        ("GET", "/plugins"),
    ):
        answer = httpx.request(
            method,
            f"{gateway.address}/api/v1{path}",
            headers={"Authorization": f"Bearer {theirs}"},
            timeout=PATIENCE,
        )
        assert answer.status_code == 401, path

    gateway.call("DELETE", "/user/admin/jobs/token", token=token)
    assert ask_files(gateway, "GET", "/", "GETHOMEDIRECTORY", theirs).status_code == 401
