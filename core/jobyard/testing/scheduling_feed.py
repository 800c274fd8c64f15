"""Rules of the feed (capability ``FEED``): every change, from a version on, without a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio
import pytest
from attrs import define, field

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import ENDED
from jobyard.domain.status import JobSummary
from jobyard.errors import NotSupported
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import Changed, FeedEvent, JobFeed, Synced, Vanished
from jobyard.testing.conformance import lacks, requires
from jobyard.testing.jobs import role
from jobyard.testing.scheduling_suite import SchedulingSubject, SchedulingSuite, Trial

NEVER_WAS: Final = "no version of any cluster"


@define
class Listener:
    """Keep what a feed told: the jobs as they are by it, and its last version."""

    jobs: dict[FrameworkName, JobSummary] = field(factory=dict)
    vanished: set[FrameworkName] = field(factory=set)
    synced: str | None = None
    lost: bool = False
    over: bool = False

    def hear(self, event: FeedEvent) -> None:
        """Note an event."""
        if isinstance(event, Changed):
            self.jobs[event.job.name] = event.job
        elif isinstance(event, Vanished):
            self.jobs.pop(event.name, None)
            self.vanished.add(event.name)
        elif isinstance(event, Synced):
            self.synced = event.version
        else:
            self.lost = True


@asynccontextmanager
async def listening(trial: Trial, since: str | None) -> AsyncIterator[Listener]:
    """Listen to a feed while the block runs."""
    source = trial.scheduler
    assert isinstance(source, JobFeed), "FEED is declared, and there is no changes()"
    feed, listener = source, Listener()

    async def listen() -> None:
        async for event in feed.changes(since):
            listener.hear(event)
        listener.over = True

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        yield listener
        group.cancel_scope.cancel()


async def heard(trial: Trial, what: str, enough: Callable[[], bool]) -> None:
    """Wait until a feed has told something."""

    async def there() -> bool:
        return enough()

    await trial.until(f"in the feed {what}", there)


class FeedRules(SchedulingSuite):
    """Hold ``changes`` against the seam."""

    @requires(Capability.FEED)
    async def test_a_feed_begins_with_all_jobs(self, trial: Trial) -> None:
        """From ``None`` on every job is told, and then that this was all."""
        jobs = [await trial.running(), await trial.submitted()]
        await trial.ended(jobs[1])
        async with listening(trial, None) as listener:
            await heard(trial, "Synced", lambda: listener.synced is not None)
            told = dict(listener.jobs)

        listed = {each.name: each for each in (await trial.scheduler.jobs()).items}
        assert told == listed
        assert {job.name for job in jobs} <= told.keys()

    @requires(Capability.FEED)
    async def test_changes_are_told_as_they_come(self, trial: Trial) -> None:
        """A new job, its end and its removal are told to whoever listens."""
        async with listening(trial, None) as listener:
            await heard(trial, "Synced", lambda: listener.synced is not None)
            job = await trial.submitted()
            await heard(trial, "the new job", lambda: job.name in listener.jobs)
            await heard(trial, "its end", lambda: listener.jobs[job.name].state in ENDED)
            version = listener.synced
            await trial.deleted(job.ref)
            await heard(trial, "its removal", lambda: job.name in listener.vanished)
            await heard(trial, "another Synced", lambda: listener.synced != version)

    @requires(Capability.FEED)
    async def test_a_feed_goes_on_after_a_version(self, trial: Trial) -> None:
        """What changed while nobody listened is told from the last version on."""
        old = await trial.running()
        async with listening(trial, None) as listener:
            await heard(trial, "Synced", lambda: listener.synced is not None)
        new = await trial.submitted(role(trial.commands.fail))
        await trial.ended(new)
        await trial.deleted(old.ref)
        async with listening(trial, listener.synced) as later:
            await heard(trial, "Synced", lambda: later.synced is not None)
            await heard(trial, "what came", lambda: new.name in later.jobs)
            await heard(trial, "what went", lambda: old.name in later.vanished)

        assert not later.lost
        assert later.jobs[new.name] == (await trial.status(new)).summary

    @requires(Capability.FEED)
    async def test_there_is_no_gap_after_a_list(self, trial: Trial) -> None:
        """``jobs`` and then ``changes`` since its version come to what ``jobs`` gives later."""
        going, staying = await trial.running(), await trial.running()
        for job in (going, staying):
            await trial.showing(job, "at all", lambda _: True)
        snapshot = await trial.scheduler.jobs()
        await trial.deleted(going.ref)
        new = await trial.submitted()
        async with listening(trial, snapshot.version) as listener:
            listener.jobs = {each.name: each for each in snapshot.items} | listener.jobs
            await trial.stop(staying)
            for job in (new, staying):
                await trial.ended(job)
            own = {job.name: (await trial.status(job)).summary for job in (new, staying)}
            await heard(trial, "all", lambda: listener.lost or listener.jobs == own)

        assert not listener.lost

    @requires(Capability.FEED)
    async def test_an_unknown_version_is_lost(self, trial: Trial) -> None:
        """From a version that is not known (any more), ``Lost`` is told, and the feed ends."""
        async with listening(trial, NEVER_WAS) as listener:
            await heard(trial, "Lost", lambda: listener.lost)
            await heard(trial, "its end", lambda: listener.over)

        assert listener.jobs == {}

    @lacks(Capability.FEED)
    async def test_an_undeclared_feed_is_not_there(self, subject: SchedulingSubject) -> None:
        """Without FEED there is no ``changes``, or it says NotSupported."""
        if not isinstance(subject.backend, JobFeed):
            return
        with pytest.raises(NotSupported):
            await anext(aiter(subject.backend.changes(None)))
