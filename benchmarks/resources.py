"""What a gateway takes: time to start, and memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
from attrs import frozen

from benchmarks.processes import cores, gateway, serving

_STARTS = 5
_MANY = 100_000


@frozen
class Start:
    """Be what a start takes, in milliseconds: medians of some starts on a state that exists.

    ``python`` is the interpreter's own start, which is in the other two.
    """

    python: float
    imported: float
    listening: float
    cpu: float
    """Of the processor, until it listens: what a busy machine does not stretch."""


@frozen
class Memory:
    """Be the resident megabytes of a gateway of so many jobs, at rest and at the most."""

    jobs: int
    resident: float
    peak: float


def start(folder: Path) -> Start:
    """Measure starts of ``jobyard serve`` with everything embedded."""
    state = folder / "start"
    state.mkdir()
    starts = [_listening(state) for _ in range(_STARTS + 1)][1:]  # the first makes the database
    return Start(
        python=statistics.median(_ran("-c", "pass") for _ in range(_STARTS)),
        imported=statistics.median(_ran("-c", "import jobyard") for _ in range(_STARTS)),
        listening=statistics.median(wall for wall, _ in starts),
        cpu=statistics.median(cpu for _, cpu in starts),
    )


def _ran(*arguments: str) -> float:
    command = ["taskset", "-c", str(cores()[1]), sys.executable, *arguments]
    begin = time.monotonic()
    subprocess.run(command, check=True)
    return (time.monotonic() - begin) * 1e3


def _listening(state: Path) -> tuple[float, float]:
    arguments = ("-m", "jobyard", "serve", "--state-dir", str(state / "state"), "--port", "0")
    begin = time.monotonic()
    with serving(state / "log", *arguments, "--host", "127.0.0.1") as server:
        return (time.monotonic() - begin) * 1e3, server.cpu() * 1e3


def memory(folder: Path) -> tuple[Memory, ...]:
    """Measure gateways of no job and of very many, whose list was read plain and compressed."""
    return tuple(_memory(folder, jobs) for jobs in (0, _MANY))


def _memory(folder: Path, jobs: int) -> Memory:
    with gateway(folder / "memory", jobs, changes=10) as server:
        for encoding in ("identity", "gzip", "gzip", "gzip"):
            with httpx.stream(
                "GET",
                f"{server.address}/api/v1/jobs",
                headers={"Accept-Encoding": encoding},
                timeout=60,
            ) as answer:
                answer.raise_for_status()
                for _ in answer.iter_raw():
                    pass
            time.sleep(1)  # for another poll, which makes the list anew
        return Memory(jobs, server.memory(), server.peak())
