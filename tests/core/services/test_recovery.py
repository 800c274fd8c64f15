# ruff: noqa: ASYNC110 - what a loop has done is looked for
from __future__ import annotations

import logging
from contextlib import suppress

import anyio
import pytest

import jobyard
from jobyard.database.tables import JOBS, OPERATIONS
from jobyard.domain.states import ExecutionType, JobState
from jobyard.errors import (
    ConflictJob,
    ForbiddenUser,
    Rejected,
    Unavailable,
    UnknownError,
)
from jobyard.seams.observer import JobSubmitted
from jobyard.seams.scheduling import JobExists, OutcomeUnknown, Refused
from jobyard.services import journal
from jobyard.services.journal import JobRow, Phase
from jobyard.services.observers import Observer, Observers
from jobyard.services.reservation import submission_of
from tests.core.services.doubles import ALICE, Crash, Gateway, World, framework
from tests.databases import Database, count


async def row_of(world: World, name: str) -> JobRow | None:
    return await world.store.read(journal.find(framework(name)))


async def in_doubt(world: World, name: str = "one", *, arrived: bool = False) -> Gateway:
    """Give a gateway that does not know what became of a job."""
    gateway = world.gateway()
    point = world.cluster.after if arrived else world.cluster.before
    point["submit"] = [OutcomeUnknown("lost")]
    world.cluster.before["find_submission"] = [Unavailable("down")]
    with pytest.raises(UnknownError):
        await gateway.submit(name)
    return gateway


async def crashed(world: World, name: str = "one", *, arrived: bool = False) -> None:
    """Leave a reservation as a crash does."""
    point = world.cluster.after if arrived else world.cluster.before
    point["submit"] = [Crash()]
    with pytest.raises(Crash):
        await world.gateway().submit(name)


# ---------------------------------------------------------------------------------- in doubt


async def test_what_arrived_is_accepted(world: World) -> None:
    gateway = await in_doubt(world, arrived=True)

    await gateway.recovery.round(10)

    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED


async def test_what_is_absent_twice_is_undone_and_its_name_is_free(world: World) -> None:
    gateway = await in_doubt(world)

    await gateway.recovery.round(10)
    assert await gateway.shows("one")
    with pytest.raises(ConflictJob):
        await gateway.submit("one")

    world.clock.seconds += 10
    await gateway.recovery.round(10)
    assert await count(world.store, JOBS) == 0
    assert not await gateway.shows("one")
    await gateway.submit("one")


async def test_two_looks_are_so_far_apart(world: World) -> None:
    gateway = await in_doubt(world)
    await gateway.recovery.round(10)

    for _ in range(9):
        world.clock.seconds += 1
        await gateway.recovery.round(10)
    assert await count(world.store, JOBS) == 1

    world.clock.seconds += 1
    await gateway.recovery.round(10)
    assert await count(world.store, JOBS) == 0


async def test_looks_of_two_gateways_are_so_far_apart_too(world: World, database: Database) -> None:
    await in_doubt(world)
    async with database.open() as store:
        one, other = world.gateway(), world.gateway(store)

        async with anyio.create_task_group() as group:
            group.start_soon(one.recovery.round, 10)
            group.start_soon(other.recovery.round, 10)

        row = await row_of(world, "one")
        assert row is not None
        assert row.looks == 1


async def test_looks_are_remembered_over_a_restart(world: World) -> None:
    gateway = await in_doubt(world)
    await gateway.recovery.round(10)
    world.clock.seconds += 10

    await (await world.restarted()).recovery.round(10)

    assert await count(world.store, JOBS) == 0


async def test_what_arrives_between_two_looks_is_accepted(world: World) -> None:
    gateway = await in_doubt(world)
    await gateway.recovery.round(10)
    row = await row_of(world, "one")
    assert row is not None
    await world.cluster.submit(submission_of(row, "x"))
    world.clock.seconds += 10
    await gateway.recovery.round(10)

    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED


async def test_before_the_undo_the_cluster_is_told_to_delete_it(world: World) -> None:
    gateway = await in_doubt(world)
    await gateway.recovery.round(10)
    assert world.cluster.calls.get("delete") is None

    world.clock.seconds += 10
    world.cluster.before["delete"] = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await gateway.recovery.round(10)
    assert await count(world.store, JOBS) == 1

    await gateway.recovery.round(10)
    assert world.cluster.calls["delete"] == 2
    assert await count(world.store, JOBS) == 0


