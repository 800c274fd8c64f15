from __future__ import annotations

import pytest
from attrs import evolve

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, OperationId, SubmissionId
from jobyard.seams.context import Store
from jobyard.services import journal, operations
from jobyard.services.journal import JobRow, Phase
from jobyard.services.operations import Operation, OperationKind, Standing
from tests.core.services.doubles import ALICE

ROW = JobRow(
    submission=SubmissionId("s1"),
    namespace="alice",
    name="one",
    submitter="alice",
    backend="b",
    phase=Phase.RESERVED,
    virtual_cluster="default",
    created_at=1,
    document=b"{}",
    config=b"{}",
    public_key="public",
    private_key=b"\0secret",
    owner="me",
    lease_until=100,
)
NAME = FrameworkName("alice", "one")


def operation(number: str, at: int, *, submission: str | None = "s1") -> Operation:
    ref = JobRef(NAME, None if submission is None else SubmissionId(submission))
    return Operation(OperationId(number), OperationKind.STOP, ref, ALICE, "b", at, lease_until=100)


async def test_a_row_comes_back_as_it_was_written(store: Store) -> None:
    assert await store.write(journal.reserve(ROW))

    assert await store.read(journal.find(NAME)) == ROW
    assert await store.read(journal.get(ROW.submission)) == ROW
    assert await store.read(journal.unsettled("b")) == [ROW]
    assert await store.read(journal.existing([ROW.submission, SubmissionId("x")])) == {"s1"}


async def test_a_name_is_taken_once_and_a_repetition_is_no_conflict(store: Store) -> None:
    assert await store.write(journal.reserve(ROW))
    assert await store.write(journal.reserve(ROW))

    assert not await store.write(journal.reserve(evolve(ROW, submission=SubmissionId("s2"))))
    assert await store.write(
        journal.reserve(evolve(ROW, submission=SubmissionId("s3"), namespace="bob"))
    )


async def test_only_the_owner_takes_a_row_back(store: Store) -> None:
    await store.write(journal.reserve(ROW))

    assert not await store.write(journal.forget(ROW.submission, "another"))
    assert await store.write(journal.forget(ROW.submission, "me"))
    assert not await store.write(journal.forget(ROW.submission, "me"))


async def test_an_accepted_row_is_not_taken_back_nor_doubted(store: Store) -> None:
    await store.write(journal.reserve(ROW))
    await store.write(journal.accept(ROW.submission))

    await store.write(journal.doubt(ROW.submission, 1, 5))
    assert not await store.write(journal.forget(ROW.submission, ""))
    assert not await store.write(journal.claim(ROW, "me", 1000))

    row = await store.read(journal.find(NAME))
    assert row is not None
    assert row.phase is Phase.ACCEPTED
    assert await store.read(journal.unsettled("b")) == []


async def test_a_row_is_claimed_when_its_lease_has_ended_and_by_one_alone(store: Store) -> None:
    await store.write(journal.reserve(ROW))

    assert not await store.write(journal.claim(ROW, "another", 99))
    assert await store.write(journal.claim(ROW, "another", 100))
    assert not await store.write(journal.claim(ROW, "third", 101))
    assert await store.write(journal.claim(ROW, "another", 102))

    await store.write(journal.release(ROW.submission, "third"))
    assert not await store.write(journal.claim(ROW, "third", 103))
    await store.write(journal.release(ROW.submission, "another"))
    assert await store.write(journal.claim(ROW, "third", 103))


async def test_a_row_that_was_looked_at_since_is_not_claimed(store: Store) -> None:
    await store.write(journal.reserve(ROW))
    await store.write(journal.doubt(ROW.submission, 1, 5))

    assert not await store.write(journal.claim(ROW, "me", 1000))
    assert not await store.write(journal.claim(evolve(ROW, phase=Phase.UNCERTAIN), "me", 1000))


async def test_a_row_in_doubt_is_nobodys_and_may_be_claimed_at_once(store: Store) -> None:
    await store.write(journal.reserve(ROW))
    await store.write(journal.doubt(ROW.submission, 1, 5))

    doubted = evolve(ROW, phase=Phase.UNCERTAIN, looks=1, looked_at=5, owner="", lease_until=0)
    assert await store.read(journal.get(ROW.submission)) == doubted
    assert not await store.write(journal.forget(ROW.submission, "me"))
    assert await store.write(journal.claim(doubted, "another", 0))


async def test_a_row_whose_phase_is_another_now_is_not_claimed(store: Store) -> None:
    await store.write(journal.reserve(ROW))
    await store.write(journal.doubt(ROW.submission, 0, 0))
    assert not await store.write(journal.claim(ROW, "me", 1000))

    await store.write(journal.accept(ROW.submission))
    assert not await store.write(journal.claim(evolve(ROW, phase=Phase.ACCEPTED), "me", 1000))


async def test_a_claim_lasts_as_long_as_is_said(store: Store) -> None:
    await store.write(journal.reserve(ROW))

    await store.write(journal.claim(ROW, "another", 100, 1.5))

    assert await store.read(journal.get(ROW.submission)) == evolve(
        ROW, owner="another", lease_until=1600
    )


async def test_what_befalls_a_row_leaves_the_others_of_its_owner_alone(store: Store) -> None:
    other = evolve(ROW, submission=SubmissionId("s2"), namespace="bob")
    for row in (ROW, other):
        await store.write(journal.reserve(row))

    await store.write(journal.release(ROW.submission, "me"))
    await store.write(journal.doubt(ROW.submission, 1, 5))
    await store.write(journal.claim(evolve(ROW, phase=Phase.UNCERTAIN, looks=1), "me", 6))
    assert await store.write(journal.forget(ROW.submission, "me"))

    assert await store.read(journal.unsettled("b")) == [other]
    assert await store.read(journal.find(FrameworkName("bob", "one"))) == other
    assert await store.read(journal.find(NAME)) is None


