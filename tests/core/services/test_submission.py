from __future__ import annotations

import anyio
import pytest

from jobyard.breaker import FAILURES_TO_OPEN
from jobyard.database.tables import JOBS
from jobyard.domain.job import KeyPair
from jobyard.domain.states import JobState
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard.domain.virtual_cluster import VirtualClusterShare, VirtualClusterState
from jobyard.errors import (
    ApiError,
    ConflictJob,
    DeadlineExceeded,
    ForbiddenUser,
    InvalidParameters,
    NotSupported,
    NoVirtualCluster,
    Rejected,
    Unavailable,
    UnknownError,
)
from jobyard.seams.scheduling import JobExists, NotSent, OutcomeUnknown, Refused
from jobyard.services import journal
from jobyard.services.journal import JobRow, Phase
from jobyard.services.outcomes import UncertainSubmission
from jobyard.services.reservation import submission_of
from tests.core.services.doubles import FS_URI, ROOT, Crash, FailingStore, Gateway, World, framework
from tests.databases import Database, count


async def row_of(world: World, name: str) -> JobRow | None:
    return await world.store.read(journal.find(framework(name)))


# ----------------------------------------------------------------------------- the good way


async def test_an_accepted_job_is_in_the_journal_and_in_the_cluster(world: World) -> None:
    gateway = world.gateway()

    submission = await gateway.submit("one")

    row = await row_of(world, "one")
    assert row is not None
    assert (row.submission, row.phase) == (submission, Phase.ACCEPTED)
    assert world.cluster.jobs_held[framework("one")].submission == submission
    assert (await gateway.found("one")).state is JobState.WAITING


async def test_the_output_folder_is_made_as_the_submitter(world: World) -> None:
    await world.gateway().submit("one")

    assert world.storage.made == [("/Output/alice/one", "alice")]


async def test_an_output_folder_elsewhere_is_not_made(world: World) -> None:
    gateway = world.gateway()

    await gateway.submissions.submit(
        await gateway.check("one", output_dir="hdfs://other/out"), keyed=False
    )

    assert world.storage.made == []


async def test_a_job_has_keys_of_its_own(world: World) -> None:
    first = await world.gateway().check("one")
    second = await world.gateway().check("one")

    assert isinstance(first.keys, KeyPair)
    assert isinstance(second.keys, KeyPair)
    assert first.keys.public.startswith("ssh-ed25519 ")
    assert first.keys.private.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    assert first.keys != second.keys


# ------------------------------------------------------------------------------- the checks


async def test_another_users_namespace_is_forbidden_to_administrators_too(world: World) -> None:
    with pytest.raises(ForbiddenUser, match=r"root .* alice"):
        await world.gateway().check("one", actor=ROOT, namespace="alice")


async def test_a_name_may_be_so_long_and_no_longer(world: World) -> None:
    await world.gateway().check("x" * (251 - len("alice~")))

    with pytest.raises(InvalidParameters, match=r"jobName.*252 characters, at most 251"):
        await world.gateway().check("x" * (252 - len("alice~")))


async def test_an_unknown_virtual_cluster_is_the_callers_fault(world: World) -> None:
    with pytest.raises(NoVirtualCluster) as caught:
        await world.gateway().check("one", virtual_cluster="nowhere")
    assert caught.value.answer_status == 400
    assert caught.value.message == "Virtual cluster nowhere is not found."


async def test_a_virtual_cluster_that_is_not_granted_is_forbidden(world: World) -> None:
    world.grants.clusters["vc1"] = VirtualClusterShare("vc1", 10.0)

    with pytest.raises(ForbiddenUser) as caught:
        await world.gateway().check("one", virtual_cluster="vc1")
    assert caught.value.message == "User alice is not allowed to add job to vc1"


async def test_a_stopped_virtual_cluster_takes_no_jobs(world: World) -> None:
    world.grants.clusters["vc1"] = VirtualClusterShare(
        "vc1", 10.0, state=VirtualClusterState.STOPPED
    )
    world.grants.allowed.add("vc1")

    with pytest.raises(ForbiddenUser, match="accepts no new jobs"):
        await world.gateway().check("one", virtual_cluster="vc1")


async def test_what_cannot_be_checked_is_refused_only_outside_of_default(world: World) -> None:
    world.grants.failure = UnknownError("the ResourceManager is down")

    await world.gateway().check("one")
    with pytest.raises(UnknownError, match="ResourceManager"):
        await world.gateway().check("two", virtual_cluster="vc1")


async def test_what_no_node_can_hold_is_refused_unless_that_is_wanted(world: World) -> None:
    world.cluster.refused = WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, "8 GPUs at most")

    with pytest.raises(InvalidParameters, match="8 GPUs at most"):
        await world.gateway().check("one")
    await world.gateway(accept_unsatisfiable=True).check("one")


@pytest.mark.parametrize("error", [NotSupported("no"), Unavailable("down")])
async def test_what_the_cluster_cannot_judge_is_let_through(world: World, error: Exception) -> None:
    world.cluster.always["refusal"] = lambda: error

    assert (await world.gateway().check("one")).config.name == "one"


