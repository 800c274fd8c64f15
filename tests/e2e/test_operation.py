"""A gateway's life as a process: signals, crashes, a second instance, its log."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.processes import PATIENCE, Process, until

TICKS = "i=0; while [ $i -lt 600 ]; do echo tick $i; i=$((i + 1)); sleep 0.1; done"


def processes_of(gateway: Process, name: str) -> list[psutil.Process]:
    """Find the shells whose environment says that they are of a job."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ() if process.name() == "bash" else {}
        except psutil.Error:
            continue
        folder = environment.get("PWD", "")
        if environment.get("PAI_JOB_NAME") == name and folder.startswith(str(gateway.folder)):
            found.append(process)
    return found


def test_the_first_start_makes_an_administrator_and_says_where_the_password_is(
    gateway: Process,
) -> None:
    file = gateway.state / "admin-password"

    assert f"The password of the user admin is in {file}" in gateway.said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(gateway.state.stat().st_mode) == 0o700
    assert file.read_text().strip() not in gateway.said + gateway.log
    assert gateway.log_in()


def test_the_second_start_makes_nobody(gateway: Process) -> None:
    before = (gateway.state / "admin-password").read_text()
    assert gateway.stop() == 0
    gateway.start()

    assert gateway.said.count("The password of the user") == 1
    assert (gateway.state / "admin-password").read_text() == before
    assert gateway.log_in()


def test_sigterm_leaves_tasks_alone_and_the_next_start_finds_them(gateway: Process) -> None:
    token = gateway.log_in()
    gateway.submit(token, "long", TICKS)
    gateway.submit(token, "short", "while [ ! -e go ]; do sleep 0.05; done; exit 7")
    gateway.reaching("long", "RUNNING")
    gateway.reaching("short", "RUNNING")
    pids = {process.pid for process in processes_of(gateway, "long")}
    assert pids

    assert gateway.stop() == 0
    assert pids <= {process.pid for process in processes_of(gateway, "long")}
    # One of them ends while no gateway is there to see it.
    (Path(processes_of(gateway, "short")[0].environ()["PWD"]) / "go").touch()
    until(lambda: not processes_of(gateway, "short"))
    gateway.start()

    assert gateway.reaching("short", "FAILED")["appExitCode"] == 7
    assert gateway.reaching("long", "RUNNING", "FAILED")["state"] == "RUNNING"
    gateway.call("PUT", "/user/admin/jobs/long/executionType", {"value": "STOP"}, token=token)
    assert gateway.reaching("long", "STOPPED")["appExitCode"] == -7351
    assert not processes_of(gateway, "long")


def test_a_killed_gateway_loses_and_doubles_nothing(sharing: Process) -> None:
    token = sharing.log_in()
    marks = sharing.marks
    accepted: list[str] = []
    stop = threading.Event()

    def submit() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"job{number}"
            try:
                sharing.submit(token, name, f"echo {name} >> {marks}/{name}")
            except (httpx.HTTPError, AssertionError):
                return
            accepted.append(name)

    thread = threading.Thread(target=submit)
    thread.start()
    until(lambda: len(accepted) >= 5)
    sharing.kill()
    stop.set()
    thread.join(PATIENCE)
    sharing.start()

    for name in accepted:
        assert sharing.reaching(name, "SUCCEEDED", "FAILED")["state"] == "SUCCEEDED"
    known = {job["name"] for job in sharing.call("GET", "/jobs")}
    # The one that was under way when it was killed may be there too: once, or not at all.
    assert set(accepted) <= known
    assert len(known) <= len(accepted) + 1
    for name in known:
        sharing.reaching(name, "SUCCEEDED")
        assert (marks / name).read_text() == f"{name}\n"


