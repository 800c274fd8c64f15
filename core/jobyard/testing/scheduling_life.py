"""Rules of a job's life: it runs, ends, is stopped, started and deleted."""

from __future__ import annotations

from typing import Final

import pytest

from jobyard.domain.identity import Actor
from jobyard.domain.states import (
    ENDED,
    EXIT_STOPPED,
    EXIT_TASK_STOPPED,
    ExecutionType,
    FrameworkState,
    JobState,
)
from jobyard.domain.status import ExitType, JobStatus, TaskStatus
from jobyard.errors import NotFound
from jobyard.seams.scheduling import Presence, Removal
from jobyard.testing.jobs import OWNER, another, operation, role, submission
from jobyard.testing.probes import leaks
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial

ORDER: Final = (
    FrameworkState.FRAMEWORK_WAITING,
    FrameworkState.APPLICATION_CREATED,
    FrameworkState.APPLICATION_LAUNCHED,
    FrameworkState.APPLICATION_WAITING,
    FrameworkState.APPLICATION_RUNNING,
    FrameworkState.APPLICATION_RETRIEVING_DIAGNOSTICS,
    FrameworkState.APPLICATION_COMPLETED,
    FrameworkState.FRAMEWORK_COMPLETED,
)


def tasks_of(status: JobStatus) -> list[TaskStatus]:
    """Give all tasks of a job."""
    return [task for each in status.task_roles for task in each.tasks]