async def test_a_dry_run_leaves_nothing_behind_and_finds_the_same_errors(world: World) -> None:
    gateway = world.gateway()

    await gateway.check("one", dry_run=True)
    assert await count(world.store, JOBS) == 0
    assert world.cluster.done == []

    await gateway.submit("one")
    with pytest.raises(ConflictJob):
        await gateway.check("one", dry_run=True)


# ----------------------------------------------------------------------------- the refusals


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Refused("too big", status=400), (400, "InvalidParametersError", "too big")),
        (Refused("what is this", status=422), (400, "InvalidParametersError", "what is this")),
        (Refused("slowly", status=429, retry_after=7), (429, "UnknownError", "slowly")),
        (Refused("full", status=503, retry_after=7), (503, "UnknownError", "full")),
        (Refused("broken", status=500), (500, "UnknownError", "broken")),
        (Refused("no reason"), (500, "UnknownError", "no reason")),
        (JobExists("taken"), (409, "ConflictJobError", "Job name one already exists.")),
        (NotSent("no route"), (500, "UnknownError", "no route")),
        (Rejected("not so"), (500, "UnknownError", "not so")),
        (NotSupported("cannot"), (500, "UnknownError", "cannot")),
    ],
    ids=repr,
)
async def test_a_refusal_is_told_and_undone(
    world: World, refusal: Exception, expected: tuple[int, str, str]
) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [refusal]

    with pytest.raises(ApiError) as caught:
        await gateway.submit("one")

    error = caught.value
    assert (error.answer_status, error.code, error.message) == expected
    assert await row_of(world, "one") is None
    assert not await gateway.shows("one")
    await gateway.submit("one")


@pytest.mark.parametrize(
    "refusal", [NotSent("no route"), Refused("full", status=503, retry_after=9)]
)
async def test_what_may_be_tried_again_says_when(world: World, refusal: Exception) -> None:
    world.cluster.before["submit"] = [refusal]

    with pytest.raises(UnknownError) as caught:
        await world.gateway().submit("one")
    assert int(caught.value.headers["Retry-After"]) >= 1


async def test_a_storage_that_is_down_undoes_the_reservation(world: World) -> None:
    gateway = world.gateway()
    world.storage.failures = [Unavailable("the NameNode is down")] * 3

    with pytest.raises(UnknownError, match="NameNode") as caught:
        await gateway.submit("one")

    assert "Retry-After" in caught.value.headers
    assert await row_of(world, "one") is None
    assert world.cluster.calls.get("submit") is None


async def test_a_storage_that_refuses_the_output_folder_names_the_field(world: World) -> None:
    world.storage.failures = [Rejected("a file is in the way")]

    with pytest.raises(InvalidParameters, match="outputDir: a file is in the way"):
        await world.gateway().submit("one")
    assert await row_of(world, "one") is None


async def test_a_cluster_that_is_known_to_be_down_leaves_no_row_in_doubt(world: World) -> None:
    gateway = world.gateway()
    world.cluster.always["submit"] = lambda: NotSent("no route")
    for number in range(FAILURES_TO_OPEN + 2):
        with pytest.raises(UnknownError, match="no route") as caught:
            await gateway.submit(f"job{number}")
        assert not isinstance(caught.value, UncertainSubmission)

    assert await world.store.read(journal.unsettled("scheduling.fake")) == []


async def test_an_open_breaker_of_timeouts_leaves_no_row_in_doubt(world: World) -> None:
    gateway = world.gateway()
    world.cluster.always["jobs"] = lambda: DeadlineExceeded("too slow")
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(UnknownError):
            await gateway.board.view()

    with pytest.raises(UnknownError, match="too slow") as caught:
        await gateway.submit("one")

    assert not isinstance(caught.value, UncertainSubmission)
    assert await row_of(world, "one") is None


# ------------------------------------------------------------------------------- the doubts

DOUBTS = [
    OutcomeUnknown("the answer was lost"),
    DeadlineExceeded("too late"),
    Unavailable("connection reset"),
    KeyError("a plugin's mistake"),
]


@pytest.mark.parametrize("doubt", DOUBTS, ids=repr)
async def test_a_job_that_is_found_afterwards_is_accepted(world: World, doubt: Exception) -> None:
    gateway = world.gateway()
    world.cluster.after["submit"] = [doubt]

    submission = await gateway.submit("one")

    row = await row_of(world, "one")
    assert row is not None
    assert (row.submission, row.phase) == (submission, Phase.ACCEPTED)


@pytest.mark.parametrize("doubt", DOUBTS, ids=repr)
async def test_a_job_that_is_not_found_keeps_its_name_and_is_in_doubt(
    world: World, doubt: Exception
) -> None:
    gateway = world.gateway()
    world.cluster.before["submit"] = [doubt]

    with pytest.raises(UncertainSubmission) as caught:
        await gateway.submit("one")

    assert caught.value.answer_status == 500
    assert "Retry-After" in caught.value.headers
    row = await row_of(world, "one")
    assert row is not None
    assert (row.phase, row.looks) == (Phase.UNCERTAIN, 1)
    assert await gateway.shows("one")
    with pytest.raises(ConflictJob):
        await gateway.submit("one")


