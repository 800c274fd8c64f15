from __future__ import annotations

import anyio
import orjson
import pytest

from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import ExecutionType, FrameworkState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import NotFound, Unavailable, UnknownError
from jobyard.resilience import Guarded
from jobyard.seams.scheduling import Scheduler, Snapshot
from jobyard.services.board import Board, Overlay
from jobyard.testing.unsupported import UnsupportedScheduler


class HandClock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


class Cluster(UnsupportedScheduler):
    """A cluster that shows what the test says, and counts who asks."""

    def __init__(self, *shown: JobSummary) -> None:
        self.shown = list(shown)
        self.version = 1
        self.asked = 0
        self.down = False

    def show(self, *jobs: JobSummary) -> None:
        self.shown = list(jobs)
        self.version += 1

    async def jobs(self) -> Snapshot[JobSummary]:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise Unavailable("the cluster is down")
        return Snapshot(str(self.version), 0, tuple(self.shown))

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        if self.down:
            raise Unavailable("the cluster is down")
        for each in self.shown:
            if each.name == name and not attempt:
                return JobStatus(each)
        raise NotFound("none")


def summary(name: str, *, at: int = 1, submission: str = "s1", user: str = "alice") -> JobSummary:
    return JobSummary(
        name=FrameworkName(user, name),
        submission=SubmissionId(submission),
        username=user,
        created_at=at,
    )


def board(cluster: Cluster, clock: HandClock, *, stale_for: float = 60) -> Board:
    guard = Guarded[Scheduler]("scheduling.test", clock, timeout=5)
    guard.opened(cluster)
    return Board(guard, clock, max_age=1, stale_for=stale_for)


async def test_a_thousand_readers_cost_one_call() -> None:
    cluster = Cluster(summary("one"))
    target = board(cluster, HandClock())

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(target.view)

    assert cluster.asked == 1


async def test_lists_are_newest_first_and_select_by_submitter() -> None:
    cluster = Cluster(summary("a", at=1), summary("b", at=3), summary("c", at=2, user="bob"))
    view = await board(cluster, HandClock()).view()

    everybody = [item["name"] for item in orjson.loads(view.encoded())]
    alice = [item["name"] for item in orjson.loads(view.encoded("alice"))]

    assert everybody == ["b", "c", "a"]
    assert alice == ["b", "a"]


async def test_what_was_accepted_here_shows_before_the_cluster_shows_it() -> None:
    cluster, clock = Cluster(), HandClock()
    target = board(cluster, clock)
    await target.view()

    target.overlay.added(summary("new"))
    target.touch()

    assert await target.find(FrameworkName("alice", "new")) is not None
    detail = await target.detail(FrameworkName("alice", "new"))
    assert detail is not None
    assert detail.status.summary.framework_state is FrameworkState.FRAMEWORK_WAITING


async def test_what_was_deleted_here_is_hidden_until_the_cluster_forgets_it() -> None:
    old, new = summary("x", submission="s1"), summary("x", submission="s2")
    cluster = Cluster(old)
    target = board(cluster, HandClock())
    await target.view()

    target.overlay.removed(old.name, old.submission)
    target.touch()
    assert await target.find(old.name) is None
    assert await target.detail(old.name) is None

    cluster.show(new)
    target.touch()
    assert await target.find(old.name) == new


async def test_a_stop_shows_at_once() -> None:
    job = summary("x")
    target = board(Cluster(job), HandClock())
    await target.view()

    target.overlay.wanted(job, ExecutionType.STOP)
    target.touch()

    found = await target.find(job.name)
    assert found is not None
    assert found.execution_type is ExecutionType.STOP


async def test_the_remembered_is_answered_for_a_while_and_then_no_more() -> None:
    cluster, clock = Cluster(summary("x")), HandClock()
    target = board(cluster, clock, stale_for=60)
    await target.view()
    await target.detail(FrameworkName("alice", "x"))
    cluster.down = True

    clock.seconds += 30
    assert (await target.view()).stale
    detail = await target.detail(FrameworkName("alice", "x"))
    assert detail is not None
    assert detail.stale

    clock.seconds += 60
    with pytest.raises(UnknownError, match="the cluster is down"):
        await target.view()


async def test_the_version_changes_with_what_is_shown() -> None:
    cluster, clock = Cluster(summary("x")), HandClock()
    target = board(cluster, clock)
    first = (await target.view()).version
    clock.seconds += 2
    assert (await target.view()).version == first

    cluster.show(summary("x"), summary("y"))
    clock.seconds += 2
    assert (await target.view()).version != first


def test_the_overlay_forgets_what_the_cluster_shows_by_itself() -> None:
    overlay, job = Overlay(), summary("x")
    overlay.added(job)

    assert overlay.apply([job]) == [job]
    assert overlay.apply([]) == []
