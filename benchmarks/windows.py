"""Windows of load: a few seconds of wrk against one server, and what they cost it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from benchmarks.processes import Server, cores

_TRIES: Final = 3
"""Windows until one has an answer: on a busy machine a short one may have none."""
_SCRIPT: Final = Path(__file__).with_name("wrk.lua")


@frozen
class Window:
    """Be one window; ``cpu`` is in seconds of processor, ``p50`` and ``p99`` in milliseconds."""

    requests: int
    seconds: float
    cpu: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Give the answers a second."""
        return self.requests / self.seconds


@frozen
class Figures:
    """Be what windows say together; ``cpu`` is in microseconds a request."""

    rate: float
    cpu: float
    p50: float
    p99: float


def measure(
    server: Server,
    path: str,
    *,
    seconds: float,
    connections: int,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> Window:
    """Load a server for some seconds.

    Raises:
        RuntimeError: An answer was no good one, or did not come.
    """
    command = ["taskset", "-c", str(cores()[0]), "wrk", "-t1", f"-c{connections}"]
    command += [f"-d{max(1, round(seconds))}s", "--timeout", "20s", "-s", str(_SCRIPT)]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    command.append(f"{server.address}{path}")
    environment = dict(os.environ)
    if body is not None:
        environment["BENCHMARK_BODY"] = body
    for _ in range(_TRIES):
        before = server.cpu()
        ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        cpu = server.cpu() - before
        said = json.loads(ran.stdout.splitlines()[-1])
        if said["refused"] or said["broken"]:
            break
        if said["requests"]:
            latency = said["p50"] / 1e3, said["p99"] / 1e3
            return Window(said["requests"], said["seconds"], cpu, *latency)
    message = f"{path}: {said}"
    raise RuntimeError(message)


def together(windows: Sequence[Window]) -> Figures:
    """Put the windows of one server together: medians, and the processor over all requests."""
    requests = sum(window.requests for window in windows)
    return Figures(
        rate=statistics.median(window.rate for window in windows),
        cpu=sum(window.cpu for window in windows) / requests * 1e6,
        p50=statistics.median(window.p50 for window in windows),
        p99=statistics.median(window.p99 for window in windows),
    )
