"""Tasks without a launcher find each other, and say how they ended, in the storage."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from jobyard.domain.job import TaskRole
from jobyard.domain.status import TaskPorts
from jobyard.secret import Secret
from jobyard_backends.scheduling.yarn.container_script import CodeFolder, StoragePeers
from tests.backends.scheduling.yarn.container_script.scripts import (
    PRINT_ENVIRONMENT,
    job,
    printed_environment,
    run,
    script,
)
from tests.hadoop import SUPERUSER, Hdfs

QUERY = Secret(f"user.name={SUPERUSER}")


@pytest.fixture
def folder(hdfs_cluster: Hdfs) -> str:
    """The WebHDFS address of a folder of the test's own, which need not be there."""
    return f"{hdfs_cluster.addresses[0]}/webhdfs/v1/tasks/{uuid4().hex}"


def read(address: str) -> Any:
    answer = httpx.get(f"{address}?op=OPEN&{QUERY.reveal()}", follow_redirects=True, timeout=60)
    assert answer.status_code == 200
    return json.loads(answer.content)


def write(address: str, content: bytes) -> None:
    answer = httpx.put(
        f"{address}?op=CREATE&{QUERY.reveal()}",
        content=content,
        follow_redirects=True,
        timeout=60,
    )
    assert answer.status_code == 201


def test_a_gang_meets_in_the_storage(folder: str, tmp_path: Path) -> None:
    leased = {("w", index): (TaskPorts("http", (23500 + index,)),) for index in range(2)}
    command = f"{PRINT_ENVIRONMENT}; exit $PAI_TASK_INDEX"
    text = script(job(TaskRole("w", command, 2)), peers=StoragePeers(folder, QUERY), leased=leased)

    def one(index: int) -> subprocess.CompletedProcess[bytes]:
        own = tmp_path / str(index)
        own.mkdir()
        told = {"TASK_INDEX": str(index), "CONTAINER_ID": f"container_{index}"}
        return run(text, own, told)

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(one, range(2)))

    assert [each.returncode for each in done] == [0, 1]
    for index in range(2):
        found = printed_environment(tmp_path / str(index) / "environment")
        hosts = found["PAI_TASK_ROLE_w_HOST_LIST"]
        assert hosts == "127.0.0.1:23500,127.0.0.1:23501"
        started = read(f"{folder}/started-w-{index}")
        assert started["containerId"] == f"container_{index}"
        assert started["ports"] == f"http:{23500 + index}"
        ended = read(f"{folder}/ended-w-{index}")
        assert (ended["exitCode"], ended["diagnostics"]) == (index, None)
        assert ended["time"] >= started["time"]


def test_a_failure_of_the_script_is_told_with_its_reason(folder: str, tmp_path: Path) -> None:
    text = script(
        job(TaskRole("w", "true")),
        peers=StoragePeers(folder, QUERY),
        leased={("w", 0): ()},
        code=CodeFolder("code", f"{folder}/nothing", QUERY),
    )
    done = run(text, tmp_path, {"CONTAINER_ID": "container_1"})

    assert done.returncode == 194
    ended = read(f"{folder}/ended-w-0")
    assert ended["exitCode"] == 194
    assert "CodeMissing" in ended["diagnostics"]


def test_the_code_is_fetched(folder: str, tmp_path: Path) -> None:
    write(f"{folder}/code/inner/a b%3F.sh", b"echo said\n")
    text = script(
        job(TaskRole("w", "bash './code/inner/a b?.sh'")),
        peers=StoragePeers(f"{folder}/gang", QUERY),
        leased={("w", 0): ()},
        code=CodeFolder("code", f"{folder}/code", QUERY),
    )
    done = run(text, tmp_path, {"CONTAINER_ID": "container_1"})

    assert (done.returncode, done.stdout) == (0, b"said\n")
