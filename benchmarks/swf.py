"""Read traces in the Standard Workload Format, version 2.2.

A line that begins with ``;`` is a comment, and may be one of the header's, ``; Name: value``. Any
other line is a job of 18 fields, divided by blanks, where -1 is what nobody knows:

==  ==========================================  =====================================
 1  job number                                  the job's key
 2  submit time, seconds                        when it comes into its line
 3  wait time, seconds
 4  run time, seconds                           how long it runs
 5  number of allocated processors              its size, where field 8 is unknown
 6  average CPU time used, seconds
 7  used memory, KB for each processor
 8  requested number of processors              its size
 9  requested time, seconds                     what it promises to run at most
10  requested memory, KB for each processor
11  status
12  user id                                     whose it is: users share virtual clusters
13  group id
14  executable (application) number
15  queue number
16  partition number
17  preceding job number
18  think time from preceding job, seconds
==  ==========================================  =====================================

Jobs that never ran, or of which nobody knows size or run time, are left out. One that ran longer
than it had requested is cut at that, as every policy here would have ended it. Memory is not looked
at. The size of the machine is ``MaxProcs`` of the header, or ``MaxNodes``, or the largest job's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from benchmarks.simulation import Job
from jobyard_backends.scheduling.local.decisions import Need, Resources

_FIELDS: Final = 18
_SIZE: Final = re.compile(r";\s*(MaxProcs|MaxNodes)\s*:\s*(\d+)", re.IGNORECASE)


@frozen
class Workload:
    """Be a trace, and the number of processors that it is for."""

    processors: int
    jobs: tuple[Job, ...]


def parse(lines: Iterable[str], clusters: Sequence[str] = ("default",)) -> Workload:
    """Read a trace; users are dealt out to the virtual clusters by their numbers.

    Raises:
        ValueError: A line is no comment and has not 18 numbers, with its number.
    """
    sizes: dict[str, int] = {}
    jobs: list[Job] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        header = _SIZE.match(text)
        if header is not None:
            sizes[header[1].lower()] = int(header[2])
        elif text and not text.startswith(";"):
            job = _job(_numbers(text, number), number, clusters)
            if job is not None:
                jobs.append(job)
    largest = max((job.need.resources.cpus for job in jobs), default=1)
    return Workload(sizes.get("maxprocs") or sizes.get("maxnodes") or largest, tuple(jobs))


def _numbers(text: str, line: int) -> list[float]:
    parts = text.split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != _FIELDS:
        message = f"line {line}: expected {_FIELDS} numbers, found {text[:60]!r}"
        raise ValueError(message)
    return numbers


def _job(fields: Sequence[float], line: int, clusters: Sequence[str]) -> Job | None:
    submitted, ran, requested = fields[1], fields[3], fields[8]
    processors = int(fields[7] if fields[7] > 0 else fields[4])
    if ran <= 0 or processors <= 0:
        return None
    promised = round(1000 * requested) if requested > 0 else None
    runs = round(1000 * ran)
    need = Need(
        key=f"{int(fields[0]):09}.{line:09}",
        cluster=clusters[max(0, int(fields[11])) % len(clusters)],
        resources=Resources(processors, processors, 0),
        since=round(1000 * max(0.0, submitted)),
        runs=promised,
    )
    return Job(need, runs if promised is None else min(runs, promised))