async def test_released_rows_may_be_claimed_at_once(store: Store) -> None:
    await store.write(journal.reserve(ROW))
    await store.write(journal.release(ROW.submission, "me"))
    assert await store.write(journal.claim(ROW, "another", 0))

    await store.write(journal.release_all())
    assert await store.write(journal.claim(ROW, "third", 0))


async def test_the_oldest_submission_comes_first(store: Store) -> None:
    newer = evolve(ROW, submission=SubmissionId("s2"), name="two")
    for row in (newer, ROW):
        await store.write(journal.reserve(row))

    assert await store.read(journal.unsettled("b")) == [ROW, newer]


async def test_rows_of_another_backend_are_known_apart(store: Store) -> None:
    await store.write(journal.reserve(ROW))

    assert await store.read(journal.unsettled("other")) == []
    assert await store.read(journal.of_others("other")) == [ROW]
    assert await store.read(journal.of_others("b")) == []


async def test_a_job_frees_its_name_only_when_it_had_been_accepted(store: Store) -> None:
    await store.write(journal.reserve(ROW))

    await store.write(journal.forget_accepted(ROW.submission))
    assert await store.read(journal.find(NAME)) is not None

    await store.write(journal.accept(ROW.submission))
    await store.write(journal.forget_accepted(ROW.submission))
    assert await store.read(journal.find(NAME)) is None


@pytest.mark.parametrize(
    ("phase", "backend", "standing"),
    [
        (Phase.RESERVED, "b", Standing.UNSETTLED),
        (Phase.UNCERTAIN, "b", Standing.UNSETTLED),
        (Phase.ACCEPTED, "b", Standing.BEGUN),
        (Phase.ACCEPTED, "other", Standing.ELSEWHERE),
        (Phase.RESERVED, "other", Standing.ELSEWHERE),
    ],
)
async def test_an_operation_begins_on_an_accepted_job_of_its_own_backend(
    store: Store, phase: Phase, backend: str, standing: Standing
) -> None:
    await store.write(journal.reserve(evolve(ROW, phase=phase, backend=backend)))

    assert await store.write(operations.begin(operation("o1", 1))) is standing
    begun = standing is Standing.BEGUN
    assert await store.read(operations.pending("b")) == ([operation("o1", 1)] if begun else [])


async def test_what_was_done_settles_what_is_older_on_the_same_job(store: Store) -> None:
    old, done, newer = operation("o1", 1), operation("o2", 2), operation("o3", 3)
    foreign = operation("o0", 1, submission=None)
    for each in (old, done, newer, foreign):
        await store.write(operations.begin(each))

    await store.write(operations.end(done, done=True))
    assert await store.read(operations.pending("b")) == [foreign, newer]

    await store.write(operations.end(newer, done=False))
    assert await store.read(operations.pending("b")) == [foreign]


@pytest.mark.parametrize(
    "other",
    [
        evolve(operation("o1", 1), backend="other"),
        evolve(operation("o1", 1), ref=JobRef(FrameworkName("bob", "one"), SubmissionId("s1"))),
        evolve(operation("o1", 1), ref=JobRef(FrameworkName(None, "one"), SubmissionId("s1"))),
        evolve(operation("o1", 1), ref=JobRef(FrameworkName("alice", "two"), SubmissionId("s1"))),
        operation("o1", 1, submission="s2"),
        operation("o1", 2),
    ],
    ids=["backend", "namespace", "legacy", "name", "submission", "moment"],
)
async def test_what_was_done_leaves_every_other_job_alone(store: Store, other: Operation) -> None:
    done = operation("o2", 2)
    for each in (other, done):
        await store.write(operations.begin(each))

    await store.write(operations.end(done, done=True))

    assert await store.read(operations.pending(other.backend)) == [other]


async def test_an_operation_comes_back_as_it_was_written(store: Store) -> None:
    by_admin = evolve(operation("o1", 1), actor=Actor("root", admin=True))
    legacy = evolve(operation("o2", 2), ref=JobRef(FrameworkName(None, "old"), None))
    for each in (by_admin, legacy):
        await store.write(operations.begin(each))

    assert await store.read(operations.pending("b")) == [by_admin, legacy]
    (row, _) = await store.read(operations.pending("b"))
    assert type(row.kind) is OperationKind


async def test_the_oldest_operation_comes_first_and_of_one_moment_the_first_id(
    store: Store,
) -> None:
    ordered = [operation("o9", 1), operation("o1", 2), operation("o2", 2), operation("o0", 3)]
    for index in (3, 2, 0, 1):
        await store.write(operations.begin(ordered[index]))

    assert await store.read(operations.pending("b")) == ordered


async def test_released_operations_may_be_claimed_at_once(store: Store) -> None:
    await store.write(operations.begin(operation("o1", 1)))

    await store.write(operations.release_all())

    assert await store.write(operations.claim(operation("o1", 1), 0, 200))


async def test_an_operation_is_claimed_by_one(store: Store) -> None:
    await store.write(operations.begin(operation("o1", 1)))

    assert not await store.write(operations.claim(operation("o1", 1), 99, 200))
    assert await store.write(operations.claim(operation("o1", 1), 100, 200))
    assert not await store.write(operations.claim(operation("o1", 1), 100, 200))

    await store.write(operations.postpone(operation("o1", 1), 0))
    assert await store.write(operations.claim(operation("o1", 1), 100, 200))