async def test_a_cluster_that_is_down_decides_nothing(world: World) -> None:
    gateway = await in_doubt(world)
    world.cluster.always["find_submission"] = lambda: Unavailable("down")

    for _ in range(4):
        with pytest.raises(Unavailable):
            await gateway.recovery.round(10)
        world.clock.seconds += 60
    assert await count(world.store, JOBS) == 1


# ------------------------------------------------------------------------------ after a crash


async def test_the_name_of_an_unsettled_job_is_taken_right_after_the_start(world: World) -> None:
    await crashed(world)
    world.cluster.always["find_submission"] = lambda: Unavailable("down")

    gateway = await world.restarted()

    assert (await gateway.found("one")).state is JobState.WAITING
    with pytest.raises(ConflictJob):
        await gateway.submit("one")


@pytest.mark.parametrize("refusal", [Refused("no", status=400), JobExists("taken"), Rejected("no")])
async def test_what_the_cluster_refuses_afterwards_is_undone(
    world: World, refusal: Exception
) -> None:
    await crashed(world)
    world.cluster.before["submit"] = [refusal]

    gateway = await world.recovered()

    assert await count(world.store, JOBS) == 0
    assert not await gateway.shows("one")


@pytest.mark.parametrize(
    "failure", [Unavailable("down"), OutcomeUnknown("lost"), KeyError("a plugin's mistake")]
)
async def test_what_fails_on_the_way_is_tried_again(world: World, failure: Exception) -> None:
    await crashed(world)
    world.cluster.before["submit"] = [failure]
    gateway = await world.restarted()
    with suppress(Unavailable):
        await gateway.recovery.round(10)
    assert world.cluster.done == []

    await gateway.recovery.round(10)

    assert world.cluster.done == [("submit", "alice~one")]


async def test_a_storage_that_is_down_does_not_undo_a_job(world: World) -> None:
    await crashed(world)
    world.storage.failures = [Unavailable("down")] * 3
    gateway = await world.restarted()

    await gateway.recovery.round(10)
    assert await count(world.store, JOBS) == 1

    await gateway.recovery.round(10)
    assert world.cluster.done == [("submit", "alice~one")]


