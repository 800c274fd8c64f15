"""The servers as processes of their own, each on the core that is the servers'."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

PATIENCE: Final = 60.0
"""Seconds that a server may take to listen."""
_LISTENS: Final = re.compile(r"listens on (\S+)")


def cores() -> tuple[int, int]:
    """Give the client's core and the servers'; one and the same where there is no second."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


@frozen
class Server:
    """Be a server that listens."""

    address: str
    process: psutil.Process

    def cpu(self) -> float:
        """Give the seconds of processor that it took so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """Give its resident megabytes."""
        return float(self.process.memory_info().rss) / 1e6

    def peak(self) -> float:
        """Give the most megabytes that were ever resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) * 1024 / 1e6 if found else float("nan")


@contextmanager
def serving(log: Path, *arguments: str) -> Iterator[Server]:
    """Run ``python ARGUMENTS`` until the block ends; what it prints is in the file ``log``."""
    command = ["taskset", "-c", str(cores()[1]), sys.executable, *arguments]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield Server(_address(process, log), psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait(PATIENCE)


@contextmanager
def on_the_clients_core() -> Iterator[None]:
    """Keep this process on the client's core until the block ends."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores()[0]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def gateway(
    folder: Path, jobs: int, *options: str, changes: float = 0, commit: float = 0
) -> Iterator[Server]:
    """Run a gateway of so many jobs, on a state of its own below ``folder``.

    ``changes`` is how many jobs change a second, ``commit`` the seconds added to each commit;
    ``options`` are further ones of :mod:`benchmarks.gateway`.
    """
    state = folder / f"state-{jobs}-{commit}"
    state.mkdir(mode=0o700, parents=True)
    arguments = ["-m", "benchmarks.gateway", "--state-dir", str(state), "--jobs", str(jobs)]
    arguments += ["--changes", str(changes), "--commit", str(commit), *options]
    with serving(folder / f"{state.name}.log", *arguments) as server:
        yield server


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        found = _LISTENS.search(log.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.002)
    message = f"it does not listen: {log.read_text()[-2000:]}"
    raise RuntimeError(message)
