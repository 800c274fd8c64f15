from __future__ import annotations

import anyio
import orjson
import pytest
from attrs import evolve

import jobyard
from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import ExecutionType, FrameworkState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import NotFound, Rejected, Unavailable, UnknownError
from jobyard.resilience import Guarded
from jobyard.seams.observer import JobChanged
from jobyard.seams.scheduling import Scheduler, Snapshot
from jobyard.services.board import Board
from jobyard.services.listing import Query
from jobyard.services.observers import Observer, Observers
from jobyard.services.overlay import Overlay
from jobyard.services.selection import Selection
from jobyard.testing.unsupported import UnsupportedScheduler
from tests.databases import HandClock


class Cluster(UnsupportedScheduler):
    """A cluster that shows what the test says, and counts who asks."""

    def __init__(self, *shown: JobSummary) -> None:
        self.shown = list(shown)
        self.version = 1
        self.asked = 0
        self.down = False
        self.failure: Exception | None = None

    def show(self, *jobs: JobSummary) -> None:
        self.shown = list(jobs)
        self.version += 1

    async def jobs(self) -> Snapshot[JobSummary]:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise Unavailable("the cluster is down")
        if self.failure is not None:
            raise self.failure
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


def board(
    cluster: Cluster,
    clock: HandClock,
    *,
    stale_for: float = 60,
    observers: Observers | None = None,
) -> Board:
    guard = Guarded[Scheduler]("scheduling.test", clock, timeout=5)
    guard.opened(cluster)
    return Board(guard, clock, max_age=1, stale_for=stale_for, observers=observers)


async def test_a_thousand_readers_cost_one_call() -> None:
    cluster = Cluster(summary("one"))
    target = board(cluster, HandClock(100.0))

    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(target.view)

    assert cluster.asked == 1


async def test_lists_are_newest_first_and_select_by_submitter() -> None:
    cluster = Cluster(summary("a", at=1), summary("b", at=3), summary("c", at=2, user="bob"))
    view = await board(cluster, HandClock(100.0)).view()

    everybody = [item["name"] for item in orjson.loads(view.whole().body)]
    page = await view.page(Query(Selection(username="alice")))
    alice = [item["name"] for item in orjson.loads(page.packed.body)]

    assert everybody == ["b", "c", "a"]
    assert alice == ["b", "a"]


async def test_what_was_accepted_here_shows_before_the_cluster_shows_it() -> None:
    cluster, clock = Cluster(), HandClock(100.0)
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
    target = board(cluster, HandClock(100.0))
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
    target = board(Cluster(job), HandClock(100.0))
    await target.view()

    target.overlay.wanted(job, ExecutionType.STOP)
    target.touch()

    found = await target.find(job.name)
    assert found is not None
    assert found.execution_type is ExecutionType.STOP


async def test_the_remembered_is_answered_for_a_while_and_then_no_more() -> None:
    cluster, clock = Cluster(summary("x")), HandClock(100.0)
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
    cluster, clock = Cluster(summary("x")), HandClock(100.0)
    target = board(cluster, clock)
    first = (await target.view()).version
    clock.seconds += 2
    assert (await target.view()).version == first

    cluster.show(summary("x"), summary("y"))
    clock.seconds += 2
    assert (await target.view()).version != first


async def test_the_version_changes_with_the_overlay_and_not_with_a_touch() -> None:
    cluster, clock = Cluster(summary("x")), HandClock(100.0)
    target = board(cluster, clock)
    first = await target.view()

    target.touch()
    assert (await target.view()).version == first.version

    target.overlay.added(summary("y"))
    second = await target.view()
    assert second.version != first.version
    assert second.whole().body != first.whole().body

    cluster.show(summary("x"), summary("y"))
    clock.seconds += 2
    third = await target.view()
    assert third.version == second.version
    assert third.whole().body == second.whole().body

    target.overlay.undone(FrameworkName("alice", "z"), SubmissionId("s9"))
    assert (await target.view()).version == third.version


async def test_what_is_accepted_while_the_cluster_is_down_shows_and_changes_the_version() -> None:
    cluster = Cluster(summary("x"))
    target = board(cluster, HandClock(100.0))
    first = await target.view()
    cluster.down = True

    target.overlay.added(summary("y"))
    target.touch()

    view = await target.view()
    assert view.stale
    assert [job.name.job for job in view.jobs] == ["x", "y"]
    assert view.version != first.version
    assert (await target.view()).version == view.version


