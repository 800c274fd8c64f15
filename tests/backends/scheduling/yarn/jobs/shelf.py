"""A launcher whose frameworks go on only when a test says so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from attrs import define, field

from tests.backends.storage.hdfs.scripted import Heard, Said, Script, scripted

NO_RETRIES: Final = dict.fromkeys(
    (
        "retriedCount",
        "succeededRetriedCount",
        "transientNormalRetriedCount",
        "transientConflictRetriedCount",
        "nonTransientRetriedCount",
        "unKnownRetriedCount",
    ),
    0,
)
FIRST: Final = 1_795_489_136_089
"""When the first framework came, in milliseconds since the epoch."""

Rule = Callable[[Heard], Said | None]


def refused(status: int, exception: str, message: str, **headers: str) -> Said:
    """Refuse as the launcher does: flat, with a stack of Java's behind the message."""
    text = (
        f"com.example.frameworklauncher.common.exceptions.{exception}: {message}\n"
        "\tat com.example.frameworklauncher.webserver.LauncherModule.put(LauncherModule.java:332)\n"
    )
    body = {"exception": exception, "message": text, "javaClassName": f"com.example.{exception}"}
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Said(status, json.dumps(body).encode(), named)


def accepted() -> Said:
    """Accept without a word."""
    return Said(202)


def found(document: object) -> Said:
    """Answer with JSON."""
    return Said(200, json.dumps(document).encode())


@define
class Framework:
    """Be one framework as the launcher keeps it."""

    name: str
    descriptor: dict[str, Any]
    created: int
    execution_type: str = "START"
    state: str | None = "FRAMEWORK_WAITING"
    exit_code: int | None = None
    exit_type: str | None = None
    completed: int | None = None
    app: str | None = None
    retries: dict[str, int] = field(factory=lambda: dict(NO_RETRIES))
    tasks: dict[str, list[dict[str, Any]]] = field(factory=dict)
    more: dict[str, Any] = field(factory=dict)

    def summary(self) -> dict[str, Any]:
        """Be an item of the list."""
        roles = self.descriptor["taskRoles"].values()
        return {
            "frameworkName": self.name,
            "frameworkVersion": self.descriptor["version"],
            "executionType": self.execution_type,
            "frameworkDescription": self.descriptor.get("description"),
            "userName": self.descriptor["user"]["name"],
            "queue": self.descriptor["platformSpecificParameters"]["queue"],
            "totalGpuNumber": sum(
                role["taskNumber"] * role["taskService"]["resource"].get("gpuNumber", 0)
                for role in roles
            ),
            "totalTaskNumber": sum(role["taskNumber"] for role in roles),
            "totalTaskRoleNumber": len(roles),
            "firstRequestTimestamp": self.created,
            "lastRequestTimestamp": self.created,
            "frameworkState": self.state,
            "frameworkRetryPolicyState": self.retries,
            "frameworkCompletedTimestamp": self.completed,
            "applicationExitCode": self.exit_code,
        }

    def request(self) -> dict[str, Any]:
        """Be what was asked for."""
        return {
            "frameworkName": self.name,
            "frameworkDescriptor": self.descriptor,
            "firstRequestTimestamp": self.created,
        }

    def whole(self) -> dict[str, Any]:
        """Be all parts."""
        status = {
            "frameworkName": self.name,
            "frameworkState": self.state,
            "frameworkRetryPolicyState": self.retries,
            "frameworkCreatedTimestamp": self.created,
            "frameworkCompletedTimestamp": self.completed,
            "applicationId": self.app,
            "applicationExitCode": self.exit_code,
            "applicationExitType": self.exit_type,
            **self.more,
        }
        roles = {
            name: {
                "taskRoleStatus": {"taskRoleName": name},
                "taskStatuses": {"taskRoleName": name, "taskStatusArray": tasks},
            }
            for name, tasks in self.tasks.items()
        }
        return {
            "summarizedFrameworkInfo": self.summary(),
            "aggregatedFrameworkRequest": {"frameworkRequest": self.request()},
            "aggregatedFrameworkStatus": {
                "frameworkStatus": status,
                "aggregatedTaskRoleStatuses": roles,
            },
        }

    def run(self, app: str = "application_1_0001") -> None:
        """Have all tasks run."""
        self.state, self.app = "APPLICATION_RUNNING", app
        for name, role in self.descriptor["taskRoles"].items():
            self.tasks[name] = [
                task(name, index, f"container_{name}_{index}")
                for index in range(role["taskNumber"])
            ]

    def end(
        self, code: int = 0, exit_type: str = "SUCCEEDED", completed: int = FIRST + 9000
    ) -> None:
        """Have it end."""
        self.state, self.exit_code, self.exit_type = "FRAMEWORK_COMPLETED", code, exit_type
        self.completed = completed