def test_a_second_gateway_on_the_state_directory_is_refused(gateway: Process) -> None:
    assert gateway.process is not None
    second = subprocess.run(
        [sys.executable, "-m", "jobyard", "serve", "--state-dir", gateway.state, "--port", "0"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert second.returncode == 2
    assert f"is in use by process {gateway.process.pid}" in second.stderr
    assert "Traceback" not in second.stderr
    assert gateway.log_in()


def test_a_followed_log_is_broken_off_when_the_gateway_goes(gateway: Process) -> None:
    token = gateway.log_in()
    gateway.submit(token, "talks", TICKS)
    gateway.reaching("talks", "RUNNING")
    url = f"{gateway.address}/api/v1/user/admin/jobs/talks/tasks/main/0/logs?follow=true"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE) as response:
        lines = response.iter_lines()
        assert next(lines) == "tick 0"
        assert next(lines) == "tick 1"  # it comes while the task goes on

    assert gateway.call("GET", "/user/admin/jobs/talks")["jobStatus"]["state"] == "RUNNING"
    with httpx.stream("GET", url, headers=headers, timeout=PATIENCE) as response:
        lines = response.iter_lines()
        assert next(lines) == "tick 0"
        assert gateway.stop() == 0
        # It did not end: its reader is told so, and can come back.
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)


def test_a_follower_is_given_everything_and_then_the_end(gateway: Process) -> None:
    token = gateway.log_in()
    gateway.submit(token, "counts", "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done")
    path = "/user/admin/jobs/counts/tasks/main/0/logs?follow=true"
    gateway.reaching("counts", "RUNNING", "SUCCEEDED")

    assert gateway.call("GET", path, token=token) == "1\n2\n3\n4\n5\n"


def test_a_head_of_forty_kilobytes_is_answered_and_never_reset(gateway: Process) -> None:
    for request, expected in (
        (b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 40_000, b"431"),
        (b"GET /api/v1/jobs?" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x", b"414"),
        (b"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nX-Large: " + b"x" * 30_000, b"200"),
    ):
        host, port = "127.0.0.1", gateway.port
        with socket.create_connection((host, port), timeout=PATIENCE) as connection:
            connection.sendall(request + b"\r\nConnection: close\r\n\r\n")
            answer = connection.makefile("rb").read()
        assert answer.split(b" ", 2)[1] == expected


def test_the_log_has_the_id_of_each_request_and_no_secret(gateway: Process) -> None:
    token = gateway.log_in()
    password = (gateway.state / "admin-password").read_text().strip()
    gateway.submit(token, "quiet", "echo $PAI_STORAGE_TOKEN > token; cat token")
    gateway.reaching("quiet", "SUCCEEDED")
    storage_token = gateway.call(
        "GET", "/user/admin/jobs/quiet/tasks/main/0/logs", token=token
    ).strip()
    for query in (f"delegation={token}", f"delegation={storage_token}", f"token={token}"):
        httpx.get(f"{gateway.address}/webhdfs/v1/?op=LISTSTATUS&{query}")
    httpx.get(f"{gateway.address}/api/v1/jobs", headers={"X-Request-ID": "find-me-again"})
    httpx.post(f"{gateway.address}/api/v1/token", content=b'{"password": "' + password.encode())
    gateway.stop()

    assert "find-me-again" in gateway.log
    jwt_secret = (gateway.state / "jwt-secret").read_text().strip()
    for secret in (token, password, storage_token, jwt_secret):
        assert secret not in gateway.log + gateway.said


def test_health_is_told_without_a_token(gateway: Process) -> None:
    assert httpx.get(f"{gateway.address}/healthz").status_code == 200
    ready = httpx.get(f"{gateway.address}/readyz")

    assert ready.status_code == 200
    names = [each["name"] for each in ready.json()["backends"]]
    assert names == ["database", "auth.local", "scheduling.local", "storage.local"]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = Process(tmp_path, port=other.getsockname()[1])
        code = process.launch().wait(PATIENCE)

    assert code == 1
    assert str(process.port) in process.log
    assert "Traceback" not in process.log


def test_a_wrong_configuration_ends_the_start_with_all_that_is_wrong(tmp_path: Path) -> None:
    process = Process(tmp_path, configuration="storage: lokal\nscheduling: [local]\n")
    code = process.launch().wait(PATIENCE)

    assert code == 2
    lines = process.log.splitlines()
    assert len(lines) == 2
    assert re.search(r"services-configuration.yaml:1:10: storage: .*did you mean 'local'", lines[0])
    assert re.search(r"services-configuration.yaml:2:13: scheduling: ", lines[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(tmp_path: Path, number: signal.Signals) -> None:
    process = Process(tmp_path)
    process.start()
    assert process.process is not None
    os.kill(process.process.pid, number)

    assert process.process.wait(PATIENCE) == 0
