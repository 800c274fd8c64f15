"""The states of jobs and tasks, row by row of the contract's tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.states import (
    ENDED,
    EXIT_STOPPED,
    EXIT_TASK_STOPPED,
    FrameworkState,
    JobState,
    TaskState,
    job_state,
    task_state,
)

codes = st.one_of(st.none(), st.integers(-8000, 255))

JOBS = {
    "FRAMEWORK_WAITING": "WAITING",
    "APPLICATION_CREATED": "WAITING",
    "APPLICATION_LAUNCHED": "WAITING",
    "APPLICATION_WAITING": "WAITING",
    "APPLICATION_RETRIEVING_DIAGNOSTICS": "WAITING",
    "APPLICATION_COMPLETED": "WAITING",
    "APPLICATION_RUNNING": "RUNNING",
}
TASKS = {
    "TASK_WAITING": "WAITING",
    "CONTAINER_REQUESTED": "WAITING",
    "CONTAINER_ALLOCATED": "WAITING",
    "CONTAINER_LAUNCHED": "WAITING",
    "CONTAINER_COMPLETED": "WAITING",
    "CONTAINER_RUNNING": "RUNNING",
}


def test_the_tables_hold_every_state_but_the_last() -> None:
    assert {*JOBS, "FRAMEWORK_COMPLETED"} == {state.value for state in FrameworkState}
    assert {*TASKS, "TASK_COMPLETED"} == {state.value for state in TaskState}


@given(code=codes)
@pytest.mark.parametrize(("framework", "job"), JOBS.items())
def test_an_unfinished_job_has_its_state_whatever_its_code(
    framework: str, job: str, code: int | None
) -> None:
    assert job_state(FrameworkState(framework), code) == JobState(job)


@given(code=codes)
@pytest.mark.parametrize(("container", "task"), TASKS.items())
def test_an_unfinished_task_has_its_state_whatever_its_code(
    container: str, task: str, code: int | None
) -> None:
    assert task_state(TaskState(container), code) == JobState(task)


@given(code=codes)
def test_a_completed_job_is_told_by_its_code(code: int | None) -> None:
    state = job_state(FrameworkState.FRAMEWORK_COMPLETED, code)

    expected = {0: JobState.SUCCEEDED, EXIT_STOPPED: JobState.STOPPED}
    assert state is expected.get(-1 if code is None else code, JobState.FAILED)
    assert state in ENDED


@given(code=codes)
def test_a_completed_task_is_told_by_its_code(code: int | None) -> None:
    state = task_state(TaskState.TASK_COMPLETED, code)

    expected = {0: JobState.SUCCEEDED, EXIT_TASK_STOPPED: JobState.STOPPED}
    assert state is expected.get(-1 if code is None else code, JobState.FAILED)


@pytest.mark.parametrize("code", [0, -7351])
def test_the_two_codes_of_a_job_that_did_not_fail(code: int) -> None:
    assert job_state(FrameworkState.FRAMEWORK_COMPLETED, code) is not JobState.FAILED
    assert EXIT_STOPPED == -7351
    assert EXIT_TASK_STOPPED == -7400


@given(code=codes)
def test_what_is_not_known_is_unknown(code: int | None) -> None:
    assert job_state(None, code) is JobState.UNKNOWN
    assert task_state(None, code) is JobState.UNKNOWN
