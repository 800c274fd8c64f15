"""Jobs of the embedded scheduler whose files lie in HDFS."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.clients.conftest import ROOT, FrontDoor, front_door
from tests.hadoop import SUPERUSER, Hdfs

_WITHIN: Final = 60.0
_ENDED: Final = {"SUCCEEDED", "FAILED", "STOPPED"}
_URI: Final = "hdfs://cluster"

_PROGRAM: Final = b"""
import os, pathlib, urllib.request
data = pathlib.Path("code/data/numbers").read_text()
name = os.environ["PAI_OUTPUT_DIR"].removeprefix("hdfs://cluster")
print("sum", sum(map(int, data.split())), "of", os.environ["PAI_DATA_DIR"])
url = f"{os.environ['GATEWAY']}/webhdfs/v1{name}/result?op=CREATE&step=data"
request = urllib.request.Request(url, b"written by the task", method="PUT")
request.add_header("Authorization", f"Bearer {os.environ['PAI_STORAGE_TOKEN']}")
request.add_header("Content-Type", "application/octet-stream")
urllib.request.urlopen(request, timeout=30).close()
"""


class Caller:
    """Be the administrator, with jobs and files of an own."""

    def __init__(self, door: FrontDoor) -> None:
        self.door = door
        self._http = httpx.Client(
            base_url=door.address,
            headers={"Authorization": f"Bearer {door.token}"},
            follow_redirects=True,
            timeout=60,
        )

    def close(self) -> None:
        self._http.close()

    def put(self, path: str, content: bytes) -> None:
        query = {"op": "CREATE", "step": "data"}
        answer = self._http.put(f"/webhdfs/v1{path}", params=query, content=content)
        assert answer.status_code == 201, answer.text

    def get(self, path: str) -> bytes:
        return self._http.get(f"/webhdfs/v1{path}", params={"op": "OPEN"}).content

    def run(self, name: str, **fields: object) -> Mapping[str, object]:
        """Run a job to its end, and give its status."""
        role = {"name": "main", "taskNumber": 1, "command": "python3 code/main.py"}
        job = {"jobName": name, "image": "none", "taskRoles": [role], **fields}
        submitted = self._http.post(f"/api/v1/user/{ROOT}/jobs", json=job)
        assert submitted.status_code == 202, submitted.text
        end = time.monotonic() + _WITHIN
        while time.monotonic() < end:
            detail = self._http.get(f"/api/v1/user/{ROOT}/jobs/{name}").json()
            status: Mapping[str, object] = detail["jobStatus"]
            if status["state"] in _ENDED:
                return status
            time.sleep(0.05)
        raise AssertionError(f"{name} did not end: {detail}")

    def log(self, name: str) -> str:
        return self._http.get(f"/api/v1/user/{ROOT}/jobs/{name}/tasks/main/0/logs").text


@pytest.fixture(scope="module")
def caller(hdfs_cluster: Hdfs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    settings = {
        "name-nodes": hdfs_cluster.addresses,
        "user": SUPERUSER,
        "default-fs-uri": _URI,
    }
    with front_door(tmp_path_factory.mktemp("jobs"), {"hdfs": settings}) as door:
        caller = Caller(door)
        yield caller
        caller.close()


def test_a_job_finds_its_code_and_leaves_its_results_in_hdfs(
    caller: Caller, hdfs_cluster: Hdfs, tmp_path: Path
) -> None:
    caller.put("/user/root/code/main.py", _PROGRAM)
    caller.put("/user/root/code/data/numbers", b"1 2 3 4")

    status = caller.run(
        "fit",
        codeDir="$PAI_DEFAULT_FS_URI/user/$PAI_USER_NAME/code",
        dataDir="$PAI_DEFAULT_FS_URI/data",
        jobEnvs={"GATEWAY": caller.door.address},
    )

    assert status["state"] == "SUCCEEDED", (status, caller.log("fit"))
    assert f"sum 10 of {_URI}/data" in caller.log("fit")
    assert caller.get("/Output/root/fit/result") == b"written by the task"
    assert " root " in hdfs_cluster.fs("-ls", "/Output")


def test_code_that_is_not_there_is_told(caller: Caller) -> None:
    status = caller.run("no-code", codeDir=f"{_URI}/user/root/missing")

    assert status["state"] == "FAILED"
    assert f"codeDir {_URI}/user/root/missing does not exist" in f"{status}"


def test_the_login_of_a_registry_is_read_from_hdfs(caller: Caller) -> None:
    role = {"name": "main", "taskNumber": 1, "command": "true"}
    caller.put("/user/root/login", b"registry.example.org\nroot\na-password\n")
    caller.put("/user/root/no-login", b"registry.example.org\n")
    place = "$PAI_DEFAULT_FS_URI/user/$PAI_USER_NAME"

    good = caller.run("login", taskRoles=[role], authFile=f"{place}/login")
    bad = caller.run("no-login", taskRoles=[role], authFile=f"{place}/no-login")
    none = caller.run("nowhere", taskRoles=[role], authFile=f"{place}/nowhere")

    assert good["state"] == "SUCCEEDED", good
    assert f"authFile {_URI}/user/root/no-login has to have three lines" in f"{bad}"
    assert f"authFile {_URI}/user/root/nowhere does not exist" in f"{none}"


def test_code_above_the_limit_is_told(caller: Caller) -> None:
    for number in range(3):
        caller.put(f"/user/root/much/{number}", bytes(75_000_000))

    status = caller.run("much", codeDir=f"{_URI}/user/root/much")

    assert status["state"] == "FAILED"
    assert "larger than 200 MB" in f"{status}"
