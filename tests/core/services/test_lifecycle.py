from __future__ import annotations

import anyio
import pytest

from jobyard.database.tables import JOBS, OPERATIONS
from jobyard.domain.job import FrameworkName
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary
from jobyard.errors import (
    ApiError,
    Conflict,
    ConflictJob,
    DeadlineExceeded,
    ForbiddenUser,
    NoJob,
    NotFound,
    Rejected,
    Unavailable,
    UnknownError,
)
from jobyard.seams.scheduling import NotSent, OutcomeUnknown
from tests.core.services.doubles import (
    ALICE,
    BOB,
    ROOT,
    Crash,
    Gateway,
    World,
    framework,
)
from tests.databases import count

KINDS = ["start", "stop", "delete"]

MAYBE_DONE = [
    Unavailable("connection reset"),
    DeadlineExceeded("too slow"),
    OutcomeUnknown("the answer was lost"),
    KeyError("a plugin's mistake"),
]


async def ask(gateway: Gateway, kind: str, user: str = "alice") -> None:
    job = await gateway.found("one", user)
    if kind == "delete":
        await gateway.lifecycle.delete(ALICE, job, "one")
    else:
        await gateway.lifecycle.execute(ALICE, job, ExecutionType(kind.upper()), "one")


def done(world: World) -> list[str]:
    """Give what the cluster did beside taking jobs."""
    return [kind for kind, _ in world.cluster.done if kind != "submit"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_done_leaves_no_operation(world: World, kind: str) -> None:
    gateway = world.gateway()
    await gateway.submit("one")

    await ask(gateway, kind)

    assert done(world) == [kind]
    assert await count(world.store, OPERATIONS) == 0
    assert await count(world.store, JOBS) == (0 if kind == "delete" else 1)


async def test_a_stop_and_a_deletion_show_at_once(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")

    await ask(gateway, "stop")
    assert (await gateway.found("one")).execution_type is ExecutionType.STOP
    detail = await gateway.board.detail(framework("one"))
    assert detail is not None
    assert detail.status.summary.execution_type is ExecutionType.STOP

    await ask(gateway, "delete")
    assert not await gateway.shows("one")
    assert await gateway.board.detail(framework("one")) is None


async def test_a_deleted_name_is_free_at_once(world: World) -> None:
    gateway = world.gateway()
    first = await gateway.submit("one")
    await ask(gateway, "delete")

    second = await gateway.submit("one")

    assert second != first
    assert (await gateway.found("one")).submission == second


@pytest.mark.parametrize(
    ("kind", "verb"), [("start", "execute"), ("stop", "execute"), ("delete", "remove")]
)
async def test_anothers_job_is_not_to_be_touched(world: World, kind: str, verb: str) -> None:
    gateway = world.gateway()
    await gateway.submit("one", actor=BOB)

    with pytest.raises(ForbiddenUser) as caught:
        await ask(gateway, kind, "bob")

    assert caught.value.message == f"User alice is not allowed to {verb} job one."
    assert await count(world.store, OPERATIONS) == 0
    await gateway.lifecycle.delete(ROOT, await gateway.found("one", "bob"), "one")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", MAYBE_DONE, ids=repr)
@pytest.mark.parametrize("point", ["before", "after"])
async def test_what_may_be_done_is_made_sure_of_by_recovery(
    world: World, kind: str, error: Exception, point: str
) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    getattr(world.cluster, point)[kind] = [error]

    with pytest.raises(UnknownError):
        await ask(gateway, kind)
    assert await count(world.store, OPERATIONS) == 1

    await gateway.recovery.round(10)

    assert done(world) == [kind]
    assert await count(world.store, OPERATIONS) == 0
    assert await gateway.shows("one") is (kind != "delete")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (NotSent("no route"), 500, "UnknownError"),
        (Rejected("not so", status=400), 500, "UnknownError"),
        (Rejected("slowly", status=429), 429, "UnknownError"),
        (Conflict("just now"), 500, "UnknownError"),
        (NotFound("none"), 404, "NoJobError"),
    ],
    ids=repr,
)
async def test_what_was_not_done_is_told_and_not_repeated(
    world: World, kind: str, error: Exception, status: int, code: str
) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.before[kind] = [error]

    with pytest.raises(ApiError) as caught:
        await ask(gateway, kind)

    assert (caught.value.answer_status, caught.value.code) == (status, code)
    assert await count(world.store, OPERATIONS) == 0
    await gateway.recovery.round(10)
    assert done(world) == []


