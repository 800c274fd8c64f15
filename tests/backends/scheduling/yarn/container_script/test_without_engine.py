"""``runtime: none`` under a launcher: gangs, files, ports, signals, exit codes."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import psutil
import pytest

from jobyard.domain.environment import GangPlacement, TaskPlace, task_environment
from jobyard.domain.exits import exit_messages
from jobyard.domain.job import JobSubmission, PortRequest, TaskRole
from jobyard.domain.status import TaskPorts
from jobyard.testing.launcher import LauncherDouble
from jobyard_backends.scheduling.yarn.container_script import (
    CodeFolder,
    ContainerScript,
    Runtime,
    render,
)
from jobyard_backends.scheduling.yarn.container_script.node.ports import read_ports
from tests.backends.scheduling.yarn.container_script.conftest import Places
from tests.backends.scheduling.yarn.container_script.scripts import (
    PRINT_ENVIRONMENT,
    SET_BY_BASH,
    job,
    printed_environment,
    script,
)
from tests.core.testing.launcher.frameworks import PATIENCE, Caller, all_in, tasks_of

SCRIPTS = "/Container/alice/alice~fit/YarnContainerScripts"
FRAMEWORK = "alice~fit"


@pytest.fixture
async def caller(tmp_path: Path) -> AsyncIterator[Caller]:
    async with (
        LauncherDouble(folder=tmp_path / "launcher") as double,
        httpx.AsyncClient(base_url=double.url, timeout=30) as client,
    ):
        yield Caller(double, client)


def document(submission: JobSubmission, *more: str) -> dict[str, Any]:
    """Describe a job to the launcher; ``more`` are further source locations."""
    return {
        "version": 10,
        "user": {"name": "alice"},
        "taskRoles": {
            role.name: {
                "taskNumber": role.task_number,
                "taskService": {
                    "version": 0,
                    "entryPoint": f"source YarnContainerScripts/{number}.sh",
                    "sourceLocations": [SCRIPTS, *more],
                    "resource": {
                        "cpuNumber": 1,
                        "memoryMB": 100,
                        "portDefinitions": {
                            port.label: {"start": port.begin_at, "count": port.count}
                            for port in role.all_ports()
                        },
                    },
                },
                "applicationCompletionPolicy": {
                    "minFailedTaskCount": role.min_failed_task_count,
                    "minSucceededTaskCount": role.min_succeeded_task_count,
                },
            }
            for number, role in enumerate(submission.config.task_roles)
        },
        "platformSpecificParameters": {"queue": "default", "gangAllocation": True},
    }


async def submit(
    caller: Caller, submission: JobSubmission, *more: str, **changes: Any
) -> httpx.Response:
    folder = caller.double.files / SCRIPTS.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    for number, role in enumerate(submission.config.task_roles):
        text = render(ContainerScript(submission, role, Runtime.NONE, **changes))
        (folder / f"{number}.sh").write_text(text, "utf-8")
    return await caller.put(FRAMEWORK, document(submission, *more))


async def until(met: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if met():
            return
        await anyio.sleep(0.02)
    pytest.fail("it did not come to that")


def logs(caller: Caller, task: dict[str, Any]) -> Path:
    return caller.double.files.parent / "logs" / str(task["containerId"])


async def runtime_error(caller: Caller) -> tuple[int, Any]:
    """Give exit code and runtime error of a job that fails by itself."""
    status = (await caller.ended(FRAMEWORK))["frameworkStatus"]
    code = status["applicationExitCode"]
    return code, exit_messages(status["applicationExitDiagnostics"], code).runtime


async def test_all_tasks_have_the_addresses_of_all(caller: Caller) -> None:
    roles = (
        TaskRole("ps.x", PRINT_ENVIRONMENT, 2, ports=(PortRequest("data", 0, 2),)),
        TaskRole("worker", PRINT_ENVIRONMENT, 1),
    )
    submission = job(*roles, job_envs={"GREETING": "a b\n'c'"})
    await submit(caller, submission)
    status = await caller.ended(FRAMEWORK)

    assert status["frameworkStatus"]["applicationExitCode"] == 0
    tasks = tasks_of(status)
    places = {
        (task["taskRoleName"], task["taskIndex"]): TaskPlace(
            task["containerIp"],
            tuple(
                TaskPorts(label, tuple(numbers))
                for label, numbers in read_ports(task["containerPorts"]).items()
            ),
        )
        for task in tasks
    }
    for task in tasks:
        found = printed_environment(logs(caller, task) / "environment")
        expected = task_environment(
            submission,
            GangPlacement(places, ""),
            task["taskRoleName"],
            task["taskIndex"],
            task["containerId"],
        )
        names = expected.keys() - SET_BY_BASH
        assert {name: found[name] for name in names} == {name: expected[name] for name in names}


async def test_the_code_lies_beside_the_command_and_is_its_own(caller: Caller) -> None:
    code = caller.double.files / "code" / "train"
    (code / "inner").mkdir(parents=True)
    (code / "inner" / "say.sh").write_text("echo said\n")
    command = "bash train/inner/say.sh; touch train/mine; test ! -L train"
    await submit(caller, job(TaskRole("w", command)), "/code/train", code=CodeFolder("train"))
    status = await caller.ended(FRAMEWORK)

    assert status["frameworkStatus"]["applicationExitCode"] == 0
    assert (logs(caller, tasks_of(status)[0]) / "stdout").read_text() == "said\n"


async def test_code_that_is_not_there_is_said_so(caller: Caller) -> None:
    await submit(caller, job(TaskRole("w", "true")), code=CodeFolder("nowhere"))

    code, error = await runtime_error(caller)
    assert (code, error["name"]) == (194, "CodeMissing")


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("exit 193", 255)]
)
async def test_exit_codes_are_the_commands_but_for_those_with_a_meaning(
    caller: Caller, command: str, code: int
) -> None:
    await submit(caller, job(TaskRole("w", command)))
    got, error = await runtime_error(caller)

    assert got == code
    if code == 255:
        assert (error["name"], error["exitCode"]) == ("ReservedExitCode", 193)


async def test_a_leased_port_that_is_taken_is_a_conflict(caller: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        leased = {("w", 0): (TaskPorts("http", (number,)), TaskPorts("ssh", (number,)))}
        await submit(caller, job(TaskRole("w", "true")), leased=leased)
        code, error = await runtime_error(caller)

    assert (code, error["name"], error["exitCode"]) == (193, "PortConflict", -7103)
    assert str(number) in error["reason"]


async def test_leased_ports_are_what_tasks_are_told(caller: Caller) -> None:
    leased = {
        ("w", index): (TaskPorts("http", (23400 + index,)), TaskPorts("ssh", (23410 + index,)))
        for index in range(2)
    }
    submission = job(TaskRole("w", PRINT_ENVIRONMENT, 2))
    await submit(caller, submission, leased=leased)
    for task in tasks_of(await caller.ended(FRAMEWORK)):
        found = printed_environment(logs(caller, task) / "environment")
        assert found["PAI_CONTAINER_SSH_PORT"] == str(23410 + task["taskIndex"])
        assert found["PAI_TASK_ROLE_w_HOST_LIST"] == "127.0.0.1:23400,127.0.0.1:23401"


async def test_peers_that_never_come_are_205(caller: Caller) -> None:
    faults = caller.double.faults
    submission = job(TaskRole("w", "true"))
    await submit(caller, submission, peers_patience=0.0)
    faults.refuse("^GET .*/AggregatedFrameworkStatus", 503)
    tasks = caller.double.files.parent / "logs"
    await until(
        lambda: any("ends with 205" in each.read_text() for each in tasks.glob("*/jobyard.log"))
    )
    faults.clear()

    code, error = await runtime_error(caller)
    assert (code, error["name"]) == (205, "PeersUnknown")


async def test_a_stop_reaches_the_command(caller: Caller) -> None:
    command = 'trap "touch $LOG_DIRS/asked; exit 5" TERM; touch $LOG_DIRS/ready; sleep 600 & wait'
    await submit(caller, job(TaskRole("w", command)))
    status = await caller.until(FRAMEWORK, all_in("CONTAINER_RUNNING"))
    folder = logs(caller, tasks_of(status)[0])
    await until((folder / "ready").exists)
    await caller.execute(FRAMEWORK, "STOP")
    await caller.ended(FRAMEWORK)

    assert (folder / "asked").exists()
    assert "is told to stop" in (folder / "jobyard.log").read_text()


async def test_a_command_ends_when_its_start_script_is_killed_alone(
    known_places: Places, tmp_path: Path
) -> None:
    known_places.tasks = {("w", 0): ("127.0.0.1", "http:23456;ssh:23457;")}
    command = "echo $$ >$LOG_DIRS/command.pid; exec sleep 600"
    (tmp_path / "start.sh").write_text(script(job(TaskRole("w", command)), grace=0.0))
    environment = {**os.environ, "LOG_DIRS": str(tmp_path), "TASK_INDEX": "0"}
    async with await anyio.open_process(
        ["bash", "start.sh"], cwd=tmp_path, env={**environment, **known_places.environment()}
    ) as process:
        await until((tmp_path / "command.pid").exists)
        await until(lambda: (tmp_path / "command.pid").read_text().strip() != "")
        process.kill()
    command_pid = int((tmp_path / "command.pid").read_text())

    await until(lambda: not psutil.pid_exists(command_pid))
