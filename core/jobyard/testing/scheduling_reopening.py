"""Rules of a restart: the gateway ends and comes again, and its jobs do not notice."""

from __future__ import annotations

import pytest

from jobyard.domain import capacity
from jobyard.domain.states import ExecutionType, JobState
from jobyard.errors import NotFound
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import JobExists, Presence
from jobyard.testing.conformance import Reopen, requires
from jobyard.testing.jobs import OWNER, Commands, another, operation, role
from jobyard.testing.scheduling_clusters import NAME, SHARE, WHOLE, shares_of
from jobyard.testing.scheduling_suite import (
    SchedulingSuite,
    left_running,
    on_trial,
)


class ReopeningRules(SchedulingSuite):
    """Close the scheduler, and open it again on the same state."""

    async def test_jobs_are_there_after_a_restart(
        self, reopen: Reopen, commands: Commands, patience: float
    ) -> None:
        """What ran goes on in its attempt, what waited waits, what ended is as it was."""
        async with reopen() as first, left_running(first, commands, patience) as trial:
            running, waiting = await trial.running(), await trial.waiting()
            failed = await trial.submitted(role(commands.fail), retry_count=1)
            before = [await trial.ended(failed), await trial.status(running)]
            version = (await trial.scheduler.jobs()).version
        async with reopen() as second, on_trial(second, commands, patience) as later:
            later.adopt(running, waiting, failed)
            assert await later.status(failed) == before[0]
            assert (await later.status(failed, 0)).attempt == 0
            assert (await later.status(waiting)).summary.state is JobState.WAITING
            status = await later.status(running)
            assert (status.summary.state, status.attempt) == (JobState.RUNNING, before[1].attempt)
            for job in (running, waiting, failed):
                assert await later.scheduler.find_submission(job.ref) is Presence.OURS
                with pytest.raises(JobExists):
                    await later.submit(another(job))
                await later.showing(job, "at all", lambda _: True)
            await later.stop(running)
            assert (await later.ended(running)).summary.state is JobState.STOPPED
            assert (await later.scheduler.jobs()).version != version

    async def test_a_job_may_end_while_nobody_looks(
        self, reopen: Reopen, commands: Commands, patience: float
    ) -> None:
        """A job that was just handed over comes to its end after a restart, and succeeds once."""
        async with reopen() as first, left_running(first, commands, patience) as trial:
            job = await trial.submitted(role(commands.speak))
        async with reopen() as second, on_trial(second, commands, patience) as later:
            later.adopt(job)
            status = await later.ended(job)

            assert (status.summary.state, status.attempt) == (JobState.SUCCEEDED, 0)

    async def test_what_was_decided_stays_decided(
        self, reopen: Reopen, commands: Commands, patience: float
    ) -> None:
        """Stops and deletes hold after a restart, and an operation is not done again."""
        stop = operation()
        async with reopen() as first, left_running(first, commands, patience) as trial:
            stopped, deleted = await trial.waiting(), await trial.running()
            await trial.scheduler.stop(stopped.ref, OWNER, stop)
            await trial.scheduler.start(stopped.ref, OWNER, operation())
            await trial.scheduler.delete(deleted.ref, OWNER, operation())
        async with reopen() as second, on_trial(second, commands, patience) as later:
            later.adopt(stopped, deleted)
            await later.scheduler.stop(stopped.ref, OWNER, stop)
            summary = (await later.status(stopped)).summary
            assert (summary.state, summary.execution_type) == (
                JobState.STOPPED,
                ExecutionType.START,
            )
            with pytest.raises(NotFound):
                await later.status(deleted)
            assert await later.scheduler.find_submission(deleted.ref) is Presence.ABSENT

    @requires(Capability.CAPACITY)
    async def test_shares_are_there_after_a_restart(self, reopen: Reopen) -> None:
        """The virtual clusters are what the last plan made of them."""
        async with reopen() as first:
            plan = capacity.updated(await first.backend.quotas(), NAME, SHARE, WHOLE)
            await first.backend.apply(plan)
        async with reopen() as second:
            state = await second.backend.quotas()

            assert shares_of(state) == {share.name: share for share in plan.shares}
            await second.backend.apply(capacity.removed(state, NAME))
