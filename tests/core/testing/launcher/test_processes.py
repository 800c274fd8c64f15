"""Tasks are processes: with their files, their environment, and an end that leaves nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
import psutil
import pytest

from jobyard.testing.launcher import LauncherDouble, LauncherOptions, webhdfs_sources
from jobyard.testing.launcher.processes import MARK
from tests.core.testing.launcher.frameworks import Caller, all_in, descriptor, role, tasks_of
from tests.hadoop import SUPERUSER, Hdfs

LINGERING = "setsid sleep 600 & (setsid setsid bash -c 'sleep 601; :' &) ; sleep 602"


def survivors(folder: Path) -> list[str]:
    """Give the commands of the processes that the double of a folder has started and not ended."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            mine = MARK in environment and environment["LOG_DIRS"].startswith(str(folder))
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


async def log(caller: Caller, task: dict[str, str], name: str = "stdout") -> str:
    answer = await caller.client.get(f"/ws/v1/node/containers/{task['containerId']}/logs/{name}")
    assert answer.status_code == 200
    return answer.text


async def test_a_task_finds_its_sources_and_its_environment(caller: Caller) -> None:
    command = "source src/hello.sh; env -0 > $LOG_DIRS/environment"
    ports = {"portDefinitions": {"http": {"start": 0, "count": 2}}, "gpuNumber": 2}

    await caller.put("alice~env", descriptor(worker=role(command, resource=ports)))
    (task,) = tasks_of(await caller.ended("alice~env"))

    assert task["containerExitCode"] == 0
    assert await log(caller, task) == "hello from worker\n"
    pairs = (await log(caller, task, "environment")).split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if pair)
    expected = {
        "FRAMEWORK_NAME": "alice~env",
        "FRAMEWORK_VERSION": "1",
        "TASKROLE_NAME": "worker",
        "TASK_INDEX": "0",
        "CONTAINER_ID": task["containerId"],
        "CONTAINER_IP": "127.0.0.1",
        "CONTAINER_PORTS": task["containerPorts"],
        "CONTAINER_GPUS": "3",
        "HADOOP_USER_NAME": "alice",
        "LAUNCHER_ADDRESS": caller.double.url,
    }
    assert {name: environment[name] for name in expected} == expected
    assert environment["APP_ID"].startswith("application_")
    label, _, numbers = task["containerPorts"].rstrip(";").partition(":")
    first, second = map(int, numbers.split(","))
    assert (label, second) == ("http", first + 1)


async def test_what_a_failing_task_said_is_in_its_diagnostics(caller: Caller) -> None:
    await caller.put("alice~bad", descriptor(worker=role("echo boom >&2; exit 3")))
    status = await caller.ended("alice~bad")

    (task,) = tasks_of(status)
    assert (task["containerExitCode"], task["containerExitType"]) == (3, "UNKNOWN")
    assert "boom" in task["containerExitDiagnostics"]
    assert status["frameworkStatus"]["applicationExitCode"] == 3


async def test_a_source_that_is_not_there_ends_the_application(caller: Caller) -> None:
    missing = role("true")
    missing["taskService"]["sourceLocations"] = ["/src", "hdfs://cluster/no/such"]

    await caller.put("alice~nosrc", descriptor(worker=missing))
    status = (await caller.ended("alice~nosrc"))["frameworkStatus"]

    assert status["applicationExitCode"] == -7251
    assert "no/such" in status["applicationExitDiagnostics"]


@pytest.mark.parametrize("how", ["stop", "delete", "leave", "end"])
async def test_nothing_that_a_task_began_outlives_it(tmp_path: Path, how: str) -> None:
    command = LINGERING.replace("sleep 602", "exit 0") if how == "end" else LINGERING
    async with LauncherDouble(LauncherOptions(), folder=tmp_path) as double:
        (double.files / "src").mkdir()
        async with httpx.AsyncClient(base_url=double.url, timeout=30) as client:
            caller = Caller(double, client)
            await caller.put("alice~tree", descriptor(worker=role(command, 2)))
            if how == "end":
                assert (await caller.ended("alice~tree"))["frameworkStatus"][
                    "applicationExitCode"
                ] == 0
            else:
                await caller.until("alice~tree", all_in("CONTAINER_RUNNING", 2))
            if how == "stop":
                await caller.execute("alice~tree", "STOP")
                status = await caller.ended("alice~tree")
                assert status["frameworkStatus"]["applicationExitCode"] == -7351
                assert [task["containerExitCode"] for task in tasks_of(status)] == [-7400] * 2
                assert survivors(tmp_path) == []
            if how == "delete":
                headers = {"UserName": "alice"}
                await client.delete("/v1/Frameworks/alice~tree", headers=headers)
    assert survivors(tmp_path) == []
    assert list((tmp_path / "work").glob("*/*")) == []


async def test_sources_come_from_webhdfs(hdfs_cluster: Hdfs, tmp_path: Path) -> None:
    url = f"{hdfs_cluster.addresses[0]}/webhdfs/v1"
    async with httpx.AsyncClient(follow_redirects=True, timeout=60) as client:
        answer = await client.put(
            f"{url}/launcher-double/src/inner/say.sh?op=CREATE&user.name={SUPERUSER}&overwrite=true",
            content=b"echo from afar\n",
        )
        assert answer.status_code == 201
    read = webhdfs_sources(url, SUPERUSER)

    assert await read("hdfs://cluster/launcher-double/src", tmp_path / "src")
    assert (tmp_path / "src" / "inner" / "say.sh").read_text() == "echo from afar\n"
    assert not await read("/launcher-double/nothing", tmp_path / "nothing")
