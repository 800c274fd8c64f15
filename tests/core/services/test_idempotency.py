from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import orjson
import pytest

from jobyard.database.tables import IDEMPOTENCY, JOBS
from jobyard.domain.job import SubmissionId
from jobyard.errors import (
    ApiError,
    ConflictJob,
    IdempotencyKeyReused,
    InvalidParameters,
    Unavailable,
    UnknownError,
)
from jobyard.seams.scheduling import NotSent, OutcomeUnknown, Refused
from jobyard.services.idempotency import KEPT_FOR, Outcome, accepted, fingerprint
from jobyard.services.outcomes import UncertainSubmission, refused
from tests.core.services.doubles import ALICE, Crash, Gateway, World
from tests.databases import Database, count

Tell = Callable[[SubmissionId], Awaitable[None]]
ONE = fingerprint("alice", b'{"jobName":"one"}')


async def submit(
    gateway: Gateway, key: str = "k", *, name: str = "one", user: str = "alice", digest: str = ONE
) -> tuple[Outcome, bool]:
    """Submit under a key, as the route does."""

    async def work(tell: Tell) -> Outcome:
        job = await gateway.check(name)
        await tell(job.submission)
        await gateway.submissions.submit(job)
        return accepted(name)

    return await gateway.idempotency.run(user, key, digest, work)


async def test_the_same_request_is_run_once_and_answered_again(world: World) -> None:
    gateway = world.gateway()

    first, replayed = await submit(gateway)
    assert not replayed
    second, replayed = await submit(gateway)

    assert replayed
    assert first == second == Outcome(202, b'{"message":"update job one successfully"}')
    assert world.cluster.calls["submit"] == 1


async def test_another_request_under_the_key_is_refused(world: World) -> None:
    gateway = world.gateway()
    await submit(gateway)

    with pytest.raises(IdempotencyKeyReused) as caught:
        await submit(gateway, name="two", digest=fingerprint("alice", b"two"))

    assert (caught.value.answer_status, caught.value.code) == (422, "IdempotencyKeyError")
    assert world.cluster.done == [("submit", "alice~one")]


async def test_a_key_is_its_users_own(world: World) -> None:
    gateway = world.gateway()
    await submit(gateway)

    _, replayed = await submit(gateway, name="two", user="bob", digest=fingerprint("bob", b"two"))

    assert not replayed
    assert len(world.cluster.done) == 2


async def test_a_request_waits_for_the_first_that_is_still_running(world: World) -> None:
    gateway = world.gateway()
    gate = world.cluster.gates["submit"] = anyio.Event()
    answers: list[tuple[Outcome, bool]] = []

    async def ask() -> None:
        answers.append(await submit(gateway))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
        await world.cluster.reached("submit")
        gate.set()

    assert [replayed for _, replayed in answers] == [False, True, True, True, True]
    assert len({outcome for outcome, _ in answers}) == 1
    assert world.cluster.calls["submit"] == 1


async def test_two_gateways_with_one_key_run_it_once(world: World, database: Database) -> None:
    gate = world.cluster.gates["submit"] = anyio.Event()
    answers: list[tuple[Outcome, bool]] = []
    async with database.open() as store:
        one, other = world.gateway(), world.gateway(store)

        async def ask() -> None:
            answers.append(await submit(one))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await world.cluster.reached("submit")
            with pytest.raises(UnknownError) as caught:
                await submit(other)
            assert "Retry-After" in caught.value.headers
            gate.set()

        assert (await submit(other)) == (answers[0][0], True)
    assert world.cluster.calls["submit"] == 1


async def test_two_gateways_that_begin_at_once_run_it_once(
    world: World, database: Database
) -> None:
    outcomes: list[str] = []
    async with database.open() as store:
        gateways = [world.gateway(), world.gateway(store)]

        async def ask(gateway: Gateway) -> None:
            try:
                outcome, _ = await submit(gateway)
            except UncertainSubmission:
                outcomes.append("later")
            else:
                outcomes.append(str(outcome.status))

        async with anyio.create_task_group() as group:
            for gateway in gateways:
                group.start_soon(ask, gateway)

    assert "202" in outcomes
    assert set(outcomes) <= {"202", "later"}
    assert world.cluster.done == [("submit", "alice~one")]


async def test_a_refusal_is_kept(world: World) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [Refused("too big", status=400)]
    with pytest.raises(InvalidParameters):
        await submit(gateway)

    outcome, replayed = await submit(gateway)

    assert replayed
    assert outcome.status == 400
    assert orjson.loads(outcome.body) == {"code": "InvalidParametersError", "message": "too big"}
    assert world.cluster.done == []