class LifeRules(SchedulingSuite):
    """Hold what becomes of a job against the contract, section 4."""

    async def test_a_job_succeeds(self, trial: Trial) -> None:
        """A job whose tasks succeed ends as SUCCEEDED with 0, and says when."""
        job = await trial.submitted(role(trial.commands.succeed, tasks=2))
        status = await trial.ended(job)

        summary = status.summary
        assert (summary.state, summary.exit_code) == (JobState.SUCCEEDED, 0)
        assert summary.completed_at is not None
        assert status.exit.exit_type is ExitType.SUCCEEDED
        assert [(task.state, task.exit_code) for task in tasks_of(status)] == [
            (JobState.SUCCEEDED, 0)
        ] * 2

    async def test_a_job_fails_with_its_tasks_code(self, trial: Trial) -> None:
        """A job whose task fails ends as FAILED with the task's own exit code."""
        job = await trial.submitted(role(trial.commands.fail))
        status = await trial.ended(job)

        code = trial.commands.exit_code
        assert (status.summary.state, status.summary.exit_code) == (JobState.FAILED, code)
        assert [(task.state, task.exit_code) for task in tasks_of(status)] == [
            (JobState.FAILED, code)
        ]

    async def test_a_job_is_told_as_it_was_submitted(self, trial: Trial) -> None:
        """List and detail name the submitter, the virtual cluster, the time and the sizes."""
        roles = (role(trial.commands.wait, "a", 2), role(trial.commands.wait, "b.c~d", 3))
        job = await trial.submitted(*roles)
        status = await trial.in_state(job, JobState.RUNNING)

        running = JobState.RUNNING
        listed = await trial.showing(job, "running", lambda each: each.state is running)
        for told in (listed, status.summary):
            assert told.username == job.submitter
            assert told.virtual_cluster == job.config.virtual_cluster
            assert told.created_at == job.created_at
            assert (told.total_roles, told.total_tasks, told.total_gpus) == (2, 5, 0)
            assert told.execution_type is ExecutionType.START
            assert told.exit_code is None
            assert told.completed_at is None
        assert [(each.name, [task.index for task in each.tasks]) for each in status.task_roles] == [
            ("a", [0, 1]),
            ("b.c~d", [0, 1, 2]),
        ]

    async def test_states_come_in_their_order(self, trial: Trial) -> None:
        """The states of a job that is not retried never go back, and end as COMPLETED."""
        job = await trial.submitted(role(trial.commands.speak))
        seen: list[FrameworkState | None] = []

        def note(status: JobStatus) -> bool:
            seen.append(status.summary.framework_state)
            return status.summary.state in ENDED

        await trial.reaching(job, "at its end", note)
        places = [ORDER.index(state) for state in seen if state is not None]
        assert None not in seen
        assert places == sorted(places), seen

    async def test_a_running_task_can_be_found(self, trial: Trial) -> None:
        """A running task has a container of its own, an address, and the ports http and ssh."""
        job = await trial.running(role(trial.commands.wait, tasks=2))
        status = await trial.status(job)

        tasks = tasks_of(status)
        assert {task.state for task in tasks} == {JobState.RUNNING}
        assert len({task.container_id for task in tasks} - {None}) == len(tasks)
        for task in tasks:
            assert task.container_ip
            assert {port.label for port in task.ports} >= {"http", "ssh"}

    async def test_a_waiting_job_says_why(self, trial: Trial) -> None:
        """A job that waits gives a reason that a person can read."""
        job = await trial.waiting()
        status = await trial.reaching(job, "saying why it waits", lambda each: bool(each.waiting))

        assert status.summary.state is JobState.WAITING
        assert status.waiting is not None
        assert status.waiting.message

    async def test_a_running_job_is_stopped(self, trial: Trial) -> None:
        """A stopped job ends as STOPPED with -7351, and its tasks with -7400."""
        job = await trial.running(role(trial.commands.wait, tasks=2))
        await trial.stop(job)
        status = await trial.ended(job)

        summary = status.summary
        assert (summary.state, summary.exit_code) == (JobState.STOPPED, EXIT_STOPPED)
        assert summary.execution_type is ExecutionType.STOP
        assert summary.completed_at is not None
        assert {(task.state, task.exit_code) for task in tasks_of(status)} == {
            (JobState.STOPPED, EXIT_TASK_STOPPED)
        }

    async def test_a_waiting_job_is_stopped_at_once(self, trial: Trial) -> None:
        """A job that waits is STOPPED when ``stop`` returns."""
        job = await trial.waiting()
        await trial.stop(job)
        status = await trial.status(job)

        assert (status.summary.state, status.summary.exit_code) == (JobState.STOPPED, EXIT_STOPPED)
        assert {task.exit_code for task in tasks_of(status)} <= {EXIT_TASK_STOPPED}

    async def test_a_stop_of_an_ended_job_changes_what_is_wanted_alone(self, trial: Trial) -> None:
        """STOP on an ended job sets the execution type; state and exit code stay."""
        job = await trial.submitted(role(trial.commands.fail))
        before = (await trial.ended(job)).summary
        await trial.stop(job)
        after = (await trial.status(job)).summary

        assert after.execution_type is ExecutionType.STOP
        assert (after.state, after.exit_code) == (before.state, before.exit_code)
        assert after.completed_at == before.completed_at

    async def test_a_stop_is_final(self, trial: Trial) -> None:
        """START after STOP sets the execution type; the job stays STOPPED and runs no more."""
        waiting, running = await trial.waiting(), await trial.running()
        for job in (waiting, running):
            await trial.stop(job)
            await trial.scheduler.start(job.ref, OWNER, operation())
        for job in (waiting, running):
            before = await trial.ended(job)
            assert before.summary.state is JobState.STOPPED
            assert before.summary.execution_type is ExecutionType.START
            await trial.scheduler.start(job.ref, OWNER, operation())
            after = await trial.status(job)
            assert (after.summary.state, after.attempt) == (JobState.STOPPED, before.attempt)

    async def test_a_start_of_a_running_job_changes_nothing(self, trial: Trial) -> None:
        """START on a job that runs leaves it running, in the attempt that it is in."""
        job = await trial.running()
        before = await trial.status(job)
        await trial.scheduler.start(job.ref, OWNER, operation())
        after = await trial.status(job)

        assert (after.summary.state, after.attempt) == (JobState.RUNNING, before.attempt)
        assert after.summary.execution_type is ExecutionType.START

    async def test_an_operation_has_its_effect_once(self, trial: Trial) -> None:
        """An operation that comes again by its id is good, and changes nothing."""
        job = await trial.submitted()
        await trial.ended(job)
        first = operation()
        await trial.scheduler.stop(job.ref, OWNER, first)
        await trial.scheduler.start(job.ref, OWNER, operation())
        await trial.scheduler.stop(job.ref, OWNER, first)

        assert (await trial.status(job)).summary.execution_type is ExecutionType.START

    async def test_an_administrator_may_stop_and_delete(self, trial: Trial) -> None:
        """Who asks is the audit's business: the core has decided that it is allowed."""
        job, admin = await trial.running(), Actor("root", admin=True)
        await trial.scheduler.stop(job.ref, admin, operation())
        assert (await trial.ended(job)).summary.state is JobState.STOPPED

    async def test_what_is_not_there_cannot_be_started_or_stopped(self, trial: Trial) -> None:
        """START and STOP of an unknown job, or of another submission of a name, are NotFound."""
        job = await trial.running()
        unknown = submission(role(trial.commands.succeed))
        for ref in (unknown.ref, another(job).ref):
            with pytest.raises(NotFound):
                await trial.scheduler.start(ref, OWNER, operation())
            with pytest.raises(NotFound):
                await trial.scheduler.stop(ref, OWNER, operation())

        status = await trial.status(job)
        assert status.summary.state is JobState.RUNNING
        assert status.summary.execution_type is ExecutionType.START


