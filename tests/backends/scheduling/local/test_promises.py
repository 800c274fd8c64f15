"""How long a job says it runs at most, and what comes of it."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import JobConfig
from jobyard.domain.states import EXIT_TASK_STOPPED, JobState
from jobyard.domain.status import ExitType, RetryCounts
from jobyard_backends.scheduling.local.promises import LONGEST, broken_promise, runs_at_most

from .world import OWNER, SLEEP, World, appearing, ended, in_state, operation, role


def config(value: object) -> JobConfig:
    return JobConfig("job", "none", (role(),), extras={"maxRunSeconds": value})


@given(seconds=st.integers(1, LONGEST))
def test_whole_seconds_are_a_promise_as_a_number_and_as_text(seconds: int) -> None:
    assert runs_at_most(config(seconds)) == runs_at_most(config(str(seconds))) == 1000 * seconds
    assert broken_promise(config(seconds)) is None


@pytest.mark.parametrize(
    "value", [0, -1, 1.5, True, None, "", "1.5", "-3", "²", "1" * 30, LONGEST + 1, [1], {"s": 1}]
)
def test_whatever_else_is_none_and_is_said_to_be_wrong(value: object) -> None:
    told = broken_promise(config(value))

    assert runs_at_most(config(value)) is None
    assert told is not None
    assert told.startswith("extras.maxRunSeconds is ")
    assert told.endswith(f"; expected whole seconds in 1..{LONGEST}.")


def test_a_job_without_a_promise_is_taken_to_run_for_ever() -> None:
    assert runs_at_most(evolve(config(1), extras={"note": 5})) is None
    assert broken_promise(evolve(config(1), extras={"note": 5})) is None


async def test_a_wrong_promise_is_refused_and_counts_as_none_where_it_was_taken(
    world: World,
) -> None:
    job = world.job(extras={"maxRunSeconds": "soon"})
    async with world.open() as scheduler:
        refusal = await scheduler.refusal(job)
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert refusal is not None
    assert "extras.maxRunSeconds is 'soon'" in refusal.message
    assert status.summary.state is JobState.SUCCEEDED


async def test_a_job_that_runs_longer_than_it_said_is_ended_and_told_so(world: World) -> None:
    job = world.job(
        role(SLEEP), role("true", name="quick"), retry_count=5, extras={"maxRunSeconds": 1}
    )
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    launched, completed = status.launched_at, status.app_completed_at
    assert launched is not None
    assert completed is not None
    assert completed - launched >= 1000
    assert status.summary.state is JobState.FAILED
    assert status.summary.exit_code == -7130
    assert status.summary.retries == RetryCounts()
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert "ran longer than 1 s, its extras.maxRunSeconds" in (status.exit.diagnostics or "")
    assert [role.tasks[0].exit_code for role in status.task_roles] == [EXIT_TASK_STOPPED, 0]


async def test_a_promise_holds_across_a_restart_of_the_gateway(world: World) -> None:
    job = world.job(role(SLEEP), extras={"maxRunSeconds": 2})
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await appearing(world.folder(job) / "stdout")
    async with world.open() as scheduler:
        status = await ended(scheduler, job)

    assert status.summary.exit_code == -7130


async def test_a_job_that_keeps_its_promise_is_left_alone(world: World) -> None:
    job = world.job(extras={"maxRunSeconds": 600})
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.SUCCEEDED


async def test_a_short_job_goes_before_a_wide_one_that_waits_for_a_promise(world: World) -> None:
    first = world.job(role(SLEEP, cpu_number=2), name="first", extras={"maxRunSeconds": 600})
    wide = world.job(role(SLEEP, cpu_number=3), name="wide", extras={"maxRunSeconds": 600})
    long = world.job(role(SLEEP), name="long", extras={"maxRunSeconds": 900})
    short = world.job(role(SLEEP), name="short", extras={"maxRunSeconds": 300})
    jobs = (first, wide, long, short)
    async with world.open(cpus=3) as scheduler:
        for job in jobs:
            await scheduler.submit(job)
        await in_state(scheduler, short, JobState.RUNNING)
        why = [(await scheduler.job(job.name)).waiting for job in (wide, long)]
        for job in jobs:
            await scheduler.stop(job.ref, OWNER, operation())
        for job in jobs:
            await ended(scheduler, job)

    assert [reason and reason.queue_position for reason in why] == [1, 2]
