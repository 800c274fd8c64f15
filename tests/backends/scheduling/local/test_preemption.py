"""Whether what was borrowed is taken back, with real processes."""

from __future__ import annotations

from jobyard.domain.states import JobState
from jobyard.domain.status import ExitType, RetryCounts
from jobyard.domain.virtual_cluster import CapacityPlan, VirtualClusterShare
from jobyard_backends.scheduling.local.scheduler import LocalScheduler

from .world import OWNER, SLEEP, World, ended, in_state, operation, reaching, role

SHARES = (VirtualClusterShare("default", 50, 100), VirtualClusterShare("vc1", 50, 100))


async def share(scheduler: LocalScheduler) -> None:
    await scheduler.apply(CapacityPlan((await scheduler.quotas()).version, SHARES))


async def test_the_newest_borrower_makes_room_and_starts_again_when_there_is_some(
    world: World,
) -> None:
    old, new = (world.job(role(SLEEP, cpu_number=2), name=name) for name in ("old", "new"))
    owed = world.job(role(SLEEP, cpu_number=2), name="owed", virtual_cluster="vc1")
    async with world.open(cpus=4, preempt=True) as scheduler:
        await share(scheduler)
        for job in (old, new):
            await scheduler.submit(job)
            await in_state(scheduler, job, JobState.RUNNING)
        await scheduler.submit(owed)
        await in_state(scheduler, owed, JobState.RUNNING)
        waits = await in_state(scheduler, new, JobState.WAITING)
        kept = await scheduler.job(old.name)
        await scheduler.stop(owed.ref, OWNER, operation())
        again = await reaching(
            scheduler,
            new,
            lambda each: each.attempt == 1 and each.summary.state is JobState.RUNNING,
        )
        stopped = await scheduler.job(new.name, 0)
        for job in (old, new):
            await scheduler.stop(job.ref, OWNER, operation())
            await ended(scheduler, job)

    assert kept.summary.state is JobState.RUNNING
    assert stopped.summary.exit_code == -7120
    assert stopped.exit.exit_type is ExitType.TRANSIENT_NORMAL
    assert "what virtual cluster default had borrowed" in (stopped.exit.diagnostics or "")
    assert waits.summary.retries == again.summary.retries == RetryCounts(platform=1)


async def test_without_preemption_what_is_borrowed_comes_back_as_jobs_end(world: World) -> None:
    first = world.job(role("echo up; until test -e go; do sleep 0.02; done"), name="first")
    second = world.job(role(SLEEP), name="second")
    owed = world.job(role(SLEEP), name="owed", virtual_cluster="vc1")
    more = world.job(role(SLEEP), name="more")
    async with world.open(cpus=2) as scheduler:
        await share(scheduler)
        for job in (first, second):
            await scheduler.submit(job)
            await in_state(scheduler, job, JobState.RUNNING)
        for job in (more, owed):
            await scheduler.submit(job)
        why = (await scheduler.job(owed.name)).waiting
        (world.folder(first) / "work" / "go").touch()
        await in_state(scheduler, owed, JobState.RUNNING)
        left = (await scheduler.job(more.name)).summary.state
        for job in (second, owed, more):
            await scheduler.stop(job.ref, OWNER, operation())
            await ended(scheduler, job)

    assert why is not None
    assert why.queue_position == 1
    assert left is JobState.WAITING