class DeletionRules(SchedulingSuite):
    """Hold ``delete`` against the contract, section 4."""

    async def test_a_deleted_job_is_gone_at_once(self, trial: Trial) -> None:
        """A job that waits, runs or has ended cannot be read after its delete, nor soon listed."""
        waiting, running, over = (
            await trial.waiting(),
            await trial.running(),
            await trial.submitted(),
        )
        await trial.ended(over)
        for job in (waiting, running, over):
            await trial.scheduler.delete(job.ref, OWNER, operation())
            assert not await trial.knows(job.name), f"{job.name} can be read after its delete"
            await trial.unlisted(job)
            with pytest.raises(NotFound):
                await trial.scheduler.stop(job.ref, OWNER, operation())

    async def test_an_absent_job_is_deleted(self, trial: Trial) -> None:
        """The delete of an unknown job is DONE; so is one that comes again."""
        unknown = submission(role(trial.commands.succeed))
        delete = operation()

        assert await trial.scheduler.delete(unknown.ref, OWNER, delete) is Removal.DONE
        assert await trial.scheduler.delete(unknown.ref, OWNER, delete) is Removal.DONE

    async def test_a_deletion_comes_to_its_end(self, trial: Trial) -> None:
        """A delete that answered GOING is DONE some time after."""
        job = await trial.running(role(trial.commands.wait, tasks=2))

        await trial.deleted(job.ref)

    async def test_a_deleted_job_leaves_nothing_in_the_gateway(self, trial: Trial) -> None:
        """When a delete is DONE no task, thread, file, socket or process is left of the job."""
        async with leaks():
            job = await trial.running(role(trial.commands.speak_and_wait, tasks=2))
            await trial.deleted(job.ref)

    async def test_a_name_is_free_at_once(self, trial: Trial) -> None:
        """The name of a running job that is deleted can be taken before the old one has ended."""
        old = await trial.running()
        await trial.scheduler.delete(old.ref, OWNER, operation())
        new = await trial.submitted(name=old.config.name)

        status = await trial.ended(new)
        assert (status.summary.state, status.summary.submission) == (
            JobState.SUCCEEDED,
            new.submission,
        )

    async def test_an_old_incarnation_does_not_touch_the_new(self, trial: Trial) -> None:
        """The end of a deleted job, and operations on it, leave its namesake alone."""
        old = await trial.running()
        await trial.scheduler.delete(old.ref, OWNER, operation())
        new = await trial.running(name=old.config.name)
        with pytest.raises(NotFound):
            await trial.scheduler.stop(old.ref, OWNER, operation())
        await trial.deleted(old.ref)

        status = await trial.status(new)
        assert (status.summary.state, status.summary.submission) == (
            JobState.RUNNING,
            new.submission,
        )
        assert await trial.scheduler.find_submission(new.ref) is Presence.OURS
