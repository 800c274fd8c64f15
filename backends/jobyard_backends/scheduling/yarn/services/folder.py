"""The folder of an attempt in the storage: what its tasks note there, and what they are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from jobyard.domain.identity import Actor
from jobyard.domain.job import JobSubmission
from jobyard.domain.paths import storage_path
from jobyard.errors import NotFound, Rejected
from jobyard.seams.storage import FileKind, FileStatus, InvalidPath, Storage
from jobyard_backends.scheduling.yarn.services.records import Record

_PAGE: Final = 1000
_MOST_FILES: Final = 5000
_LONGEST_NOTE: Final = 4096
_SECRET: Final = 0o600
_PRIVATE: Final = 0o700


class CodeUnusable(Exception):
    """Say why a job's code folder cannot be brought to its tasks; the same tomorrow."""


class Folder:
    """Read and write one attempt's folder, as the job's submitter."""

    def __init__(self, storage: Storage, record: Record) -> None:
        self._storage = storage
        self._job = record.job
        self._actor = Actor(record.job.submitter)
        self._root = root_of(record)
        number = record.last.number if record.attempts else 0
        self.path = f"{self._root}/{number}"

    async def make(self) -> None:
        """Make the folder, and the user's own, in which YARN keeps the service's files."""
        await self._storage.mkdirs(f"/user/{self._job.submitter}", as_user=self._actor)
        await self._storage.mkdirs(self.path, mode=_PRIVATE, as_user=self._actor)

    async def names(self) -> Sequence[str]:
        """Give what tasks have noted, oldest first."""
        entries = await self._entries(self.path)
        return [each.name for each in sorted(entries, key=lambda each: each.modified_at)]

    async def note(self, name: str) -> str:
        """Read what a task noted; it may be anything, and is cut to a few kilobytes."""
        chunks = self._storage.read(f"{self.path}/{name}", 0, _LONGEST_NOTE, as_user=self._actor)
        return b"".join([chunk async for chunk in chunks]).decode("utf-8", "replace")

    async def tell(
        self,
        name: str,
        ports: Sequence[int],
        files: Sequence[tuple[int, str, str]],
        command: str,
        environment: Mapping[str, str],
    ) -> None:
        """Tell a task what to do; ``files`` are mode, address and path of its code's files."""
        lines = (f"{mode:o}\t{address}\t{path}" for mode, address, path in files)
        parts = (
            " ".join(map(str, ports)),
            "\n".join(lines),
            command,
            *(f"{key}={value}" for key, value in environment.items()),
        )
        content = b"".join(part.encode() + b"\0" for part in parts)
        await self._storage.write(
            f"{self.path}/go.{name}",
            _once(content),
            overwrite=True,
            mode=_SECRET,
            as_user=self._actor,
        )

    async def code(self, front: str) -> Sequence[tuple[int, str, str]]:
        """Give mode, address below ``front``, and path of every file of the job's code.

        Raises:
            CodeUnusable: It is not there, cannot be read, or has too many files.
        """
        shown = self._job.config.code_dir
        if not shown:
            return []
        path = storage_path(shown, self._job.fs_uri)
        if path is None:
            raise CodeUnusable(f"codeDir {shown} does not lie in this gateway's storage")
        try:
            status = await self._storage.stat(path, as_user=self._actor)
            name = path.rpartition("/")[2]
            found: list[tuple[int, str, str]] = []
            await self._walk(path, name, status, found)
        except (NotFound, Rejected, InvalidPath) as error:
            message = f"codeDir {shown} cannot be read: {error.message}"
            raise CodeUnusable(message) from error
        return [(mode, front + quote(each), name) for mode, each, name in found]

    async def _walk(
        self, path: str, name: str, status: FileStatus, found: list[tuple[int, str, str]]
    ) -> None:
        if status.kind is FileKind.FILE:
            if "\n" in name or "\t" in name:
                raise CodeUnusable(f"{name!r} in codeDir has a line break or a tab in its name")
            if len(found) >= _MOST_FILES:
                message = f"codeDir {self._job.config.code_dir} has more than {_MOST_FILES} files"
                raise CodeUnusable(message)
            found.append((0o700 if status.mode & 0o100 else 0o600, path, name))
            return
        for entry in await self._entries(path):
            await self._walk(f"{path}/{entry.name}", f"{name}/{entry.name}", entry, found)

    async def remove(self) -> None:
        """Remove the folders of all attempts."""
        await self._storage.remove(self._root, recursive=True, as_user=self._actor)

    async def _entries(self, path: str) -> Sequence[FileStatus]:
        found: list[FileStatus] = []
        after: str | None = None
        while True:
            page = await self._storage.list(path, after, _PAGE, as_user=self._actor)
            found += page.entries
            if page.next_after is None:
                return found
            after = page.next_after


def root_of(record: Record) -> str:
    """Give the folder of a job; each submission has one of its own."""
    job: JobSubmission = record.job
    return f"/Container/{job.submitter}/{job.name}/{job.submission}"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
