"""The comparison of schedulers, over traces that take no time."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from benchmarks.lab import MACHINE, SHARES, lab
from benchmarks.schedule import POLICIES, crowded, main, measure, part
from benchmarks.simulation import simulate
from jobyard_backends.scheduling.local.turns import starts

from .test_swf import HEADER, JOB, UNSAID


def test_the_same_seed_gives_the_same_jobs_which_all_can_run() -> None:
    jobs = lab(200, 3, 0.5)

    assert jobs == lab(200, 3, 0.5)
    assert jobs != lab(200, 4, 0.5)
    for job in jobs:
        share = SHARES[job.need.cluster]
        assert job.need.resources.within(MACHINE.percent(share.max_capacity))
        assert job.need.runs is None or job.need.runs >= job.runs


@pytest.mark.parametrize("promised", [0.0, 0.6, 1.0])
def test_in_a_laboratory_no_quota_is_exceeded_and_nobody_is_left(promised: float) -> None:
    jobs = lab(300, 2, promised)
    figures = {name: measure("lab", MACHINE, SHARES, jobs, name) for name in POLICIES}

    for each in figures.values():
        assert each.violations == each.never == 0
        assert 0 < each.utilisation <= 1
        assert each.wait_mean <= each.wait_longest


def test_a_wide_job_waits_for_its_elders_alone_in_a_laboratory_of_narrow_ones() -> None:
    """Narrow jobs that keep coming, in its own line and others, starve nobody."""
    outcome = simulate(MACHINE, SHARES, lab(600, 5, 0.5), starts)
    wide = [job for job in outcome.jobs if job.need.resources.gpus == MACHINE.gpus]

    assert wide
    for job in wide:
        elders = [
            outcome.started[other.need.key] + other.runs
            for other in outcome.jobs
            if other.need.order < job.need.order
        ]
        # What was let in on a promise is gone when that is over.
        promised = [
            outcome.started[other.need.key] + other.need.runs
            for other in outcome.jobs
            if other.need.runs is not None
            and outcome.started[other.need.key] <= outcome.started[job.need.key]
        ]
        assert outcome.started[job.need.key] <= max([*elders, *promised, job.need.since])


def test_a_decision_is_measured_while_all_wait() -> None:
    rounds = crowded(lab(50, 1, 0.5), decisions=10)

    assert len(rounds) == 10
    assert list(rounds) == sorted(rounds)
    assert part((1.0, 2.0, 3.0), 0.99) == 3.0


def test_the_command_prints_tables_and_writes_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, figures = tmp_path / "small.swf", tmp_path / "figures.json"
    trace.write_text("\n".join([*HEADER, JOB, UNSAID]))

    main(["--jobs", "30", "--swf", str(trace), "--json", str(figures)])

    told, written = capsys.readouterr().out, orjson.loads(figures.read_bytes())
    assert [each["policy"] for each in written] == [*POLICIES] * 4
    assert {each["violations"] for each in written} == {0}
    assert "| small.swf | Jobyard | 2 |" in told
    assert "decision with 30 waiting, promised" in told