async def test_one_broken_row_keeps_no_other_from_recovery(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await crashed(world, "one")
    await crashed(world, "two")
    gateway = await world.restarted()
    world.cluster.before["submit"] = [KeyError("a plugin's mistake")]

    with caplog.at_level(logging.WARNING):
        await gateway.recovery.round(10)

    assert world.cluster.calls["submit"] == 4
    assert len(world.cluster.done) == 1


async def test_what_is_under_way_is_left_alone(world: World) -> None:
    gateway = world.gateway()
    world.cluster.gates["submit"] = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(gateway.submit, "one")
        await world.cluster.reached("submit")
        await gateway.recovery.round(0)
        assert world.cluster.calls["submit"] == 1
        assert world.cluster.calls.get("find_submission") is None
        world.cluster.gates["submit"].set()

    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED


async def test_a_request_that_outlived_its_lease_does_not_undo_what_was_completed(
    world: World,
) -> None:
    slow = world.gateway()
    gate = world.cluster.gates["submit"] = anyio.Event()
    world.cluster.before["submit"] = [Refused("too late", status=400)]
    outcomes: list[BaseException] = []

    async def submit() -> None:
        try:
            await slow.submit("one")
        except UnknownError as error:
            outcomes.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(submit)
        await world.cluster.reached("submit")
        world.clock.seconds += 61
        failures = world.cluster.before.pop("submit")
        del world.cluster.gates["submit"]
        await slow.recovery.round(10)
        world.cluster.before["submit"] = failures
        gate.set()

    assert [str(error) for error in outcomes] == ["too late"]
    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED


async def test_another_gateways_unsettled_job_shows_here_and_goes_with_its_row(
    world: World, database: Database
) -> None:
    await in_doubt(world)
    async with database.open() as store:
        other = world.gateway(store)
        await other.recovery.round(10)
        assert await other.shows("one")

        world.clock.seconds += 10
        await world.gateway().recovery.round(10)
        assert await count(world.store, JOBS) == 0

        await other.recovery.round(10)
        assert not await other.shows("one")


async def test_observers_hear_of_what_recovery_completed(world: World) -> None:
    heard: list[str] = []

    class Listener:
        @jobyard.hookimpl
        async def jobyard_job_submitted(self, event: JobSubmitted) -> None:
            heard.append(str(event.ref.name))

    await crashed(world)
    gateway = world.gateway(observers=Observers([Observer("listener", Listener())]))
    world.clock.seconds += 61
    await gateway.recovery.round(10)

    assert heard == ["alice~one"]


async def test_the_loop_goes_on_after_failures(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobyard.services.recovery._PAUSE", 0.01)
    await crashed(world)
    gateway = await world.restarted()
    world.cluster.before["find_submission"] = [Unavailable("down"), Unavailable("down")]

    async with anyio.create_task_group() as group:
        group.start_soon(gateway.recovery.run)
        with anyio.fail_after(10):
            while not world.cluster.done:
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()

    assert world.cluster.done == [("submit", "alice~one")]


# ------------------------------------------------------------------ after a change of scheduler


async def test_jobs_of_another_scheduler_are_shown_and_can_only_be_read(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("done")
    await crashed(world, "open")
    held = dict(world.cluster.jobs_held)
    world.cluster.jobs_held.clear()
    world.cluster.done.clear()

    changed = await world.restarted("scheduling.new")
    for _ in range(3):
        await changed.recovery.round(10)
        world.clock.seconds += 61

    assert world.cluster.done == []
    assert await count(world.store, JOBS) == 2
    job = await changed.found("done")
    assert job.state is JobState.UNKNOWN
    detail = await changed.board.detail(framework("done"))
    assert detail is not None
    with pytest.raises(ForbiddenUser, match="only be read"):
        await changed.lifecycle.delete(ALICE, job, "done")
    with pytest.raises(ForbiddenUser, match="only be read"):
        await changed.lifecycle.execute(ALICE, job, ExecutionType.STOP, "done")
    with pytest.raises(ConflictJob):
        await changed.submit("done")

    world.cluster.jobs_held.update(held)
    await (await world.restarted()).recovery.round(10)
    assert world.cluster.done == [("submit", "alice~open")]


async def test_operations_for_another_scheduler_wait_for_it(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    job = await gateway.found("one")
    world.cluster.before["stop"] = [Unavailable("reset")]
    with pytest.raises(UnknownError):
        await gateway.lifecycle.execute(ALICE, job, ExecutionType.STOP, "one")

    await (await world.restarted("scheduling.new")).recovery.round(10)
    assert await count(world.store, OPERATIONS) == 1

    await (await world.restarted()).recovery.round(10)
    assert await count(world.store, OPERATIONS) == 0
    assert ("stop", "alice~one") in world.cluster.done


# --------------------------------------------------------------------------------- operations


async def test_an_operation_that_is_refused_for_good_is_given_up(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    job = await gateway.found("one")
    world.cluster.before["delete"] = [Unavailable("reset"), Rejected("not so")]
    with pytest.raises(UnknownError):
        await gateway.lifecycle.delete(ALICE, job, "one")

    await gateway.recovery.round(10)

    assert await count(world.store, OPERATIONS) == 0
    assert await count(world.store, JOBS) == 1
    assert await gateway.shows("one")


async def test_a_stop_that_finds_no_job_does_not_settle_its_deletion(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    job = await gateway.found("one")
    world.cluster.after["delete"] = [Unavailable("reset")]
    with pytest.raises(UnknownError):
        await gateway.lifecycle.delete(ALICE, job, "one")
    world.clock.seconds += 1
    world.cluster.before["stop"] = [Unavailable("reset")]
    with pytest.raises(UnknownError):
        await gateway.lifecycle.execute(ALICE, job, ExecutionType.STOP, "one")
    world.cluster.before["delete"] = [OutcomeUnknown("lost")]

    await gateway.recovery.round(10)
    assert await count(world.store, OPERATIONS) == 1

    world.clock.seconds += 11
    await gateway.recovery.round(10)
    assert await count(world.store, OPERATIONS) == 0
    assert await count(world.store, JOBS) == 0
    assert not await gateway.shows("one")


async def test_an_operation_that_stays_in_doubt_is_repeated_with_pauses(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    job = await gateway.found("one")
    world.cluster.always["stop"] = lambda: OutcomeUnknown("lost")
    with pytest.raises(UnknownError):
        await gateway.lifecycle.execute(ALICE, job, ExecutionType.STOP, "one")

    for _ in range(20):
        await gateway.recovery.round(10)
        world.clock.seconds += 1

    assert world.cluster.calls["stop"] == 3
    assert await count(world.store, OPERATIONS) == 1
