"""A gateway before a launcher that answers late, and one with many frameworks.

Run by ``python -m benchmarks.launcher``. The launcher is the double of :mod:`jobyard.testing.launcher`,
in which no process runs. Whatever is written for a job is written to a real HDFS, or, with
``--storage local``, to a folder of this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import orjson
from attrs import frozen

from benchmarks.gateway import PASSWORD
from benchmarks.processes import Server, on_the_clients_core, serving
from benchmarks.report import Machine
from benchmarks.table import table
from benchmarks.windows import Figures, Window, measure, together
from jobyard.testing.launcher import LauncherDouble, LauncherOptions, Play
from tests.hadoop import SUPERUSER, running_hdfs

RATE: Final = 50
"""Submissions that are offered each second."""
LATENCY: Final = 0.02
"""Seconds that the launcher takes for every answer."""
FRAMEWORKS: Final = 10_000
_CONNECTIONS: Final = 8
_LIST: Final = "/api/v1/jobs"
_FOR_EVER: Final = 1e6
_CONFIGURATION: Final = f"""
rest-server:
  server-host: 127.0.0.1
  server-port: 0
  default-pai-admin-password: "{PASSWORD}"
scheduling:
  yarn:
    launcher: %s
    resource-manager: ["%s"]
    runtime: none
storage: %s
"""


_QUEUE: Final = {
    "queueName": "default",
    "state": "RUNNING",
    "capacity": 100.0,
    "maxCapacity": 100.0,
    "absoluteCapacity": 100.0,
    "absoluteMaxCapacity": 100.0,
    "absoluteUsedCapacity": 0.0,
    "usedCapacity": 0.0,
    "numApplications": 0,
    "numActiveApplications": 0,
    "numPendingApplications": 0,
    "resourcesUsed": {"memory": 0, "vCores": 0},
}
_RESOURCE_MANAGER: Final = {
    "scheduler": {
        "schedulerInfo": {
            "type": "capacityScheduler",
            "queueName": "root",
            "queues": {"queue": [_QUEUE]},
        }
    },
    "nodes": {"node": [{"state": "RUNNING", "availMemoryMB": 10**6, "availableVirtualCores": 128}]},
    "clusterMetrics": {"totalMB": 10**6, "totalVirtualCores": 128},
}
"""What every question to the ResourceManager is answered with."""


@frozen
class Submitted:
    """Be what became of submissions at a steady rate; times are in milliseconds."""

    offered: int
    accepted: int
    seconds: float
    cpu: float
    p50: float
    p99: float


@frozen
class Listed:
    """Be the list of all jobs, beside the launcher's own and ready bytes of the same length."""

    size: int
    upstream_size: int
    jobyard: Figures
    ready: Figures
    upstream: Figures
    to_ready: float
    asked_upstream: float
    """Lists that the gateway asked the launcher for, a second."""


@contextmanager
def storage_for_jobs(kind: str) -> Iterator[object]:
    """Give the storage's part of the configuration, and run what it needs."""
    if kind == "local":
        yield kind
        return
    with running_hdfs() as hdfs:
        yield {"hdfs": {"name-nodes": hdfs.addresses, "user": SUPERUSER}}


@contextmanager
def gateway(folder: Path, launcher: LauncherDouble, storage: object) -> Iterator[Server]:
    """Run a gateway on YARN, as ``jobyard serve`` does."""
    folder.mkdir(mode=0o700)
    cluster = folder / "cluster.json"
    cluster.write_bytes(orjson.dumps(_RESOURCE_MANAGER))
    with serving(folder / "cluster.log", "-m", "benchmarks.one_body", str(cluster)) as manager:
        file = folder / "services-configuration.yaml"
        stored = orjson.dumps(storage).decode()  # JSON is YAML
        file.write_text(_CONFIGURATION % (launcher.url, manager.address, stored))
        arguments = ("-m", "jobyard", "serve", "--config", str(file), "--state-dir", str(folder))
        with serving(folder / "log", *arguments) as server:
            yield server


async def submit(server: Server, seconds: float) -> Submitted:
    """Offer submissions at a steady rate, whatever becomes of those before."""
    answers: list[tuple[int, float]] = []
    limits = httpx.Limits(max_connections=RATE * 4)
    async with httpx.AsyncClient(base_url=server.address, timeout=60, limits=limits) as client:
        login = {"username": "admin", "password": PASSWORD}
        token = (await client.post("/api/v1/token", json=login)).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"

        async def one(number: int) -> None:
            role = {"name": "main", "command": "true"}
            job = {"jobName": f"steady{number}", "image": "none", "taskRoles": [role]}
            before = time.perf_counter()
            answer = await client.post("/api/v1/user/admin/jobs", json=job)
            answers.append((answer.status_code, time.perf_counter() - before))

        offered = int(RATE * seconds)
        begin, cpu = time.perf_counter(), server.cpu()
        async with asyncio.TaskGroup() as tasks:
            for number in range(offered):
                await asyncio.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
                tasks.create_task(one(number))
        took, cpu = time.perf_counter() - begin, server.cpu() - cpu
    times = sorted(each * 1e3 for _, each in answers)
    accepted = sum(status == 202 for status, _ in answers)  # noqa: PLR2004 - HTTP's
    cuts = statistics.quantiles(times, n=100)
    return Submitted(offered, accepted, took, cpu / offered * 1e6, cuts[49], cuts[98])