def task(role: str, index: int, container: str, **more: object) -> dict[str, Any]:
    """Be the status of a task that runs."""
    return {
        "taskIndex": index,
        "taskRoleName": role,
        "taskState": "CONTAINER_RUNNING",
        "containerId": container,
        "containerHost": "node",
        "containerIp": "10.0.0.7",
        "containerPorts": "http:2000;ssh:2001;",
        "containerGpus": 3,
        "containerLogHttpAddress": f"http://node:8042/node/containerlogs/{container}/alice/",
        "containerLaunchedTimestamp": FIRST + 5000,
        "containerExitCode": None,
        **more,
    }


@define
class Shelf:
    """Be the launcher; ``rules`` are asked before it, and may answer in its place."""

    frameworks: dict[str, Framework] = field(factory=dict)
    status: dict[str, Any] = field(factory=dict)
    rules: list[Rule] = field(factory=list)
    script: Script | None = None

    @property
    def address(self) -> str:
        """Give the address of its service."""
        assert self.script is not None
        return self.script.address

    def __getitem__(self, name: str) -> Framework:
        return self.frameworks[name]

    def add(self, name: str, user: str, **more: Any) -> Framework:
        """Have a framework that somebody else put there."""
        role = {"taskNumber": 1, "taskService": {"resource": {"gpuNumber": 0}}}
        descriptor = {
            "version": 1,
            "description": None,
            "user": {"name": user},
            "taskRoles": {"main": role},
            "platformSpecificParameters": {"queue": "default"},
        }
        framework = Framework(name, descriptor, FIRST + len(self.frameworks), **more)
        self.frameworks[name] = framework
        return framework

    def heard(self, method: str) -> list[Heard]:
        """Give the requests of one method."""
        assert self.script is not None
        return [each for each in self.script.heard if each.method == method]

    def answer(self, heard: Heard) -> Said:
        """Answer as the launcher does."""
        for rule in self.rules:
            said = rule(heard)
            if said is not None:
                return said
        parts = heard.path.split("/")[2:]
        if parts == ["LauncherStatus"]:
            return found(self.status)
        if parts == ["Frameworks"]:
            return found(
                {"summarizedFrameworkInfos": [each.summary() for each in self.frameworks.values()]}
            )
        return self._one(heard, parts[1], parts[2] if len(parts) > 2 else "")

    def _one(self, heard: Heard, name: str, part: str) -> Said:
        if heard.method == "DELETE":
            self.frameworks.pop(name, None)
            return accepted()
        if heard.method == "PUT" and not part:
            return self._put(name, json.loads(heard.body))
        framework = self.frameworks.get(name)
        if framework is None:
            return refused(404, "NotFoundException", "")
        if heard.method == "PUT":
            framework.execution_type = json.loads(heard.body)["executionType"]
            return accepted()
        return found(framework.request() if part == "FrameworkRequest" else framework.whole())

    def _put(self, name: str, descriptor: dict[str, Any]) -> Said:
        self.frameworks[name] = Framework(name, descriptor, FIRST + len(self.frameworks))
        return accepted()


def always(path: str, said: Said, *, method: str = "GET") -> Rule:
    """Answer so whenever a path that ends so is asked for."""

    def rule(heard: Heard) -> Said | None:
        return said if heard.method == method and heard.path.endswith(path) else None

    return rule


def header(heard: Heard, name: str) -> str | None:
    """Give a header of a request."""
    named: Mapping[str, str] = {key.lower(): value for key, value in heard.headers.items()}
    return named.get(name.lower())


@asynccontextmanager
async def shelved() -> AsyncIterator[Shelf]:
    """Run the launcher for the block."""
    shelf = Shelf()
    async with scripted(shelf.answer) as script:
        shelf.script = script
        yield shelf
