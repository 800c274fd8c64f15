"""Gateways as processes of their own, as a deployer runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import httpx
from attrs import define, field

PATIENCE: Final = 30.0
"""Seconds that anything may take here."""


@define
class Process:
    """Be one ``jobyard serve``; what it prints is in files of the state directory's folder."""

    folder: Path
    configuration: str | None = None
    port: int = 0
    environment: Mapping[str, str] = field(factory=dict)
    process: subprocess.Popen[bytes] | None = None
    address: str = ""

    @property
    def state(self) -> Path:
        """Give the state directory."""
        return self.folder / "state"

    @property
    def marks(self) -> Path:
        """Give a folder that tasks may write into."""
        path = self.folder / "marks"
        path.mkdir(exist_ok=True)
        return path

    @property
    def log(self) -> str:
        """Give what it wrote to its standard error so far, of all its runs."""
        path = self.folder / "stderr"
        return path.read_text() if path.exists() else ""

    @property
    def said(self) -> str:
        """Give what it wrote to its standard output so far."""
        path = self.folder / "stdout"
        return path.read_text() if path.exists() else ""

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it, and wait for nothing."""
        command = [sys.executable, "-m", "jobyard", "serve", "--state-dir", str(self.state)]
        if self.configuration is not None:
            file = self.folder / "services-configuration.yaml"
            file.write_text(self.configuration)
            command += ["--config", str(file)]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        environment = {**os.environ, **self.environment}
        with self._appended("stdout") as out, self._appended("stderr") as error:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=error, env=environment
            )
        return self.process

    def start(self) -> None:
        """Start it, and wait until it listens."""
        before = len(self.said)
        process = self.launch()

        def listens() -> bool:
            assert process.poll() is None, self.log
            return " listens on " in self.said[before:]

        until(listens)
        self.address = self.said[before:].partition(" listens on ")[2].split()[0]
        self.port = int(self.address.rpartition(":")[2])

    def stop(self) -> int:
        """Ask it to end by SIGTERM, and give the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def call(self, method: str, path: str, json: object = None, *, token: str = "") -> Any:
        """Call a path below ``/api/v1`` that has to answer well, and give the document."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = httpx.request(
            method, f"{self.address}/api/v1{path}", json=json, headers=headers, timeout=PATIENCE
        )
        assert response.is_success, response.text
        kind = response.headers["content-type"]
        return response.json() if kind.startswith("application/json") else response.text

    def log_in(self) -> str:
        """Log in as the administrator that the first start made."""
        password = (self.state / "admin-password").read_text().strip()
        credentials = {"username": "admin", "password": password}
        token: str = self.call("POST", "/token", credentials)["token"]
        return token

    def submit(self, token: str, name: str, command: str, **changes: object) -> None:
        """Submit a job of one task."""
        role = {"name": "main", "command": command}
        document = {"jobName": name, "image": "none", "taskRoles": [role], **changes}
        self.call("POST", "/user/admin/jobs", document, token=token)

    def reaching(self, name: str, *states: str) -> dict[str, Any]:
        """Wait until a job is in one of the states, and give its ``jobStatus``."""
        status: dict[str, Any] = {}

        def there() -> bool:
            nonlocal status
            status = self.call("GET", f"/user/admin/jobs/{name}")["jobStatus"]
            return status["state"] in states

        until(there, lambda: json.dumps(status))
        return status

    @contextmanager
    def _appended(self, name: str) -> Iterator[IO[bytes]]:
        with (self.folder / name).open("ab") as file:
            yield file

    def end(self) -> None:
        """Stop every job and the gateway, however the test has left them."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            self.start()
        token = self.log_in()
        for job in self.call("GET", "/jobs"):
            self.call("DELETE", f"/user/admin/jobs/{job['name']}", token=token)
        self.stop()


def until(good: Callable[[], bool], what: Callable[[], str] = str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not good():
        assert time.monotonic() < end, what()
        time.sleep(0.02)
