"""Run ``jobyard serve`` as a process, with the real application or with one of a test's own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

LISTENS: Final = re.compile(r"^Jobyard \S+ listens on (\S+)$", re.MULTILINE)
TIMEOUT: Final = 60.0


class Process:
    """Be a running command whose two streams go to files."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "xdg")},
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    @property
    def words(self) -> list[str]:
        """Give the lines of the error stream that are not the log's."""
        return [line for line in self.err.splitlines() if not line.startswith("{")]

    @property
    def log(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    def address(self) -> str:
        """Wait until it listens."""
        return self.wait_for(LISTENS)[1]

    def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            ended = self.popen.poll() is not None
            if (found := pattern.search(self.out)) is not None:
                return found
            if ended:
                break
            time.sleep(0.02)
        raise AssertionError(f"{pattern.pattern} did not come:\n{self.out}\n{self.err}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        return self.code()

    def code(self) -> int:
        return self.popen.wait(TIMEOUT)


@contextmanager
def running(folder: Path, *arguments: str, script: str = "") -> Iterator[Process]:
    """Run ``jobyard`` with arguments; ``script`` is Python that is run before it."""
    folder.mkdir(exist_ok=True)
    program = f"{script}\nfrom jobyard.cli import main\nmain()"
    command = [sys.executable, "-c", program] if script else [sys.executable, "-m", "jobyard"]
    process = Process([*command, *arguments], folder)
    try:
        yield process
    finally:
        if process.popen.poll() is None:
            process.popen.kill()
            process.popen.wait(TIMEOUT)


def serve_arguments(state: Path) -> tuple[str, ...]:
    return ("serve", "--state-dir", str(state), "--host", "127.0.0.1", "--port", "0")


def fetch(
    url: str, body: dict[str, str] | None = None, token: str = "", method: str | None = None
) -> tuple[int, dict[str, object]]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    request.add_header("Content-Type", "application/json")
    request.add_header("Accept", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            return response.status, json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())
