"""What a scheduler tells of jobs and tasks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import FrameworkState, JobState, TaskState, job_state, task_state
from jobyard.domain.status import AttemptExit, JobStatus, JobSummary, RetryCounts, TaskStatus

counts = st.integers(0, 10**6)
codes = st.one_of(st.none(), st.integers(-8000, 255))
NAME = FrameworkName("alice", "fit")


@given(user=counts, platform=counts, resource=counts)
def test_retries_are_the_sum_of_their_causes(user: int, platform: int, resource: int) -> None:
    assert RetryCounts(user, platform, resource).total == user + platform + resource


@given(framework=st.one_of(st.none(), st.sampled_from(FrameworkState)), code=codes)
def test_a_summary_tells_the_state_of_its_framework(
    framework: FrameworkState | None, code: int | None
) -> None:
    summary = JobSummary(NAME, None, "alice", framework_state=framework, exit_code=code)

    assert summary.state is job_state(framework, code)


@given(container=st.one_of(st.none(), st.sampled_from(TaskState)), code=codes)
def test_a_task_tells_the_state_of_its_container(
    container: TaskState | None, code: int | None
) -> None:
    task = TaskStatus(0, container_state=container, exit_code=code)

    assert task.state is task_state(container, code)


def test_a_job_of_which_nothing_is_known_but_its_name_waits() -> None:
    status = JobStatus(JobSummary(NAME, None, None))

    assert status.summary.state is JobState.WAITING
    assert status.summary.retries == RetryCounts()
    assert status.exit.exit_type is None


def test_what_utf8_cannot_hold_is_replaced_in_what_is_said_of_an_end() -> None:
    told = AttemptExit(diagnostics="a\ud800b é", trigger_message="c\udfffd")

    assert (told.diagnostics, told.trigger_message) == ("a?b é", "c?d")
    assert AttemptExit().diagnostics is None
