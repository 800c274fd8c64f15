"""Submit the jobs of ``examples/``, follow them, and look at what came of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from demonstration.gateway import Api, DemoError
from demonstration.screen import Screen

_PATIENCE: Final = 60.0
"""Seconds that a job may take to get where it should."""
_LOOK: Final = 0.4
_LOG_LINES: Final = 4
_ENDED: Final = ("SUCCEEDED", "FAILED", "STOPPED")


class Job:
    """Be one submitted example."""

    def __init__(self, api: Api, screen: Screen, user: str, document: Mapping[str, object]) -> None:
        self._api = api
        self._screen = screen
        self.name = str(document["jobName"])
        self.path = f"/user/{user}/jobs/{self.name}"
        self._document = document
        self._user = user

    @classmethod
    def example(cls, api: Api, screen: Screen, user: str, file: Path) -> Job:
        """Read a job's configuration."""
        return cls(api, screen, user, json.loads(file.read_text("utf-8")))

    def submit(self) -> None:
        """Hand the job over."""
        self._api.call("POST", f"/user/{self._user}/jobs", self._document)
        self._screen.line(f"submitted  {self.name}")

    def stop(self) -> None:
        """Stop the job for good."""
        self._api.call("PUT", f"{self.path}/executionType", {"value": "STOP"})

    def status(self) -> dict[str, object]:
        """Give ``jobStatus`` of the detail."""
        status = self._api.document(self.path)["jobStatus"]
        return status if isinstance(status, dict) else {}

    def state(self) -> str:
        """Give the job's state."""
        return str(self.status()["state"])

    def log(self, role: str, index: int, stream: str = "stdout") -> str:
        """Give what a task printed."""
        return self._api.call("GET", f"{self.path}/tasks/{role}/{index}/logs?stream={stream}")

    def tasks(self) -> list[tuple[str, int, str, object]]:
        """Give role, index, state and exit code of every task."""
        roles = self._api.document(self.path)["taskRoles"]
        if not isinstance(roles, dict):
            raise DemoError(f"{self.name}: no task roles in the detail")
        return [
            (role, task["taskIndex"], task["taskState"], task["containerExitCode"])
            for role, value in roles.items()
            for task in value["taskStatuses"]
        ]

    def expect(self, **expected: object) -> None:
        """Check fields of the status."""
        status = self.status()
        for field, value in expected.items():
            if status.get(field) != value:
                message = f"{self.name}: {field} is {status.get(field)!r}, expected {value!r}"
                raise DemoError(message)


def follow(screen: Screen, jobs: Sequence[Job], *, enough: Callable[[str], bool]) -> None:
    """Wait until every job's state is good enough, and say meanwhile where they are."""
    start = time.monotonic()
    while True:
        states = {job.name: job.state() for job in jobs}
        if all(map(enough, states.values())):
            return
        for job in jobs:
            if states[job.name] in _ENDED and not enough(states[job.name]):
                screen.line(job.log("main", 0, "stderr"))
                raise DemoError(f"{job.name} ended as {states[job.name]}")
        passed = time.monotonic() - start
        if passed > _PATIENCE:
            raise DemoError(f"still waiting after {passed:.0f} s: {states}")
        screen.progress(", ".join(f"{name} {state}" for name, state in states.items()))
        time.sleep(_LOOK)


def ended(state: str) -> bool:
    """Tell whether a job is over."""
    return state in _ENDED


def show(screen: Screen, job: Job) -> None:
    """Print a job's state and the last lines of each task."""
    status = job.status()
    code = status["appExitCode"]
    screen.title(f"{job.name}: {status['state']}, exit code {code}, retries {status['retries']}")
    for role, index, state, exit_code in job.tasks():
        screen.line(f"{role}[{index}]  {state}, exit code {exit_code}")
        for stream in ("stdout", "stderr"):
            for text in job.log(role, index, stream).splitlines()[-_LOG_LINES:]:
                screen.line(f"    {stream}: {text}")