async def test_a_conflict_is_kept(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    with pytest.raises(ConflictJob):
        await submit(gateway)

    outcome, replayed = await submit(gateway)
    assert (outcome.status, replayed) == (409, True)


@pytest.mark.parametrize(
    "failure",
    [NotSent("no route"), Refused("full", status=503), Refused("slowly", status=429)],
    ids=repr,
)
async def test_what_may_fare_better_later_is_not_kept(world: World, failure: Exception) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [failure]
    with pytest.raises(UnknownError):
        await submit(gateway)

    outcome, replayed = await submit(gateway)

    assert (outcome.status, replayed) == (202, False)


async def test_while_it_is_in_doubt_the_key_says_so(world: World) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [OutcomeUnknown("lost")]
    for _ in range(3):
        with pytest.raises(UnknownError) as caught:
            await submit(gateway)
        assert caught.value.answer_status == 500
        assert "Retry-After" in caught.value.headers

    assert world.cluster.calls["submit"] == 1


async def test_recovery_decides_what_the_key_says_then(world: World) -> None:
    gateway = world.gateway()
    world.cluster.after["submit"] = [OutcomeUnknown("lost")]
    world.cluster.before["find_submission"] = [Unavailable("down")]
    with pytest.raises(UnknownError):
        await submit(gateway)

    await gateway.recovery.round(10)

    assert await submit(gateway) == (accepted("one"), True)


async def test_what_recovery_has_undone_may_be_submitted_again(world: World) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [OutcomeUnknown("lost")]
    with pytest.raises(UnknownError):
        await submit(gateway)
    world.clock.seconds += 10
    await gateway.recovery.round(10)
    assert await count(world.store, JOBS) == 0

    assert await submit(gateway) == (accepted("one"), False)
    assert world.cluster.done == [("submit", "alice~one")]


@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_crash_during_the_submission_is_answered_by_what_became_of_it(
    world: World, point: str
) -> None:
    failures = world.cluster.before if point == "before" else world.cluster.after
    failures["submit"] = [Crash()]
    with pytest.raises(Crash):
        await submit(world.gateway())

    again = await world.restarted()
    with pytest.raises(UnknownError) as caught:
        await submit(again)
    assert "Retry-After" in caught.value.headers
    await again.recovery.round(10)

    assert await submit(again) == (accepted("one"), True)
    assert world.cluster.done == [("submit", "alice~one")]


async def test_a_crash_before_the_reservation_runs_it_anew(world: World) -> None:
    gateway = world.gateway()

    async def told_and_crashed(tell: Tell) -> Outcome:
        await tell((await gateway.check("one")).submission)
        raise Crash

    with pytest.raises(Crash):
        await gateway.idempotency.run("alice", "k", ONE, told_and_crashed)

    assert await submit(await world.restarted()) == (accepted("one"), False)


async def test_a_crash_between_acceptance_and_answer_never_runs_it_twice(world: World) -> None:
    gateway = world.gateway()

    async def accepted_and_crashed(tell: Tell) -> Outcome:
        job = await gateway.check("one")
        await tell(job.submission)
        await gateway.submissions.submit(job)
        raise Crash

    with pytest.raises(Crash):
        await gateway.idempotency.run("alice", "k", ONE, accepted_and_crashed)
    again = await world.restarted()
    await again.lifecycle.delete(ALICE, await again.found("one"), "one")

    assert await submit(again) == (accepted("one"), True)
    assert world.cluster.calls["submit"] == 1


async def test_a_key_lives_a_day_and_is_forgotten_after_it(world: World) -> None:
    gateway = world.gateway()
    await submit(gateway)

    world.clock.seconds += KEPT_FOR / 1000 - 1
    assert (await submit(gateway))[1]

    world.clock.seconds += 700
    await submit(gateway, "another", name="two", digest=fingerprint("alice", b"two"))
    assert await count(world.store, IDEMPOTENCY) == 1


async def test_an_error_that_is_no_answer_leaves_the_key_to_recovery(world: World) -> None:
    gateway = world.gateway()

    async def broken(tell: Tell) -> Outcome:
        raise Unavailable("the database is down")

    with pytest.raises(Unavailable):
        await gateway.idempotency.run("alice", "k", ONE, broken)

    assert await submit(gateway) == (accepted("one"), False)


def test_a_request_is_known_again_by_its_route_and_body() -> None:
    prints = {
        fingerprint(route, body) for route in ("a", "ab", "") for body in (b"", b"b", b"\0", b"c")
    }
    assert len(prints) == 12


def test_a_refusal_keeps_no_more_than_the_contract_shows() -> None:
    error: ApiError = UnknownError("public", detail="private")
    assert b"private" not in refused(error).body
