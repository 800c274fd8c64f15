"""Rules of completion and retry: which tasks decide a job, and how often it is tried."""

from __future__ import annotations

from typing import Final

import pytest

from jobyard.domain.states import EXIT_STOPPED, EXIT_TASK_STOPPED, JobState
from jobyard.domain.status import JobStatus
from jobyard.errors import NotFound
from jobyard.testing.jobs import role, submission
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial

SOME_RETRIES: Final = 2
"""After how many retries a job that is retried without limit is stopped."""


def codes(status: JobStatus, name: str) -> list[int | None]:
    """Give the exit codes of one role's tasks."""
    return [
        task.exit_code for each in status.task_roles if each.name == name for task in each.tasks
    ]


class CompletionRules(SchedulingSuite):
    """Hold completion against the contract, section 4.1."""

    async def test_a_failure_ends_the_job(self, trial: Trial) -> None:
        """A role's first failure fails the job, whose other tasks are stopped."""
        roles = (role(trial.commands.fail, "bad"), role(trial.commands.wait, "good", 2))
        status = await trial.ended(await trial.submitted(*roles))

        code = trial.commands.exit_code
        assert (status.summary.state, status.summary.exit_code) == (JobState.FAILED, code)
        assert codes(status, "bad") == [code]
        assert codes(status, "good") == [EXIT_TASK_STOPPED] * 2

    async def test_the_task_that_decided_is_named(self, trial: Trial) -> None:
        """The exit names the role and the index of the task that made the job fail."""
        roles = (role(trial.commands.wait, "good"), role(trial.commands.fail, "bad"))
        status = await trial.ended(await trial.submitted(*roles))

        assert (status.exit.trigger_role, status.exit.trigger_index) == ("bad", 0)
        assert status.exit.trigger_message

    async def test_failures_below_the_threshold_are_tolerated(self, trial: Trial) -> None:
        """A job fails at ``minFailedTaskCount`` failures of a role, and not before."""
        bad = trial.commands.fail
        two = await trial.submitted(
            role(bad, "bad", 2, min_failed=2), role(trial.commands.succeed, "good")
        )
        one = await trial.submitted(role(bad, "bad", 1, min_failed=2))
        status = await trial.ended(two)

        assert (status.summary.state, status.summary.exit_code) == (
            JobState.FAILED,
            trial.commands.exit_code,
        )
        assert codes(status, "bad") == [trial.commands.exit_code] * 2
        assert (await trial.ended(one)).summary.state is JobState.SUCCEEDED

    async def test_a_role_without_a_threshold_fails_no_job(self, trial: Trial) -> None:
        """With ``minFailedTaskCount`` null a job goes on, and succeeds when all have ended."""
        roles = (
            role(trial.commands.fail, "bad", 2, min_failed=None),
            role(trial.commands.succeed, "good"),
        )
        status = await trial.ended(await trial.submitted(*roles))

        assert (status.summary.state, status.summary.exit_code) == (JobState.SUCCEEDED, 0)
        assert codes(status, "bad") == [trial.commands.exit_code] * 2

    async def test_enough_successes_end_the_job(self, trial: Trial) -> None:
        """A job succeeds at ``minSucceededTaskCount`` successes; the tasks that run are stopped."""
        roles = (
            role(trial.commands.succeed, "enough", 2, min_succeeded=2),
            role(trial.commands.wait, "running", 2),
        )
        status = await trial.ended(await trial.submitted(*roles))

        assert (status.summary.state, status.summary.exit_code) == (JobState.SUCCEEDED, 0)
        assert codes(status, "enough") == [0, 0]
        assert codes(status, "running") == [EXIT_TASK_STOPPED] * 2

    async def test_successes_without_a_threshold_end_no_job(self, trial: Trial) -> None:
        """With ``minSucceededTaskCount`` null a job runs as long as any of its tasks does."""
        job = await trial.submitted(
            role(trial.commands.succeed, "over"), role(trial.commands.wait, "running")
        )
        status = await trial.reaching(
            job, "with one role over", lambda each: codes(each, "over") == [0]
        )

        assert status.summary.state is JobState.RUNNING
        assert codes(status, "running") == [None]


class RetryRules(SchedulingSuite):
    """Hold retries against the contract, section 4.1."""

    async def test_without_retries_there_is_one_attempt(self, trial: Trial) -> None:
        """With ``retryCount`` 0 a failure is final."""
        job = await trial.submitted(role(trial.commands.fail))
        status = await trial.ended(job)

        assert status.attempt == 0
        assert status.summary.retries.total == 0
        with pytest.raises(NotFound):
            await trial.status(job, 1)

    async def test_a_failure_is_retried_so_often_and_no_more(self, trial: Trial) -> None:
        """With ``retryCount`` 2 a job that fails is tried three times, and then has failed."""
        job = await trial.submitted(role(trial.commands.fail), retry_count=2)
        status = await trial.ended(job)

        summary, retries = status.summary, status.summary.retries
        assert (summary.state, summary.exit_code) == (JobState.FAILED, trial.commands.exit_code)
        assert status.attempt == retries.total == 2
        assert retries.user == retries.total

    async def test_a_success_is_not_retried(self, trial: Trial) -> None:
        """With a positive ``retryCount``, and with -1, a success is final."""
        for count in (2, -1):
            status = await trial.ended(await trial.submitted(retry_count=count))
            assert (status.attempt, status.summary.state) == (0, JobState.SUCCEEDED)
            assert status.summary.retries.total == 0

    async def test_a_failure_is_retried_without_limit(self, trial: Trial) -> None:
        """With ``retryCount`` -1 a job that fails is tried until it is stopped."""
        await self._until_stopped(trial, trial.commands.fail, -1)

    async def test_every_end_is_retried_for_ever(self, trial: Trial) -> None:
        """With ``retryCount`` -2 a job that succeeds is tried again, until it is stopped."""
        await self._until_stopped(trial, trial.commands.succeed, -2)

    async def test_older_attempts_are_kept(self, trial: Trial) -> None:
        """``job`` gives each attempt by its number, with the exit code that it had."""
        job = await trial.submitted(role(trial.commands.fail), retry_count=1)
        last = await trial.ended(job)
        first = await trial.status(job, 0)

        assert (first.attempt, last.attempt) == (0, 1)
        assert (await trial.status(job, 1)).attempt == 1
        assert codes(first, "worker") == [trial.commands.exit_code]
        assert first.app_id != last.app_id or first.app_id is None

    async def test_what_is_not_there_is_not_found(self, trial: Trial) -> None:
        """``job`` raises NotFound for a name that is unknown, and for an attempt that is."""
        job = await trial.submitted()
        await trial.ended(job)
        for unknown in (1, 1000, -1):
            with pytest.raises(NotFound):
                await trial.status(job, unknown)
        for attempt in (None, 0):
            with pytest.raises(NotFound):
                await trial.status(submission(role(trial.commands.succeed)), attempt)

    @staticmethod
    async def _until_stopped(trial: Trial, command: str, retry_count: int) -> None:
        job = await trial.submitted(role(command), retry_count=retry_count)
        await trial.reaching(
            job,
            f"retried {SOME_RETRIES} times",
            lambda each: each.summary.retries.user >= SOME_RETRIES,
        )
        await trial.stop(job)
        status = await trial.ended(job)

        assert (status.summary.state, status.summary.exit_code) == (JobState.STOPPED, EXIT_STOPPED)
        assert status.summary.retries.total >= SOME_RETRIES
