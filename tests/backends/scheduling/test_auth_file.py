"""The login for a registry, read from the storage."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import FrameworkName, JobConfig, JobRef, JobSubmission, SubmissionId
from jobyard.errors import Unavailable
from jobyard.seams.storage import NotPermitted, Storage
from jobyard_backends.scheduling.auth_file import (
    LARGEST_AUTH_FILE,
    AuthFileUnusable,
    RegistryLogin,
    registry_login,
)
from tests.backends.scheduling.local.world import FS_URI, MemoryStorage, role

words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=40)


def submission(auth_file: str) -> JobSubmission:
    config = JobConfig(name="job", image="none", task_roles=(role(),), auth_file=auth_file)
    ref = JobRef(FrameworkName("alice", "job"), SubmissionId("one"))
    return JobSubmission(ref, "alice", config, b"{}", FS_URI, 0)


async def login(content: bytes | None, auth_file: str = f"{FS_URI}/login") -> RegistryLogin | None:
    storage = MemoryStorage()
    storage.files = {} if content is None else {"/login": content}
    return await registry_login(cast("Storage", storage), submission(auth_file))


@given(lines=st.tuples(words, words, words), end=st.sampled_from(["\n", "\r\n"]))
async def test_three_lines_are_a_login(lines: tuple[str, str, str], end: str) -> None:
    for text in (end.join(lines), end.join((*lines, ""))):
        found = await login(text.encode())

        assert found is not None
        assert (found.server, found.username, found.password.reveal()) == lines


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"registry\nalice\n",
        b"registry\n\nhunter2\n",
        b"registry\nalice\nhunter2\nmore\n",
        b"\xff\nalice\nhunter2\n",
        b"registry\nalice\n" + b"hunter2" * LARGEST_AUTH_FILE,
    ],
)
async def test_anything_else_is_refused_without_its_content(content: bytes) -> None:
    with pytest.raises(AuthFileUnusable, match="has to have three lines") as raised:
        await login(content)

    assert "hunter2" not in f"{raised.value!r}"


async def test_the_password_does_not_show() -> None:
    assert "hunter2" not in repr(await login(b"registry\nalice\nhunter2\n"))


async def test_a_job_without_a_file_has_no_login() -> None:
    assert await login(None, "") is None


async def test_a_file_that_is_missing_or_elsewhere_is_told() -> None:
    with pytest.raises(AuthFileUnusable, match="/login does not exist"):
        await login(None)
    with pytest.raises(AuthFileUnusable, match="does not lie in this gateway's storage"):
        await login(None, "s3://bucket/login")


async def test_a_file_that_the_submitter_may_not_read_is_told() -> None:
    storage = MemoryStorage()
    storage.failure = NotPermitted("alice may not read it")

    with pytest.raises(AuthFileUnusable, match="cannot be read: alice may not read it"):
        await registry_login(cast("Storage", storage), submission("/login"))


async def test_a_storage_that_is_down_is_told_as_it_is() -> None:
    storage = MemoryStorage()
    storage.failure = Unavailable("away")

    with pytest.raises(Unavailable):
        await registry_login(cast("Storage", storage), submission("/login"))
