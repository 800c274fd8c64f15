# ruff: noqa: ASYNC110 - what other processes do is looked for, in small files
"""What callers of the seam see of the embedded scheduler."""

from __future__ import annotations

import anyio
import pytest

from jobyard.domain.states import ExecutionType, JobState
from jobyard.domain.status import ExitType, WaitingCode
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import Conflict, Rejected
from jobyard.seams.scheduling import (
    JobExists,
    Presence,
    Refused,
    Removal,
)

from .world import (
    OWNER,
    SLEEP,
    World,
    appearing,
    ended,
    in_state,
    operation,
    role,
)


async def test_a_waiting_job_is_stopped_at_once_and_for_good(world: World) -> None:
    running, waiting = world.job(role(SLEEP), name="a"), world.job(name="b")
    async with world.open(cpus=1) as scheduler:
        await scheduler.submit(running)
        await in_state(scheduler, running, JobState.RUNNING)
        await scheduler.submit(waiting)
        why = (await scheduler.job(waiting.name)).waiting
        await scheduler.stop(waiting.ref, OWNER, operation())
        stopped = await scheduler.job(waiting.name)
        await scheduler.start(waiting.ref, OWNER, operation())
        again = await scheduler.job(waiting.name)
        await scheduler.stop(running.ref, OWNER, operation())
        await ended(scheduler, running)

    assert why is not None
    assert why.queue_position == 1
    assert stopped.summary.state is JobState.STOPPED
    assert stopped.summary.exit_code == -7351
    assert stopped.exit.exit_type is ExitType.NON_TRANSIENT
    assert stopped.task_roles[0].tasks[0].exit_code == -7400
    assert stopped.task_roles[0].tasks[0].state is JobState.STOPPED
    assert again.summary.state is JobState.STOPPED
    assert again.summary.execution_type is ExecutionType.START


async def test_a_stop_is_not_repeated_by_its_operation(world: World) -> None:
    job, stop = world.job(), operation()
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await ended(scheduler, job)
        await scheduler.stop(job.ref, OWNER, stop)
        await scheduler.start(job.ref, OWNER, operation())
        await scheduler.stop(job.ref, OWNER, stop)
        status = await scheduler.job(job.name)

    assert status.summary.execution_type is ExecutionType.START
    assert status.summary.state is JobState.SUCCEEDED


async def test_a_deleted_name_is_free_while_the_old_tasks_still_end(
    either_world: World,
) -> None:
    world = either_world
    stubborn = role("trap 'sleep 0.3; exit' TERM; echo up; while :; do sleep 0.05; done")
    old, new = world.job(stubborn), world.job()
    async with world.open() as scheduler:
        await scheduler.submit(old)
        await appearing(world.folder(old) / "stdout")
        removal = await scheduler.delete(old.ref, OWNER, operation())
        gone = await scheduler.find_submission(old.ref)
        await scheduler.submit(new)
        status = await ended(scheduler, new)
        with anyio.fail_after(10):
            while await scheduler.delete(old.ref, OWNER, operation()) is not Removal.DONE:
                await anyio.sleep(0.01)

    assert removal is Removal.GOING
    assert gone is Presence.ABSENT
    assert status.summary.state is JobState.SUCCEEDED
    assert not world.folder(old).parent.exists()
    assert world.folder(new).exists()


async def test_a_submission_is_taken_once_and_a_name_is_taken_once(world: World) -> None:
    job, other = world.job(), world.job()
    async with world.open() as scheduler:
        await scheduler.submit(job)
        await scheduler.submit(job)
        with pytest.raises(JobExists):
            await scheduler.submit(other)
        presence = [await scheduler.find_submission(each.ref) for each in (job, other)]
        snapshot = await scheduler.jobs()
        await ended(scheduler, job)
        later = await scheduler.jobs()

    assert presence == [Presence.OURS, Presence.OTHER]
    assert len(snapshot.items) == 1
    assert later.version != snapshot.version


async def test_queued_jobs_and_shares_are_there_after_a_restart(either_world: World) -> None:
    world = either_world
    job = world.job(role(cpu_number=999))
    share = VirtualClusterShare("default", 70, 100)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        version = (await scheduler.quotas()).version
        vc1 = VirtualClusterShare("vc1", 30, 30, VirtualClusterState.STOPPED)
        await scheduler.apply(CapacityPlan(version, (share, vc1)))
        with pytest.raises(Conflict):
            await scheduler.apply(CapacityPlan(version, (share,)))
        with pytest.raises(Rejected):
            await scheduler.apply(CapacityPlan(version, (vc1,)))
    async with world.open() as scheduler:
        quotas = await scheduler.quotas()
        status = await scheduler.job(job.name)

    assert [cluster.share for cluster in quotas.clusters] == [share, vc1]
    assert quotas.clusters[0].usage.pending_jobs == 1
    assert status.waiting is not None
    assert status.waiting.code is WaitingCode.LARGER_THAN_ANY_NODE


async def test_a_stopped_or_unknown_virtual_cluster_takes_no_new_jobs(world: World) -> None:
    async with world.open() as scheduler:
        stopped = VirtualClusterShare("vc1", 30, 30, VirtualClusterState.STOPPED)
        version = (await scheduler.quotas()).version
        plan = CapacityPlan(version, (VirtualClusterShare("default", 70), stopped))
        await scheduler.apply(plan)
        with pytest.raises(Refused, match="stopped"):
            await scheduler.submit(world.job(virtual_cluster="vc1"))
        with pytest.raises(Refused, match="not found"):
            await scheduler.submit(world.job(virtual_cluster="vc9"))
