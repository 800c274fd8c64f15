"""Code, brought from the storage to every task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from attrs import evolve

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobConfig, JobRef, JobSubmission, SubmissionId
from jobyard.errors import Unavailable
from jobyard.seams.storage import FileStatus, InvalidPath, NotPermitted, Storage
from jobyard_backends.scheduling.local import code_folder
from jobyard_backends.scheduling.local.code_folder import CodeCopy, CodeUnusable, hand_out

from .world import FS_URI, MemoryStorage, role


def submission(code_dir: str) -> JobSubmission:
    config = JobConfig(name="job", image="none", task_roles=(role(),), code_dir=code_dir)
    ref = JobRef(FrameworkName("alice", "job"), SubmissionId("one"))
    return JobSubmission(ref, "alice", config, b"{}", FS_URI, 0)


def copy_of(storage: MemoryStorage, code_dir: str = f"{FS_URI}/code") -> CodeCopy:
    return CodeCopy(cast("Storage", storage), submission(code_dir))


class Executable(MemoryStorage):
    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        return evolve(await super().stat(path, as_user=as_user), mode=0o755)


class Endless(MemoryStorage):
    """Give a file without end, and remember that its reader was closed."""

    closed = False

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1024
        finally:
            self.closed = True


async def test_folders_are_copied_whole_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_folder, "_PAGE", 2)
    storage = Executable()
    storage.files = {f"/code/lib/f{n}": b"%d" % n for n in range(5)} | {"/code/run.sh": b"go"}

    await copy_of(storage).fetch(tmp_path / "code")

    assert [(tmp_path / "code" / "lib" / f"f{n}").read_text() for n in range(5)] == list("01234")
    assert (tmp_path / "code" / "run.sh").stat().st_mode & 0o777 == 0o700
    assert storage.asked_as == {"alice"}


async def test_a_single_file_may_be_the_code(tmp_path: Path) -> None:
    storage = MemoryStorage()
    storage.files = {"/code": b"whole"}
    for name in ("a", "b"):
        (tmp_path / name / "work").mkdir(parents=True)

    await copy_of(storage).fetch(tmp_path / "code")
    hand_out(tmp_path / "code", "code", [tmp_path / "a", tmp_path / "b"])

    assert [(tmp_path / name / "work" / "code").read_text() for name in "ab"] == ["whole"] * 2


async def test_code_that_is_too_large_is_refused_and_no_longer_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_folder, "LARGEST_CODE", 1024 * 1024)
    storage = Endless()
    storage.files = {"/code/x": b""}

    with pytest.raises(CodeUnusable, match="larger than 1 MB"):
        await copy_of(storage).fetch(tmp_path / "code")

    assert storage.closed


async def test_code_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_folder, "MOST_FILES", 3)
    storage = MemoryStorage()
    storage.files = {f"/code/f{n}": b"" for n in range(4)}

    with pytest.raises(CodeUnusable, match="or 3 files"):
        await copy_of(storage).fetch(tmp_path / "code")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (NotPermitted("alice may not read it"), "alice may not read it"),
        (InvalidPath("a name is too long"), "a name is too long"),
    ],
)
async def test_code_that_cannot_be_read_is_unusable_and_says_why(
    tmp_path: Path, failure: Exception, words: str
) -> None:
    storage = MemoryStorage()
    storage.failure = failure

    with pytest.raises(CodeUnusable, match=words):
        await copy_of(storage).fetch(tmp_path / "code")


async def test_code_elsewhere_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(CodeUnusable, match="does not lie in this gateway's storage"):
        await copy_of(MemoryStorage(), "s3://bucket/code").fetch(tmp_path / "code")


async def test_a_storage_that_is_down_is_told_as_it_is(tmp_path: Path) -> None:
    storage = MemoryStorage()
    storage.failure = Unavailable("away")

    with pytest.raises(Unavailable):
        await copy_of(storage).fetch(tmp_path / "code")