async def test_a_deleted_job_has_no_detail_while_the_cluster_is_down() -> None:
    job = summary("x")
    cluster = Cluster(job)
    target = board(cluster, HandClock(100.0))
    await target.view()
    await target.detail(job.name)

    target.overlay.removed(job.name, job.submission)
    cluster.down = True
    assert await target.detail(job.name) is None

    cluster.down = False
    cluster.show()
    target.touch()
    await target.view()
    cluster.down = True
    with pytest.raises(UnknownError):
        await target.detail(job.name)


async def test_a_new_job_does_not_show_the_detail_of_its_predecessor() -> None:
    old, new = summary("x", submission="s1"), summary("x", submission="s2", at=2)
    cluster = Cluster(old)
    target = board(cluster, HandClock(100.0))
    await target.view()
    await target.detail(old.name)

    target.overlay.removed(old.name, old.submission)
    target.overlay.added(new)

    for down in (False, True):
        cluster.down = down
        detail = await target.detail(new.name)
        assert detail is not None
        assert detail.status.summary == new
        assert await target.find(new.name) == new


async def test_two_deleted_incarnations_of_a_name_stay_hidden() -> None:
    first, second = summary("x", submission="s1"), summary("x", submission="s2")
    cluster = Cluster(first)
    target = board(cluster, HandClock(100.0))
    await target.view()

    target.overlay.removed(first.name, first.submission)
    target.overlay.added(second)
    target.overlay.removed(second.name, second.submission)

    assert await target.find(first.name) is None


async def test_a_late_deletion_of_an_old_job_does_not_hide_its_successor() -> None:
    new = summary("x", submission="s2")
    target = board(Cluster(), HandClock(100.0))
    target.overlay.added(new)

    target.overlay.removed(new.name, SubmissionId("s1"))
    target.overlay.undone(new.name, SubmissionId("s1"))

    assert await target.find(new.name) == new


async def test_a_cluster_that_refuses_to_list_is_answered_from_memory() -> None:
    cluster = Cluster(summary("x"))
    target = board(cluster, HandClock(100.0))
    await target.view()
    cluster.failure = Rejected("not now")

    target.touch()

    assert (await target.view()).stale


async def test_slow_observers_hold_up_no_reader() -> None:
    heard: list[str] = []
    asked, gate = anyio.Event(), anyio.Event()

    class Slow:
        @jobyard.hookimpl
        async def jobyard_job_changed(self, event: JobChanged) -> None:
            asked.set()
            await gate.wait()
            heard.append(event.job.name.job)

    cluster, clock = Cluster(), HandClock(100.0)
    target = board(cluster, clock, observers=Observers([Observer("slow", Slow())]))
    await target.view()
    cluster.show(summary("x"))
    target.touch()

    async with anyio.create_task_group() as group:
        group.start_soon(target.watch)
        with anyio.fail_after(10):
            await asked.wait()
            target.touch()
            assert len((await target.view()).jobs) == 1
            assert heard == []
            gate.set()
            while not heard:
                await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert heard == ["x"]


def applied(overlay: Overlay, jobs: list[JobSummary], *, complete: bool = True) -> list[JobSummary]:
    """Give what is to be seen of what a cluster shows."""
    shown = {job.name: job for job in jobs}
    names = sorted({*shown, *overlay.settle(shown.get, complete=complete)})
    return [job for name in names if (job := overlay.seen(name, shown.get(name)))]


def test_the_overlay_forgets_what_the_cluster_shows_by_itself() -> None:
    overlay, job = Overlay(), summary("x")
    overlay.added(job)

    assert applied(overlay, [job]) == [job]
    assert applied(overlay, []) == []


def test_an_incomplete_list_makes_nothing_of_what_it_lacks() -> None:
    overlay, job = Overlay(), summary("x")
    overlay.removed(job.name, job.submission)

    assert applied(overlay, [], complete=False) == []
    assert applied(overlay, [job]) == []


def test_a_job_that_is_not_shown_yet_can_be_stopped() -> None:
    overlay, job = Overlay(), summary("x")
    overlay.added(job)
    overlay.wanted(job, ExecutionType.STOP)

    assert [each.execution_type for each in applied(overlay, [])] == [ExecutionType.STOP]
    assert [each.execution_type for each in applied(overlay, [job])] == [ExecutionType.STOP]


def test_what_was_asked_for_is_forgotten_when_the_cluster_shows_it() -> None:
    overlay, job = Overlay(), summary("x")
    stopped = evolve(job, execution_type=ExecutionType.STOP)
    overlay.wanted(job, ExecutionType.STOP)

    assert applied(overlay, [job]) == [stopped]
    assert applied(overlay, [stopped]) == [stopped]
    assert applied(overlay, [job]) == [job]