async def test_a_job_that_the_cluster_does_not_have_is_deleted_here_too(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.before["delete"] = [NotFound("none")]

    with pytest.raises(NoJob):
        await ask(gateway, "delete")
    assert await count(world.store, JOBS) == 0


async def test_a_legacy_job_that_may_not_be_changed_is_forbidden(world: World) -> None:
    gateway = world.gateway()
    job = JobSummary(FrameworkName(None, "old"), None, "alice")
    world.cluster.before["stop"] = [Rejected("see its acl", status=403)]

    with pytest.raises(ForbiddenUser, match="see its acl"):
        await gateway.lifecycle.execute(ALICE, job, ExecutionType.STOP, "old")


async def test_a_legacy_job_that_is_refused_for_another_reason_is_not_forbidden(
    world: World,
) -> None:
    gateway = world.gateway()
    job = JobSummary(FrameworkName(None, "old"), None, "alice")
    world.cluster.before["stop"] = [Rejected("not so", status=400)]

    with pytest.raises(UnknownError, match="not so"):
        await gateway.lifecycle.execute(ALICE, job, ExecutionType.STOP, "old")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_that_the_cluster_does_not_have_is_called_as_it_was_asked_for(
    world: World, kind: str
) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.before[kind] = [NotFound("none")]

    with pytest.raises(NoJob) as caught:
        await ask(gateway, kind)

    assert caught.value.message == "Job one is not found."
    assert await count(world.store, JOBS) == (0 if kind == "delete" else 1)


async def test_a_deletion_that_is_refused_leaves_the_job(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.before["delete"] = [Rejected("not so", status=400)]

    with pytest.raises(UnknownError, match="not so"):
        await ask(gateway, "delete")

    assert await count(world.store, JOBS) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_job_of_another_scheduler_is_named_when_it_cannot_be_changed(
    world: World, kind: str
) -> None:
    await world.gateway().submit("one")

    with pytest.raises(ForbiddenUser, match=r"^Job one was given to another scheduler"):
        await ask(world.gateway(backend="scheduling.other"), kind)

    assert done(world) == []


async def test_an_answer_that_was_lost_is_told_with_when_to_ask_again(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.before["stop"] = [OutcomeUnknown("the answer was lost")]

    with pytest.raises(UnknownError, match=r"^the answer was lost$") as caught:
        await ask(gateway, "stop")

    assert int(caught.value.headers["Retry-After"]) > 0


async def test_a_deleted_job_stays_hidden_while_the_cluster_still_shows_it(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    ending = world.cluster.jobs_held[framework("one")]
    await ask(gateway, "delete")

    world.cluster.jobs_held[framework("one")] = ending
    world.cluster.version += 1
    world.clock.seconds += 2

    assert not await gateway.shows("one")


async def test_of_two_jobs_without_ids_only_the_deleted_one_is_hidden(world: World) -> None:
    gateway = world.gateway()
    name = FrameworkName(None, "old")
    old, newer = (JobSummary(name, None, "alice", created_at=at) for at in (1, 2))
    await gateway.lifecycle.delete(ALICE, old, "old")

    world.cluster.jobs_held[name] = old
    assert await gateway.board.find(name) is None

    world.cluster.jobs_held[name] = newer
    world.cluster.version += 1
    world.clock.seconds += 2
    assert await gateway.board.find(name) == newer


async def test_a_job_in_doubt_can_be_neither_stopped_nor_deleted_yet(world: World) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [OutcomeUnknown("lost")]
    with pytest.raises(UnknownError):
        await gateway.submit("one")

    for kind in KINDS:
        with pytest.raises(UnknownError, match="not known yet") as caught:
            await ask(gateway, kind)
        assert "Retry-After" in caught.value.headers

    assert await count(world.store, JOBS) == 1
    assert await count(world.store, OPERATIONS) == 0
    assert done(world) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_crash_neither_loses_nor_repeats_an_operation(
    world: World, kind: str, point: str
) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    getattr(world.cluster, point)[kind] = [Crash()]
    with pytest.raises(Crash):
        await ask(gateway, kind)

    again = await world.recovered()

    assert done(world) == [kind]
    assert await again.shows("one") is (kind != "delete")


async def test_a_deletion_that_is_repeated_spares_a_later_job_of_the_name(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.after["delete"] = [OutcomeUnknown("lost")]
    job = await gateway.found("one")
    with pytest.raises(UnknownError):
        await gateway.lifecycle.delete(ALICE, job, "one")
    await gateway.lifecycle.delete(ALICE, job, "one")
    second = await gateway.submit("one")

    again = await world.recovered()

    assert (await again.found("one")).submission == second
    assert await count(world.store, JOBS) == 1


async def test_a_deletion_of_a_foreign_job_spares_our_own_of_the_name(world: World) -> None:
    """What was not submitted here has no id by which its successor could be told from it."""
    gateway = world.gateway()
    foreign = JobSummary(framework("one"), None, "alice")
    world.cluster.before["delete"] = [Unavailable("reset")]
    with pytest.raises(UnknownError):
        await gateway.lifecycle.delete(ALICE, foreign, "one")
    world.clock.seconds += 1
    await gateway.submit("one")
    deletions = world.cluster.calls["delete"]

    await gateway.recovery.round(10)

    assert world.cluster.calls["delete"] == deletions
    assert await count(world.store, OPERATIONS) == 0
    assert await gateway.shows("one")


async def test_the_last_word_stands_when_an_older_one_is_in_doubt(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.before["stop"] = [Unavailable("reset")]
    with pytest.raises(UnknownError):
        await ask(gateway, "stop")
    world.clock.seconds += 1
    await ask(gateway, "start")

    await gateway.recovery.round(10)

    assert done(world) == ["start"]


async def test_recovery_leaves_what_is_under_way_alone(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.gates["stop"] = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(ask, gateway, "stop")
        await world.cluster.reached("stop")
        await gateway.recovery.round(10)
        assert world.cluster.calls["stop"] == 1
        world.cluster.gates["stop"].set()

    assert done(world) == ["stop"]


async def test_a_caller_that_goes_away_leaves_the_rest_to_recovery(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.gates["stop"] = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(ask, gateway, "stop")
        await world.cluster.reached("stop")
        group.cancel_scope.cancel()
    world.cluster.gates["stop"].set()

    await gateway.recovery.round(10)

    assert done(world) == ["stop"]


async def test_two_deletions_at_once_are_one(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    job = await gateway.found("one")

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(gateway.lifecycle.delete, ALICE, job, "one")

    assert done(world) == ["delete"]
    await gateway.submit("one")
    with pytest.raises(ConflictJob):
        await gateway.submit("one")
