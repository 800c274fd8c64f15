"""Run ``jobyard serve`` and talk to it, with nothing but the standard library."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

_LISTENS: Final = re.compile(r"Jobyard \S+ listens on (http://\S+)")
_START_TIMEOUT: Final = 30.0
_STOP_TIMEOUT: Final = 20.0
_REQUEST_TIMEOUT: Final = 30.0


class DemoError(Exception):
    """Report that something was not as it should be."""


class Gateway:
    """Be a running ``jobyard serve`` with its state in a folder of its own."""

    def __init__(self, process: subprocess.Popen[bytes], address: str, state: Path) -> None:
        self.process = process
        self.address = address
        self.state = state

    @classmethod
    def start(cls, state: Path, *arguments: str) -> Gateway:
        """Start it on a free loopback port and wait until it says where it listens.

        ``arguments`` are added to those of ``jobyard serve``.
        """
        command = [sys.executable, "-m", "jobyard", "serve", "--state-dir", str(state)]
        command += ["--host", "127.0.0.1", "--port", "0", *arguments]
        with (state / "gateway.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, cls._address(process, state / "gateway.log"), state)

    @property
    def password(self) -> str:
        """Give the administrator's password that was generated at the first start."""
        return (self.state / "admin-password").read_text("utf-8").strip()

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise DemoError("the gateway did not end when it was asked to") from None
        if code != 0:
            raise DemoError(f"the gateway ended with {code}")

    @staticmethod
    def _address(process: subprocess.Popen[bytes], log: Path) -> str:
        end = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < end:
            ended = process.poll() is not None
            text = log.read_text("utf-8", "replace")
            if found := _LISTENS.search(text):
                return found[1]
            if ended:
                raise DemoError(f"the gateway did not start:\n{text}")
            time.sleep(0.05)
        process.kill()
        raise DemoError("the gateway did not start in time")


class Api:
    """Call the gateway's API as one user."""

    def __init__(self, address: str) -> None:
        self._root = f"{address}/api/v1"
        self.token = ""

    def log_in(self, username: str, password: str) -> None:
        """Get a token; every later call shows it."""
        answer = self.call("POST", "/token", {"username": username, "password": password})
        self.token = str(json.loads(answer)["token"])

    def document(self, path: str) -> dict[str, object]:
        """Read a JSON object."""
        answer: dict[str, object] = json.loads(self.call("GET", path))
        return answer

    def call(self, method: str, path: str, body: object = None) -> str:
        """Send a request and give the answer's text."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._root + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=_REQUEST_TIMEOUT) as response:
                text: str = response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                said = error.read().decode(errors="replace")
            raise DemoError(f"{method} {path}: {error.code} {said}") from None
        return text
