"""Bring a job's code folder from the storage to where its tasks find it (contract, 4.2)."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

import anyio

from jobyard.domain.identity import Actor
from jobyard.domain.job import JobSubmission
from jobyard.domain.paths import storage_path
from jobyard.errors import NotFound, Rejected
from jobyard.seams.storage import FileKind, InvalidPath, Storage

LARGEST_CODE: Final = 200 * 1024 * 1024
"""Bytes of a code folder, all files together."""

MOST_FILES: Final = 20_000
"""Files and folders of a code folder."""

_PAGE: Final = 500


class CodeUnusable(Exception):
    """Say why a job's code folder cannot be brought to its tasks; the same tomorrow."""


def folder_name(job: JobSubmission) -> str:
    """Give the name under which tasks find the code; empty where there is none."""
    return posixpath.basename(job.config.code_dir.rstrip("/"))


class CodeCopy:
    """Copy one job's code folder, as its submitter; count what was copied."""

    def __init__(self, storage: Storage, job: JobSubmission) -> None:
        self._storage = storage
        self._job = job
        self._actor = Actor(account=job.submitter)
        self._bytes = 0
        self._entries = 0

    async def fetch(self, target: Path) -> None:
        """Copy the code from the storage to ``target``, which must not exist.

        Raises:
            CodeUnusable: It is not there, not readable for the submitter, or too large.
            BackendError: The storage failed.
        """
        shown = self._job.config.code_dir
        path = storage_path(shown, self._job.fs_uri)
        if path is None:
            raise CodeUnusable(f"codeDir {shown} does not lie in this gateway's storage")
        try:
            status = await self._storage.stat(path, as_user=self._actor)
            if status.kind is FileKind.FILE:
                await self._file(path, target)
            else:
                await self._folder(path, target)
        except NotFound as error:
            raise CodeUnusable(f"codeDir {shown} does not exist") from error
        except (Rejected, InvalidPath) as error:
            raise CodeUnusable(f"codeDir {shown} cannot be read: {error.message}") from error

    async def _folder(self, path: str, target: Path) -> None:
        await anyio.Path(target).mkdir(mode=0o700)
        after: str | None = None
        while True:
            page = await self._storage.list(path, after, _PAGE, as_user=self._actor)
            for entry in page.entries:
                self._count(0)
                below = f"{path.rstrip('/')}/{entry.name}"
                if entry.kind is FileKind.FOLDER:
                    await self._folder(below, target / entry.name)
                else:
                    await self._file(below, target / entry.name, executable=entry.mode & 0o100)
            if page.next_after is None:
                return
            after = page.next_after

    async def _file(self, path: str, target: Path, *, executable: int = 0) -> None:
        async with await anyio.open_file(target, "wb") as file:
            chunks = self._storage.read(path, as_user=self._actor)
            try:
                async for chunk in chunks:
                    self._count(len(chunk))
                    await file.write(chunk)
            finally:
                if isinstance(chunks, AsyncGenerator):
                    await chunks.aclose()
        if executable:
            await anyio.Path(target).chmod(0o700)

    def _count(self, size: int) -> None:
        self._bytes += size
        self._entries += size == 0
        if self._bytes > LARGEST_CODE or self._entries > MOST_FILES:
            raise CodeUnusable(
                f"codeDir {self._job.config.code_dir} is larger than "
                f"{LARGEST_CODE // (1024 * 1024)} MB or {MOST_FILES} files"
            )


def hand_out(source: Path, name: str, tasks: Sequence[Path]) -> None:
    """Give every task its own copy of the code, in its working directory; blocks."""
    for task in tasks:
        target = task / "work" / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
