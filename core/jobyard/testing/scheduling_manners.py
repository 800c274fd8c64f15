"""Rules of good manners: cancellation, the event loop, and clusters that cannot be reached."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import pytest

from jobyard.domain import capacity
from jobyard.domain.job import JobSubmission
from jobyard.domain.states import JobState
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import NotSent, Presence
from jobyard.testing.conformance import requires
from jobyard.testing.jobs import OWNER, operation, role, submission
from jobyard.testing.probes import cancelled_at_each_await, never_blocks
from jobyard.testing.scheduling_clusters import NAME, SHARE, WHOLE, shares_of
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial
from jobyard.testing.supplied import supplied


class CancellationRules(SchedulingSuite):
    """Cancel calls wherever they can be cancelled; what was begun is done, or was not begun."""

    async def test_reading_may_be_cancelled(self, trial: Trial) -> None:
        """Whatever is read can be read again after a cancellation."""
        job = await trial.waiting()
        scheduler = trial.scheduler

        async def refusal() -> None:
            await scheduler.refusal(job)

        # One by one: what swallows a cancellation is found out by nothing that comes after it.
        reads: tuple[Callable[[], Awaitable[object]], ...] = (
            scheduler.jobs,
            lambda: scheduler.job(job.name),
            lambda: scheduler.find_submission(job.ref),
            scheduler.quotas,
            scheduler.nodes,
            refusal,
            scheduler.ping,
        )
        for read in reads:
            await cancelled_at_each_await(read, still_works=read)

    async def test_a_submission_may_be_cancelled(self, trial: Trial) -> None:
        """A submission that was cancelled is there or is not, and the same can come again."""
        oversized = await trial.oversized()
        tried: list[JobSubmission] = []

        async def submit() -> None:
            tried.append(submission(oversized))
            await trial.submit(tried[-1])

        async def whole() -> None:
            job = tried[-1]
            presence = await trial.scheduler.find_submission(job.ref)
            assert presence in {Presence.OURS, Presence.ABSENT}
            assert await trial.knows(job.name) is (presence is Presence.OURS)
            await trial.submit(job)
            assert await trial.scheduler.find_submission(job.ref) is Presence.OURS

        await cancelled_at_each_await(submit, still_works=whole)

    async def test_a_stop_may_be_cancelled(self, trial: Trial) -> None:
        """A stop that was cancelled can come again by its id, and has its effect."""
        tried: list[JobSubmission] = [await trial.waiting()]
        stop = [operation()]

        async def ask() -> None:
            await trial.scheduler.stop(tried[-1].ref, OWNER, stop[-1])

        async def again() -> None:
            await ask()
            assert (await trial.status(tried[-1])).summary.state is JobState.STOPPED
            tried.append(await trial.waiting())
            stop.append(operation())

        await cancelled_at_each_await(ask, still_works=again)

    async def test_a_delete_may_be_cancelled(self, trial: Trial) -> None:
        """A delete that was cancelled can come again, and has its effect."""
        tried: list[JobSubmission] = [await trial.waiting()]

        async def delete() -> None:
            await trial.scheduler.delete(tried[-1].ref, OWNER, operation())

        async def again() -> None:
            await trial.deleted(tried[-1].ref)
            assert not await trial.knows(tried[-1].name)
            tried.append(await trial.waiting(tried[-1].config.name))

        await cancelled_at_each_await(delete, still_works=again)

    @requires(Capability.CAPACITY)
    async def test_a_plan_may_be_cancelled(self, trial: Trial) -> None:
        """A plan that was cancelled came true as a whole, or changed nothing."""
        plans = [capacity.updated(await trial.scheduler.quotas(), NAME, SHARE, WHOLE)]
        before = [await trial.scheduler.quotas()]

        async def apply() -> None:
            await trial.scheduler.apply(plans[-1])

        async def whole() -> None:
            state = await trial.scheduler.quotas()
            wanted = {share.name: share for share in plans[-1].shares}
            assert state.version == before[-1].version or shares_of(state) == wanted
            assert shares_of(state) in (shares_of(before[-1]), wanted)
            before.append(state)
            share = SHARE + len(plans) / 10
            plans.append(capacity.updated(state, NAME, share, WHOLE))

        await cancelled_at_each_await(apply, still_works=whole)


class LoopRules(SchedulingSuite):
    """Have the event loop answer while the scheduler works."""

    async def test_the_event_loop_is_never_blocked(self, trial: Trial) -> None:
        """No call keeps the loop from others for more than 50 ms, nor does a job's life."""
        for name, call in self._calls(trial).items():
            await self._never_blocks(name, call)

    @staticmethod
    async def _never_blocks(name: str, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await never_blocks(call)
        except AssertionError as error:
            message = f"{name}: {error}"
            raise AssertionError(message) from error

    @staticmethod
    def _calls(trial: Trial) -> dict[str, Callable[[], Awaitable[object]]]:
        scheduler = trial.scheduler

        async def life() -> None:
            job = await trial.submitted(role(trial.commands.speak))
            await trial.ended(job)
            await trial.deleted(job.ref)

        async def stopped() -> None:
            job = await trial.submitted(role(trial.commands.wait))
            await trial.stop(job)
            await trial.ended(job)

        async def refused() -> None:
            await scheduler.refusal(submission(role(trial.commands.succeed)))

        return {
            "the life of a job": life,
            "a stop": stopped,
            "jobs()": scheduler.jobs,
            "quotas()": scheduler.quotas,
            "nodes()": scheduler.nodes,
            "refusal()": refused,
            "ping()": scheduler.ping,
        }


class OutageRules(SchedulingSuite):
    """Cut the cluster off; these need the fixture ``outage``."""

    @supplied("outage")
    async def test_while_it_is_down_everything_is_unavailable(
        self, trial: Trial, outage: AbstractContextManager[object]
    ) -> None:
        """Every call raises Unavailable; none has an answer, and none says NotFound."""
        job = await trial.running()
        scheduler = trial.scheduler
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "ping": scheduler.ping,
            "jobs": scheduler.jobs,
            "job": lambda: scheduler.job(job.name),
            "find_submission": lambda: scheduler.find_submission(job.ref),
            "stop": lambda: trial.stop(job),
            "start": lambda: scheduler.start(job.ref, OWNER, operation()),
            "delete": lambda: scheduler.delete(job.ref, OWNER, operation()),
            "quotas": scheduler.quotas,
        }
        with outage:
            for name, call in calls.items():
                await self._unavailable(name, call)
        assert (await trial.status(job)).summary.state is JobState.RUNNING

    @supplied("outage")
    async def test_a_submission_that_never_left_is_not_sent(
        self, trial: Trial, outage: AbstractContextManager[object]
    ) -> None:
        """Where nobody can be reached a submission raises NotSent, and may come again later."""
        job = submission(role(trial.commands.succeed))
        with outage, pytest.raises(NotSent):
            await trial.submit(job)

        assert await trial.scheduler.find_submission(job.ref) is Presence.ABSENT
        await trial.submit(job)
        assert (await trial.ended(job)).summary.state is JobState.SUCCEEDED

    @staticmethod
    async def _unavailable(name: str, call: Callable[[], Awaitable[object]]) -> None:
        try:
            answer = await call()
        except Unavailable:
            return
        except NotFound:
            pytest.fail(f"{name}: NotFound, though nobody could be asked")
        pytest.fail(f"{name}: answered {answer!r}, though nobody could be asked")
