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
from jobyard.services import journal
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
        await gateway.submissions.submit(job, keyed=True)
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

    with pytest.raises(IdempotencyKeyReused, match="was used for another request") as caught:
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


class Held:
    """A request that has its turn at a key, and has not told its submission yet."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.begun, self.go_on, self.ended = anyio.Event(), anyio.Event(), anyio.Event()
        self.outcome: Outcome | None = None
        self.refusal: UnknownError | None = None

    async def run(self) -> None:
        async def work(tell: Tell) -> Outcome:
            self.begun.set()
            await self.go_on.wait()
            job = await self.gateway.check("one")
            await tell(job.submission)
            await self.gateway.submissions.submit(job, keyed=True)
            return accepted("one")

        try:
            self.outcome, _ = await self.gateway.idempotency.run("alice", "k", ONE, work)
        except UncertainSubmission as error:
            self.refusal = error
        self.ended.set()


async def no_such_job(tell: Tell) -> Outcome:
    raise InvalidParameters("no")


@pytest.mark.parametrize(("user", "key"), [("bob", "k"), ("alice", "other")])
@pytest.mark.parametrize("failure", [InvalidParameters("no"), UnknownError("later")], ids=repr)
async def test_what_becomes_of_one_key_is_nothing_to_another(
    world: World, user: str, key: str, failure: ApiError
) -> None:
    held = Held(world.gateway())

    async def failing(tell: Tell) -> Outcome:
        raise failure

    async with anyio.create_task_group() as group:
        group.start_soon(held.run)
        await held.begun.wait()
        with pytest.raises(type(failure)):
            await held.gateway.idempotency.run(user, key, ONE, failing)
        kept = await count(world.store, IDEMPOTENCY)
        held.go_on.set()

    assert held.outcome == accepted("one")
    assert kept == (2 if isinstance(failure, InvalidParameters) else 1)


@pytest.mark.parametrize(("user", "key"), [("bob", "k"), ("alice", "other")])
async def test_two_keys_may_be_under_way_at_once(world: World, user: str, key: str) -> None:
    held = Held(world.gateway())

    async with anyio.create_task_group() as group:
        group.start_soon(held.run)
        await held.begun.wait()
        assert await submit(held.gateway, key, name="two", user=user) == (accepted("two"), False)
        held.go_on.set()

    assert held.outcome == accepted("one")
    assert await submit(held.gateway, key, name="two", user=user) == (accepted("two"), True)


async def test_a_turn_is_lost_to_another_gateway_that_told_its_submission_first(
    world: World, database: Database
) -> None:
    gate = world.cluster.gates["submit"] = anyio.Event()
    held = Held(world.gateway())
    async with database.open() as store, anyio.create_task_group() as group:
        group.start_soon(held.run)
        await held.begun.wait()
        group.start_soon(submit, world.gateway(store))
        await world.cluster.reached("submit")
        held.go_on.set()
        with anyio.fail_after(10):
            await held.ended.wait()
        gate.set()

    assert held.refusal is not None
    assert "under way" in held.refusal.message
    assert "Retry-After" in held.refusal.headers
    assert world.cluster.calls["submit"] == 1


async def test_a_turn_is_lost_to_another_gateway_that_was_refused_first(
    world: World, database: Database
) -> None:
    held = Held(world.gateway())
    async with database.open() as store, anyio.create_task_group() as group:
        group.start_soon(held.run)
        await held.begun.wait()
        with pytest.raises(InvalidParameters):
            await world.gateway(store).idempotency.run("alice", "k", ONE, no_such_job)
        held.go_on.set()

    assert held.refusal is not None
    assert world.cluster.done == []


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

    assert await count(world.store, IDEMPOTENCY) == 0
    outcome, replayed = await submit(gateway)

    assert (outcome.status, replayed) == (202, False)


async def test_while_it_is_in_doubt_the_key_says_so(world: World) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [OutcomeUnknown("lost")]
    messages = []
    for _ in range(3):
        with pytest.raises(UnknownError) as caught:
            await submit(gateway)
        assert caught.value.answer_status == 500
        assert "Retry-After" in caught.value.headers
        messages.append(caught.value.message)

    assert messages[1:] == ["Whether the job was accepted is not known yet."] * 2

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
        await gateway.submissions.submit(job, keyed=True)
        raise Crash

    with pytest.raises(Crash):
        await gateway.idempotency.run("alice", "k", ONE, accepted_and_crashed)
    again = await world.restarted()
    await again.lifecycle.delete(ALICE, await again.found("one"), "one")

    assert await submit(again) == (accepted("one"), True)
    assert world.cluster.calls["submit"] == 1


async def test_an_accepted_submission_is_its_keys_answer_though_nobody_wrote_it_down(
    world: World,
) -> None:
    world.cluster.before["submit"] = [Crash()]
    with pytest.raises(Crash):
        await submit(world.gateway())
    rows = await world.store.read(lambda connection: connection.execute(JOBS.select()).all())
    await world.store.write(journal.accept(SubmissionId(rows[0].submission)))

    assert await submit(await world.restarted()) == (accepted("one"), True)


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