def read(server: Server, launcher: LauncherDouble, folder: Path, rounds: int) -> Listed:
    """Measure the list in windows: ready bytes, Jobyard, the launcher itself."""
    launcher.faults.latency = 0.0
    body = httpx.get(f"{server.address}{_LIST}", timeout=60).raise_for_status().content
    upstream_size = len(httpx.get(f"{launcher.url}/v1/Frameworks", timeout=60).content)
    bodies = folder / "bodies"
    bodies.mkdir()
    (bodies / "list").write_bytes(body)
    windows: list[tuple[Window, Window]] = []
    with serving(folder / "ready.log", "-m", "benchmarks.one_body", str(bodies / "list")) as ready:
        asked = len(launcher.faults.requests)
        begin = time.monotonic()
        windows.extend(
            (
                measure(ready, _LIST, seconds=2, connections=_CONNECTIONS),
                measure(server, _LIST, seconds=2, connections=_CONNECTIONS),
            )
            for _ in range(rounds)
        )
        asked_upstream = (len(launcher.faults.requests) - asked) / (time.monotonic() - begin)
    with serving(
        folder / "launcher.log",
        "-m", "benchmarks.launcher", "--double", str(FRAMEWORKS),
    ) as double:  # fmt: skip
        upstream = measure(double, "/v1/Frameworks", seconds=2, connections=_CONNECTIONS)
    rivals, ours = zip(*windows, strict=True)
    return Listed(
        size=len(body),
        upstream_size=upstream_size,
        jobyard=together(ours),
        ready=together(rivals),
        upstream=together([upstream]),
        to_ready=statistics.median(b.rate / a.rate for a, b in windows),
        asked_upstream=asked_upstream,
    )


def text(submitted: Submitted, listed: Listed, storage: str) -> str:
    """Draw the tables."""
    changes = table(
        ("change", "offered /s", "accepted", "/s", "CPU us", "p50 ms", "p99 ms"),
        [
            (
                f"submission, {LATENCY * 1e3:g} ms in each of the launcher's answers",
                f"{RATE}",
                f"{submitted.accepted} of {submitted.offered}",
                f"{submitted.accepted / submitted.seconds:.1f}",
                f"{submitted.cpu:,.0f}",
                f"{submitted.p50:.0f}",
                f"{submitted.p99:.0f}",
            )
        ],
    )
    reads = table(
        (
            "read", "bytes", "of ready bytes", "CPU us: ready", "launcher", "Jobyard",
            "Jobyard /s", "asked of the launcher /s",
        ),
        [
            (
                f"list of {FRAMEWORKS:,} frameworks ({listed.upstream_size:,} bytes upstream)",
                f"{listed.size:,}",
                f"{listed.to_ready:.0%}",
                f"{listed.ready.cpu:,.0f}",
                f"{listed.upstream.cpu:,.0f}",
                f"{listed.jobyard.cpu:,.0f}",
                f"{listed.jobyard.rate:,.0f}",
                f"{listed.asked_upstream:.2f}",
            )
        ],
    )  # fmt: skip
    return f"{Machine().text()}, files in {storage}\n\n{changes}\n\n{reads}\n"


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launcher", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="how long jobs are submitted")
    parser.add_argument("--rounds", type=int, default=3, help="windows of each server")
    parser.add_argument(
        "--storage", choices=("hdfs", "local"), default="hdfs", help="where files of jobs lie"
    )
    parser.add_argument("--json", type=Path, help="where the figures are written")
    parser.add_argument("--double", type=int, help="be the launcher, with so many frameworks")
    asked = parser.parse_args()
    if asked.double is not None:
        serve_double(asked.double)
        return
    options = LauncherOptions(interval=0.5)
    with (
        tempfile.TemporaryDirectory(prefix="jobyard-benchmark-") as name,
        on_the_clients_core(),
        storage_for_jobs(asked.storage) as storage,
        LauncherDouble(options, script=lambda _: Play(_FOR_EVER)) as launcher,
        gateway(Path(name) / "state", launcher, storage) as server,
    ):
        launcher.faults.latency = LATENCY
        submitted = asyncio.run(submit(server, asked.seconds))
        launcher.add_ended(FRAMEWORKS - submitted.accepted)
        time.sleep(2)  # longer than the board keeps a list
        listed = read(server, launcher, Path(name), asked.rounds)
    sys.stdout.write(text(submitted, listed, asked.storage))
    if asked.json is not None:
        both = {"submission": submitted, "list": listed}
        asked.json.write_bytes(orjson.dumps(both, default=_document))


def serve_double(frameworks: int) -> None:
    """Be a launcher of so many frameworks, as a process of its own, until it is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with LauncherDouble(script=lambda _: Play(_FOR_EVER)) as double:
        double.add_ended(frameworks)
        print(f"launcher listens on {double.url}", flush=True)
        while True:
            time.sleep(60)


def _document(value: object) -> object:
    return {name: getattr(value, name) for name in value.__slots__ if not name.startswith("_")}  # type: ignore[attr-defined] # attrs values alone come here


if __name__ == "__main__":
    main()
