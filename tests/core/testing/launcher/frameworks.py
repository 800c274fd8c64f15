"""Frameworks for tests, and how they are looked at."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import anyio
import httpx

from jobyard.testing.launcher import LauncherDouble

Json = Any
PATIENCE: Final = 60.0


def role(command: str, tasks: int = 1, **changes: Json) -> Json:
    """Describe a role; ``resource`` is added to what every task asks for."""
    resource = {"cpuNumber": 1, "memoryMB": 128, **changes.pop("resource", {})}
    return {
        "taskNumber": tasks,
        "taskService": {
            "version": 1,
            "entryPoint": command,
            "sourceLocations": ["/src"],
            "resource": resource,
        },
        **changes,
    }


def descriptor(user: str = "alice", *, version: int = 1, **roles: Json) -> Json:
    """Describe a framework."""
    return {
        "version": version,
        "user": {"name": user},
        "taskRoles": roles,
        "platformSpecificParameters": {"queue": "default", "gangAllocation": True},
    }


class Caller:
    """Call a double as one user."""

    def __init__(self, double: LauncherDouble, client: httpx.AsyncClient) -> None:
        self.double = double
        self.client = client

    async def put(self, name: str, body: Json, user: str = "alice") -> httpx.Response:
        headers = {"UserName": user}
        return await self.client.put(f"/v1/Frameworks/{name}", json=body, headers=headers)

    async def execute(self, name: str, kind: str) -> httpx.Response:
        return await self.client.put(
            f"/v1/Frameworks/{name}/ExecutionType",
            json={"executionType": kind},
            headers={"UserName": "alice"},
        )

    async def status(self, name: str) -> Json:
        answer = await self.client.get(f"/v1/Frameworks/{name}/AggregatedFrameworkStatus")
        return answer.json()

    async def until(self, name: str, met: Callable[[Json], bool]) -> Json:
        """Give the first status that meets a condition."""
        end = time.monotonic() + PATIENCE
        while not met(status := await self.status(name)):
            assert time.monotonic() < end, status
            await anyio.sleep(0.02)
        return status

    async def ended(self, name: str) -> Json:
        """Give the status of a framework that is over."""
        return await self.until(name, is_over)


def is_over(status: Json) -> bool:
    return bool(status["frameworkStatus"]["frameworkState"] == "FRAMEWORK_COMPLETED")


def tasks_of(status: Json) -> list[Json]:
    """Give the tasks of all roles."""
    return [
        task
        for each in status["aggregatedTaskRoleStatuses"].values()
        for task in each["taskStatuses"]["taskStatusArray"]
    ]


def all_in(state: str, number: int = 1) -> Callable[[Json], bool]:
    """Make the condition that so many tasks are there, and all in a state."""

    def met(status: Json) -> bool:
        tasks = tasks_of(status)
        return len(tasks) >= number and all(task["taskState"] == state for task in tasks)

    return met
