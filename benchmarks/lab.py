"""A trace as of a laboratory that shares one large machine; the same seed gives the same jobs."""

from __future__ import annotations

import math
import random
from typing import Final

from attrs import evolve

from benchmarks.simulation import Job
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Need, Resources

MACHINE: Final = Resources(cpus=128, memory_mb=512 * 1024, gpus=8)

SHARES: Final = {
    "default": VirtualClusterShare("default", 50, 100),
    "vc1": VirtualClusterShare("vc1", 30, 75),
    "vc2": VirtualClusterShare("vc2", 20, 50),
}

_GPUS: Final = ((0, 25), (1, 45), (2, 15), (4, 10), (8, 5))
"""GPUs of a job, and how many in a hundred ask for so many."""

_LOAD: Final = 0.5
"""The share of the GPUs that all jobs together would keep busy."""

_MINUTE: Final = 60_000


def lab(jobs: int, seed: int, promised: float) -> tuple[Job, ...]:
    """Make a trace: half the jobs take a quarter of an hour at most, a few take a day.

    ``promised``, 0..1, is the part of them that says how long at most; it is one to five times what
    they take.
    """
    chance = random.Random(seed)
    drawn = [_job(chance, number, promised) for number in range(jobs)]
    work = sum(job.runs * job.need.resources.gpus for job in drawn)
    between = work / (_LOAD * MACHINE.gpus * max(1, jobs))
    since, trace = 0.0, []
    for job in drawn:
        since += chance.expovariate(1) * between
        trace.append(evolve(job, need=evolve(job.need, since=round(since))))
    return tuple(trace)


def _job(chance: random.Random, number: int, promised: float) -> Job:
    sizes, weights = zip(*_GPUS, strict=True)
    gpus = chance.choices(sizes, weights)[0]
    cpus = gpus * chance.choice((2, 4, 8)) if gpus else chance.choice((1, 2, 4, 8, 16, 32))
    memory = 1024 * max(1, gpus) * chance.choice((4, 8, 16, 32))
    cluster = chance.choices(("default", "vc1", "vc2"), (50, 30, 20))[0]
    resources = Resources(cpus, memory, gpus)
    if not resources.within(MACHINE.percent(SHARES[cluster].max_capacity)):
        cluster = "default"
    runs = round(min(max(chance.lognormvariate(math.log(15 * _MINUTE), 1.5), 10_000), 86_400_000))
    said = math.ceil(runs * chance.uniform(1, 5) / _MINUTE) * _MINUTE
    says = chance.random() < promised
    return Job(Need(f"job{number:06}", cluster, resources, 0, said if says else None), runs)
