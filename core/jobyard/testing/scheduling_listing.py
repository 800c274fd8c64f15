"""Rules of ``jobs``: every job, at a version that says when something has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from jobyard.clock import SystemClock
from jobyard.domain.states import ENDED
from jobyard.domain.status import JobSummary
from jobyard.seams.scheduling import Snapshot
from jobyard.testing.jobs import OWNER, operation, role
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial


class ListingRules(SchedulingSuite):
    """Hold ``jobs`` against the seam."""

    async def test_a_list_is_whole(self, trial: Trial) -> None:
        """Jobs in every phase are listed, once each, in a snapshot that is complete."""
        jobs = [await trial.waiting(), await trial.running(), await trial.submitted()]
        for job in jobs:
            await trial.showing(job, "at all", lambda _: True)
        await trial.ended(jobs[-1])
        snapshot = await trial.scheduler.jobs()

        names = [each.name for each in snapshot.items]
        assert len(set(names)) == len(names), "a name is listed twice"
        assert {job.name for job in jobs} <= set(names)
        assert snapshot.complete
        assert 0 < snapshot.as_of <= SystemClock().now()

    async def test_list_and_detail_agree(self, trial: Trial) -> None:
        """A job that changes no more is the same in the list as by itself."""
        job = await trial.submitted(role(trial.commands.fail), retry_count=1)
        status = await trial.ended(job)

        await trial.showing(job, f"as {status.summary}", lambda each: each == status.summary)

    async def test_equal_versions_promise_equal_items(self, trial: Trial) -> None:
        """Over the life of a job, snapshots of one version are all the same."""
        seen: dict[str, frozenset[JobSummary]] = {}
        job = await trial.submitted(role(trial.commands.speak), retry_count=-2)

        async def look() -> bool:
            snapshot = await trial.scheduler.jobs()
            items = frozenset(snapshot.items)
            assert seen.setdefault(snapshot.version, items) == items, (
                f"version {snapshot.version} was given for different items"
            )
            return any(each.name == job.name and each.retries.total for each in items)

        await trial.until("a retry in the list", look)
        await trial.stop(job)
        await trial.ended(job)
        await look()
        await trial.deleted(job.ref)
        await look()

    async def test_every_change_changes_the_version(self, trial: Trial) -> None:
        """A submission, an end, an operation and a delete each make another version."""
        job = await trial.waiting()

        async def submit() -> None:
            await trial.submitted()

        async def stop() -> None:
            await trial.stop(job)

        async def start() -> None:
            await trial.scheduler.start(job.ref, OWNER, operation())

        async def delete() -> None:
            await trial.deleted(job.ref)

        await self._changes(trial, "a submission", submit)
        await self._changes(trial, "a stop", stop)
        await self._changes(trial, "a start", start)
        await self._changes(trial, "a delete", delete)

    async def test_an_end_changes_the_version(self, trial: Trial) -> None:
        """A job that runs, and then has ended, is listed at two versions."""
        job = await trial.running()
        before = await trial.scheduler.jobs()
        await trial.stop(job)
        await trial.showing(job, "at its end", lambda each: each.state in ENDED)

        after = await trial.scheduler.jobs()
        assert before.version != after.version

    @staticmethod
    async def _changes(trial: Trial, what: str, change: Callable[[], Awaitable[None]]) -> None:
        before: Snapshot[JobSummary] = await trial.scheduler.jobs()
        await change()

        async def changed() -> bool:
            after = await trial.scheduler.jobs()
            return after.version != before.version and after.items != before.items

        await trial.until(f"another version after {what}", changed)
