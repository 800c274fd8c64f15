from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jobyard.database.store import SqlStore
from jobyard.domain.job import FrameworkName, JobRef, SubmissionId
from jobyard.errors import UnauthorizedUser
from jobyard.secret import Secret
from jobyard.services import journal
from jobyard.services.job_tokens import SignedJobTokens, StorageUser
from jobyard.services.journal import JobRow, Phase
from jobyard.services.signing import Signer, UserClaims
from tests.databases import Database, HandClock

REF = JobRef(FrameworkName("alice", "train"), SubmissionId("s1"))
ROW = JobRow(
    submission=SubmissionId("s1"),
    namespace="alice",
    name="train",
    submitter="alice",
    backend="local",
    phase=Phase.ACCEPTED,
    virtual_cluster="default",
    created_at=0,
    document=b"{}",
    config=b"{}",
    public_key="",
    private_key=b"",
)
CLOCK = HandClock(1_700_000_000)
SIGNER = Signer((Secret("k" * 40),), CLOCK)


@pytest.fixture
async def store(sqlite_database: Database) -> AsyncIterator[SqlStore]:
    async with sqlite_database.open() as opened:
        await opened.write(journal.reserve(ROW))
        yield opened


async def test_a_token_is_its_users_for_its_job(store: SqlStore) -> None:
    tokens = SignedJobTokens(SIGNER, store)

    token = tokens.storage_token(REF, "alice", 60)

    assert await tokens.storage_user(token.reveal()) == StorageUser("alice", REF)


async def test_a_token_dies_with_its_job(store: SqlStore) -> None:
    tokens = SignedJobTokens(SIGNER, store)
    token = tokens.storage_token(REF, "alice", 60).reveal()

    await store.write(journal.forget_accepted(ROW.submission))

    with pytest.raises(UnauthorizedUser):
        await tokens.storage_user(token)


async def test_a_token_ends(store: SqlStore) -> None:
    clock = HandClock(1_700_000_000)
    tokens = SignedJobTokens(Signer((Secret("k" * 40),), clock), store)
    token = tokens.storage_token(REF, "alice", 60).reveal()

    clock.seconds += 60

    with pytest.raises(UnauthorizedUser):
        await tokens.storage_user(token)


async def test_tokens_of_other_purposes_and_of_no_job_are_refused(store: SqlStore) -> None:
    tokens = SignedJobTokens(SIGNER, store)
    now = CLOCK.now() // 1000
    forged = [
        "",
        SIGNER.sign_user(UserClaims("alice", True, now, now + 60, 1)),
        SIGNER.sign_link("ssh-key", "s1", 60),
        SIGNER.sign("jobyard:storage", "alice", 60),
        SIGNER.sign("jobyard:storage", "alice", 60, {"ns": "alice", "job": "train"}),
        SIGNER.sign(
            "jobyard:storage", "alice", 60, {"ns": "bob", "job": "train", "submission": "s1"}
        ),
        SIGNER.sign(
            "jobyard:storage", "not a name", 60, {"ns": "alice", "job": "x", "submission": "s1"}
        ),
    ]

    for token in forged:
        with pytest.raises(UnauthorizedUser):
            await tokens.storage_user(token)


@pytest.mark.parametrize(
    "ref",
    [
        JobRef(FrameworkName("alice", "x"), None),
        JobRef(FrameworkName(None, "x"), SubmissionId("s")),
    ],
)
async def test_jobs_that_were_not_submitted_here_get_no_token(store: SqlStore, ref: JobRef) -> None:
    with pytest.raises(ValueError, match="not submitted here"):
        SignedJobTokens(SIGNER, store).storage_token(ref, "alice", 60)