async def test_a_look_that_fails_counts_as_none(world: World) -> None:
    world.cluster.before["submit"] = [OutcomeUnknown("lost")]
    world.cluster.before["find_submission"] = [Unavailable("down")]

    with pytest.raises(UncertainSubmission):
        await world.gateway().submit("one")

    row = await row_of(world, "one")
    assert row is not None
    assert (row.phase, row.looks) == (Phase.UNCERTAIN, 0)


async def test_a_cluster_that_hangs_is_given_up_and_the_job_is_in_doubt(world: World) -> None:
    world.timeout = 0.05
    world.cluster.gates["submit"] = anyio.Event()

    with pytest.raises(UncertainSubmission, match="did not answer in time"):
        await world.gateway().submit("one")


async def test_a_name_that_turns_out_to_be_anothers_is_a_conflict(world: World) -> None:
    gateway, other = world.gateway(), world.gateway()
    await other.submit("one")
    row = await row_of(world, "one")
    assert row is not None
    await world.store.write(journal.forget_accepted(row.submission))
    world.cluster.before["submit"] = [OutcomeUnknown("lost")]

    with pytest.raises(ConflictJob):
        await gateway.submit("one")
    assert await row_of(world, "one") is None


async def test_a_job_that_arrived_is_never_undone_for_the_databases_sake(world: World) -> None:
    store = FailingStore(world.store, lambda: bool(world.cluster.done))
    with pytest.raises(UncertainSubmission, match="database"):
        await world.gateway(store).submit("one")

    await world.recovered()
    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED
    assert world.cluster.done == [("submit", "alice~one")]


# ------------------------------------------------------------------------ crashes and crowds


async def test_eight_at_once_on_two_gateways_are_one_job(world: World, database: Database) -> None:
    outcomes: list[str] = []

    async def submit(gateway: Gateway) -> None:
        try:
            await gateway.submit("one")
        except ConflictJob:
            outcomes.append("conflict")
        else:
            outcomes.append("accepted")

    async with database.open() as other:
        gateways = [world.gateway(), world.gateway(other)]
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(submit, gateways[number % 2])

    assert sorted(outcomes) == ["accepted", *["conflict"] * 7]
    assert world.cluster.done == [("submit", "alice~one")]


async def test_a_crash_before_the_reservation_leaves_nothing(world: World) -> None:
    gateway = world.gateway()
    await gateway.check("one")

    await world.recovered()

    assert await row_of(world, "one") is None
    assert world.cluster.done == []


@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_crash_around_the_hand_over_makes_one_job(world: World, point: str) -> None:
    failures = world.cluster.before if point == "before" else world.cluster.after
    failures["submit"] = [Crash()]
    with pytest.raises(Crash):
        await world.gateway().submit("one")
    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.RESERVED

    gateway = await world.recovered()

    assert world.cluster.done == [("submit", "alice~one")]
    assert world.storage.made[-1] == ("/Output/alice/one", "alice")
    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED
    assert await gateway.shows("one")


async def test_a_caller_that_goes_away_leaves_a_job_that_recovery_completes(
    world: World,
) -> None:
    gateway = world.gateway()
    world.cluster.gates["submit"] = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(gateway.submit, "one")
        await world.cluster.reached("submit")
        group.cancel_scope.cancel()
    world.cluster.gates["submit"].set()

    await gateway.recovery.round(10)

    assert world.cluster.done == [("submit", "alice~one")]
    row = await row_of(world, "one")
    assert row is not None
    assert row.phase is Phase.ACCEPTED


async def test_a_job_that_the_cluster_has_forgotten_frees_its_name(world: World) -> None:
    gateway = world.gateway()
    first = await gateway.submit("one")
    await gateway.found("one")
    with pytest.raises(ConflictJob):
        await gateway.submit("one")

    world.cluster.forget(framework("one"))
    gateway.board.touch()

    assert await gateway.submit("one") != first


async def test_a_cluster_that_cannot_be_asked_keeps_the_name(world: World) -> None:
    gateway = world.gateway()
    await gateway.submit("one")
    world.cluster.always["jobs"] = lambda: Unavailable("down")
    world.cluster.always["find_submission"] = lambda: Unavailable("down")

    with pytest.raises(ConflictJob):
        await (world.gateway()).submit("one")


async def test_the_row_holds_all_that_the_cluster_gets(world: World) -> None:
    gateway = world.gateway()
    job = await gateway.check("one")
    await gateway.submissions.submit(job, keyed=False)

    row = await row_of(world, "one")
    assert row is not None
    assert submission_of(row, FS_URI) == job
    assert "PRIVATE" not in repr(row)
