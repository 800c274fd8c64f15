"""SSH into a task, by what the gateway tells over HTTP and a real client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.processes import PATIENCE, Process, until

CONFIGURATION = "scheduling: {local: {runtime: bubblewrap, ssh: true}}\n"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, CONFIGURATION)
    process.start()
    yield process
    process.end()


def test_the_way_into_a_task_is_told_and_the_link_gives_the_key(
    gateway: Process, tmp_path: Path
) -> None:
    token = gateway.log_in()
    gateway.submit(token, "inside", "echo here > mine; exec sleep 600")
    gateway.reaching("inside", "RUNNING")
    told = gateway.call("GET", "/user/admin/jobs/inside/ssh", token=token)
    stranger = gateway.call("GET", "/user/admin/jobs/inside/ssh")
    (container,) = told["containers"]
    link = told["keyPair"]["privateKeyDirectDownloadLink"]
    key = tmp_path / "key"
    key.write_bytes(httpx.get(link, timeout=PATIENCE).raise_for_status().content)
    key.chmod(0o600)
    words = ["ssh", "-F", "none", "-i", str(key), "-p", container["sshPort"], "-o", "BatchMode=yes"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    words += [f"root@{container['sshIp']}", "cat mine"]
    printed = b""

    def comes_in() -> bool:
        nonlocal printed
        done = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=False)
        printed = done.stdout
        return done.returncode == 0

    until(comes_in)
    assert printed == b"here\n"
    assert stranger["keyPair"]["privateKeyDirectDownloadLink"] is None
    gateway.call("PUT", "/user/admin/jobs/inside/executionType", {"value": "STOP"}, token=token)
    gateway.reaching("inside", "STOPPED")
    gone = httpx.get(f"{gateway.address}/api/v1/user/admin/jobs/inside/ssh", timeout=PATIENCE)
    assert (gone.status_code, gone.json()["code"]) == (404, "NoJobSshInfoError")
