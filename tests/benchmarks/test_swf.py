"""Traces in the Standard Workload Format."""

from __future__ import annotations

import pytest

from benchmarks.swf import parse

#                id submit wait run procs cpu mem req time mem st user grp app q part pre think
JOB = "          7   10    5   60    4   -1  -1   8  120  -1  1   3   1   1  1   1  -1   -1"
UNSAID = "       8   20    5   60    4   -1  -1  -1   -1  -1  1   4   1   1  1   1  -1   -1"
LATE = "         9   30    5  500    2   -1  -1   2  120  -1  0   5   1   1  1   1  -1   -1"
NEVER = "       10   40    5   -1    2   -1  -1   2  120  -1  5   5   1   1  1   1  -1   -1"
HEADER = "; Computer: none\n; MaxNodes: 16\n; MaxProcs: 64\n".splitlines()


def test_fields_stand_where_the_format_has_them() -> None:
    workload = parse([*HEADER, JOB, "", UNSAID], ("a", "b"))

    first, second = workload.jobs
    assert workload.processors == 64
    assert (first.need.resources.cpus, first.need.since, first.runs) == (8, 10_000, 60_000)
    assert (first.need.runs, first.need.cluster) == (120_000, "b")
    # Without a request the size is what was allocated, and nothing is promised.
    assert (second.need.resources.cpus, second.need.runs, second.need.cluster) == (4, None, "a")


def test_a_job_that_never_ran_is_left_out_and_one_that_ran_too_long_is_cut() -> None:
    workload = parse([LATE, NEVER])

    assert [job.runs for job in workload.jobs] == [120_000]
    assert workload.processors == 2


@pytest.mark.parametrize("line", ["1 2 3", "x " * 18, "1 " * 19])
def test_a_line_that_is_no_job_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2: expected 18 numbers, found"):
        parse([JOB, line])
