"""Hold the embedded scheduler's decisions against FIFO and EASY backfill, in virtual time.

    python -m benchmarks.schedule [--jobs N] [--seed N] [--swf FILE ...] [--json FILE]

No process is started and nothing is waited for: the functions that decide in the gateway decide
here, over a trace that is made up, and over traces in the Standard Workload Format.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Final

import orjson
from attrs import asdict, evolve, frozen

from benchmarks.lab import MACHINE, SHARES, lab
from benchmarks.policies import easy, fifo
from benchmarks.simulation import Job, Outcome, Policy, simulate
from benchmarks.swf import parse
from benchmarks.table import table
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Resources
from jobyard_backends.scheduling.local.turns import starts

POLICIES: Final[Mapping[str, Policy]] = {"Jobyard": starts, "EASY": easy, "FIFO": fifo}

_SHORTEST: Final = 10_000
"""Milliseconds that a job counts as at least where its wait is held against its length."""


_PROMISED: Final = (0.0, 0.6, 1.0)
"""The parts of the made-up traces' jobs that say how long they run at most."""


@frozen
class Figures:
    """Be what one policy made of one trace; times in seconds, rounds in milliseconds of the CPU.

    ``utilisation`` is the share of the scarcest resource that was in use, from the first job's
    coming to the last one's end. ``slowdown`` is the worst (wait + length) / length, a length under
    10 s counting as that. ``wide`` is the mean wait of the widest twentieth.
    """

    trace: str
    policy: str
    jobs: int
    never: int
    utilisation: float
    wait_mean: float
    wait_p95: float
    wait_longest: float
    slowdown: float
    wide: float
    violations: int
    round_median: float
    round_p99: float
    round_longest: float


def measure(
    trace: str,
    machine: Resources,
    shares: Mapping[str, VirtualClusterShare],
    jobs: Sequence[Job],
    policy: str,
) -> Figures:
    """Run a trace by one policy."""
    outcome = simulate(machine, shares, jobs, POLICIES[policy])
    ran = [job for job in outcome.jobs if job.need.key in outcome.started]
    waits = sorted(_wait(job, outcome) for job in ran)
    rounds = sorted(1000 * each for each in outcome.rounds)
    return Figures(
        trace=trace,
        policy=policy,
        jobs=len(ran),
        never=len(outcome.jobs) - len(ran),
        utilisation=_utilisation(machine, ran, outcome),
        wait_mean=fmean(waits) / 1000,
        wait_p95=part(waits, 0.95) / 1000,
        wait_longest=waits[-1] / 1000,
        slowdown=max(1 + _wait(job, outcome) / max(job.runs, _SHORTEST) for job in ran),
        wide=fmean(_wait(job, outcome) for job in _widest(machine, ran)) / 1000,
        violations=outcome.violations,
        round_median=median(rounds),
        round_p99=part(rounds, 0.99),
        round_longest=rounds[-1],
    )


def crowded(jobs: Sequence[Job], decisions: int) -> tuple[float, ...]:
    """Give the milliseconds of the CPU that decisions take while all of a trace waits, sorted."""
    at_once = [evolve(job, need=evolve(job.need, since=0)) for job in jobs]
    outcome = simulate(MACHINE, SHARES, at_once, starts, decisions)
    return tuple(sorted(1000 * each for each in outcome.rounds))


def part(values: Sequence[float], share: float) -> float:
    """Give the value of sorted ones that so many of them do not pass."""
    return values[min(len(values) - 1, int(share * len(values)))]


def _wait(job: Job, outcome: Outcome) -> int:
    return outcome.started[job.need.key] - job.need.since


def _utilisation(machine: Resources, ran: Sequence[Job], outcome: Outcome) -> float:
    begin = min(job.need.since for job in ran)
    end = max(outcome.started[job.need.key] + job.runs for job in ran)
    used = (
        sum(job.runs * job.need.resources.amounts[place] for job in ran)
        / (max(1, have) * max(1, end - begin))
        for place, have in enumerate(machine.amounts)
    )
    return max(used)


def _widest(machine: Resources, ran: Sequence[Job]) -> Sequence[Job]:
    by_width = sorted(ran, key=lambda job: job.need.resources.share_of(machine))
    return by_width[-max(1, len(by_width) // 20) :]


def _traces(
    jobs: int, seed: int, files: Sequence[Path]
) -> list[tuple[str, Resources, tuple[Job, ...]]]:
    traces = [
        (f"laboratory, {promised:.0%} promise", MACHINE, lab(jobs, seed, promised))
        for promised in _PROMISED
    ]
    for path in files:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            workload = parse(lines, tuple(SHARES))
        size = workload.processors
        traces.append((path.name, Resources(size, size, 0), workload.jobs))
    return traces


def text(figures: Sequence[Figures], crowds: Sequence[Sequence[float]], jobs: int) -> str:
    """Give the figures as tables in Markdown."""
    head = (
        "trace", "policy", "jobs", "in use", "mean wait s", "p95 s", "longest s", "worst slowdown",
        "wide jobs' mean wait s", "quota violations", "round ms", "p99", "longest",
    )  # fmt: skip
    rows = [
        (
            each.trace, each.policy, f"{each.jobs:,}", f"{each.utilisation:.1%}",
            f"{each.wait_mean:,.0f}", f"{each.wait_p95:,.0f}", f"{each.wait_longest:,.0f}",
            f"{each.slowdown:,.0f}", f"{each.wide:,.0f}", str(each.violations),
            f"{each.round_median:.2f}", f"{each.round_p99:.2f}", f"{each.round_longest:.2f}",
        )
        for each in figures
    ]  # fmt: skip
    lines = [
        (
            f"{promised:.0%}", f"{median(each):.1f}", f"{part(each, 0.99):.1f}", f"{each[-1]:.1f}",
        )
        for promised, each in zip(_PROMISED, crowds, strict=True)
    ]  # fmt: skip
    crowd = table(
        (f"decision with {jobs:,} waiting, promised", "median ms", "p99", "longest"), lines
    )
    return f"{table(head, rows, texts=2)}\n\n{crowd}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schedule", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs of the trace that is made")
    parser.add_argument("--seed", type=int, default=1, help="what it is made from")
    parser.add_argument("--swf", type=Path, nargs="*", default=[], help="traces, gzipped or not")
    parser.add_argument("--json", type=Path, help="where the figures are written")
    asked = parser.parse_args(arguments)
    figures = [
        measure(name, machine, SHARES, jobs, policy)
        for name, machine, jobs in _traces(asked.jobs, asked.seed, asked.swf)
        for policy in POLICIES
    ]
    crowds = [crowded(lab(asked.jobs, asked.seed, each), decisions=300) for each in _PROMISED]
    if asked.json is not None:
        asked.json.write_bytes(orjson.dumps([asdict(each) for each in figures]))
    sys.stdout.write(text(figures, crowds, asked.jobs))


if __name__ == "__main__":
    main()
