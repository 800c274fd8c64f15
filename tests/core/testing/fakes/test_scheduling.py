"""What a test can make of a fake cluster, beyond what every scheduler does."""

from __future__ import annotations

import anyio
import pytest

from jobyard.domain.job import JobSubmission
from jobyard.domain.node import NodeShape
from jobyard.domain.states import JobState
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.scheduling import NotSent, OutcomeUnknown, Presence, Refused
from jobyard.testing.fakes.scheduling import FakeScheduler
from jobyard.testing.jobs import OWNER, operation, role, submission


async def state(cluster: FakeScheduler, job: JobSubmission) -> JobState:
    return (await cluster.job(job.name)).summary.state


async def submitted(
    cluster: FakeScheduler, command: str, *, cpus: int = 1, retry_count: int = 0
) -> JobSubmission:
    job = submission(role(command, cpus=cpus), retry_count=retry_count)
    await cluster.submit(job)
    return job


async def test_a_job_goes_on_when_the_test_says_so() -> None:
    cluster = FakeScheduler()
    job = await submitted(cluster, "true")

    seen = [await state(cluster, job)]
    while cluster.step():
        seen.append(await state(cluster, job))

    assert seen == [JobState.WAITING, JobState.WAITING, JobState.RUNNING, JobState.SUCCEEDED]


async def test_a_running_job_ends_as_the_test_says() -> None:
    cluster = FakeScheduler()
    job = await submitted(cluster, "sleep 60")
    cluster.settle()
    before = await state(cluster, job)
    cluster.finish(job.name, 9)

    status = await cluster.job(job.name)
    assert before is JobState.RUNNING
    assert (status.summary.state, status.summary.exit_code) == (JobState.FAILED, 9)


async def test_a_back_off_takes_virtual_time() -> None:
    cluster = FakeScheduler()
    job = await submitted(cluster, "exit 1", retry_count=-1)
    cluster.settle()
    first = (await cluster.job(job.name)).attempt
    cluster.advance(0.9)
    cluster.settle()
    early = (await cluster.job(job.name)).attempt
    cluster.advance(0.1)
    cluster.settle()

    assert (first, early, (await cluster.job(job.name)).attempt) == (0, 0, 1)


async def test_a_job_waits_for_the_place_of_another() -> None:
    cluster = FakeScheduler(nodes=[NodeShape(1, cpus=4, memory_mb=1000)])
    first = await submitted(cluster, "sleep 60", cpus=3)
    second = await submitted(cluster, "true", cpus=2)
    cluster.settle()
    waiting = await state(cluster, second)
    cluster.finish(first.name)
    cluster.settle()

    assert (waiting, await state(cluster, second)) == (JobState.WAITING, JobState.SUCCEEDED)


async def test_a_call_fails_before_it_does_anything() -> None:
    cluster = FakeScheduler()
    cluster.fail_next(Refused("full", status=429, retry_after=7), on="submit")
    job = submission(role("true"))
    with pytest.raises(Refused):
        await cluster.submit(job)
    absent = await cluster.find_submission(job.ref)
    await cluster.submit(job)

    assert (absent, await cluster.find_submission(job.ref)) == (Presence.ABSENT, Presence.OURS)
    assert cluster.calls["submit"] == 2


async def test_an_answer_is_lost_after_all_was_done() -> None:
    cluster = FakeScheduler()
    cluster.lose_next(OutcomeUnknown("cut off"), on="submit")
    job = submission(role("true"))
    with pytest.raises(OutcomeUnknown):
        await cluster.submit(job)

    assert await cluster.find_submission(job.ref) is Presence.OURS


async def test_whichever_call_comes_next_fails_once() -> None:
    cluster = FakeScheduler()
    cluster.fail_next(Unavailable("hiccup"))
    with pytest.raises(Unavailable):
        await cluster.jobs()

    assert (await cluster.jobs()).items == ()


async def test_a_cluster_that_is_down_takes_nothing() -> None:
    cluster = FakeScheduler()
    job = await submitted(cluster, "true")
    cluster.down = True
    with pytest.raises(NotSent):
        await cluster.submit(submission(role("true")))
    with pytest.raises(Unavailable):
        await cluster.stop(job.ref, OWNER, operation())
    cluster.down = False

    assert (cluster.done, len((await cluster.jobs()).items)) == ([], 1)


async def test_a_call_can_be_held() -> None:
    cluster = FakeScheduler()
    gate = cluster.hold("submit")
    job = submission(role("true"))
    async with anyio.create_task_group() as group:
        group.start_soon(cluster.submit, job)
        with anyio.fail_after(10):
            while not gate.statistics().tasks_waiting:
                await anyio.lowlevel.checkpoint()
        held = await cluster.find_submission(job.ref)
        gate.set()

    assert (held, await cluster.find_submission(job.ref)) == (Presence.ABSENT, Presence.OURS)


async def test_operations_are_remembered_with_who_asked() -> None:
    cluster = FakeScheduler()
    job, stop, delete = await submitted(cluster, "true"), operation(), operation()
    await cluster.stop(job.ref, OWNER, stop)
    await cluster.stop(job.ref, OWNER, stop)
    await cluster.delete(job.ref, OWNER, delete)

    done = [(each.kind, each.name, each.actor, each.operation) for each in cluster.done]
    assert done == [("stop", job.name, OWNER, stop), ("delete", job.name, OWNER, delete)]


async def test_a_cluster_may_forget_a_job() -> None:
    cluster = FakeScheduler()
    job = await submitted(cluster, "true")
    before = (await cluster.jobs()).version
    cluster.forget(job.name)

    assert (await cluster.jobs()).version != before
    with pytest.raises(NotFound):
        await cluster.job(job.name)
