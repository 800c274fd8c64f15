"""A storage in memory, for tests: it keeps every promise of the seam, and fails when told to."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread
from anyio.lowlevel import checkpoint
from attrs import frozen

from jobyard.clock import Clock, SystemClock
from jobyard.domain.identity import Actor
from jobyard.errors import BackendError, Conflict, Unavailable
from jobyard.seams.context import Context
from jobyard.seams.provider import StorageProvider, storage_provider
from jobyard.seams.storage import (
    ContentSummary,
    FileChecksum,
    FilePage,
    FileStatus,
    IsAFolder,
    Storage,
    StorageSettings,
)
from jobyard.testing.fakes.tree import FileTree, Segments, segments, shown

_CHUNK: Final = 64 * 1024


class FakeStorage:
    """Keep files in memory; implements :class:`jobyard.seams.storage.Storage`.

    While ``down`` is true every call raises ``Unavailable``; :meth:`fail_next` has the next call
    fail in any other way.
    """

    def __init__(self, tree: FileTree | None = None, *, clock: Clock | None = None) -> None:
        self.down = False
        self._tree = FileTree(clock or SystemClock()) if tree is None else tree
        self._failures: list[BackendError] = []
        self._appended: set[Segments] = set()

    def fail_next(self, error: BackendError) -> None:
        """Have the next call raise an error; told again, the call after that, and so on."""
        self._failures.append(error)

    def files(self) -> dict[str, bytes | None]:
        """Give every path but the root with its content, ``None`` being a folder's."""
        return self._tree.content()

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path; see the seam."""
        await self._answer()
        return self._tree.status(segments(path), as_user)

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give entries of a folder; see the seam."""
        await self._answer()
        return self._tree.page(segments(path), after, limit, as_user)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        """Stream a file's bytes; see the seam."""
        await self._answer()
        content = self._tree.read(segments(path), as_user)
        end = len(content) if length is None else min(len(content), offset + length)
        for start in range(offset, end, _CHUNK):
            yield content[start : min(end, start + _CHUNK)]
            await self._answer()

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,  # noqa: ARG002 - it always is: nothing else costs less here
        as_user: Actor,
    ) -> None:
        """Write a file; see the seam."""
        await self._answer()
        names = segments(path)
        if not names:
            message = "/ already exists as a directory"
            raise IsAFolder(message)
        self._tree.may_put(names, as_user, overwrite=overwrite)
        data = await _gathered(chunks)
        await self._answer()
        self._tree.put(names, data, as_user, overwrite=overwrite, mode=mode)

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end; see the seam."""
        await self._answer()
        names = segments(path)
        self._tree.may_append(names, as_user)
        if names in self._appended:
            message = f"{shown(names)} is being appended to by another client"
            raise Conflict(message)
        self._appended.add(names)
        try:
            data = await _gathered(chunks)
            await self._answer()
            self._tree.append(names, data, as_user)
        finally:
            self._appended.discard(names)

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder; see the seam."""
        await self._answer()
        self._tree.make_folders(segments(path), mode, as_user)

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder; see the seam."""
        await self._answer()
        return self._tree.rename(segments(source), segments(target), as_user)

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder; see the seam."""
        await self._answer()
        return self._tree.remove(segments(path), as_user, recursive=recursive)

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits; see the seam."""
        await self._answer()
        self._tree.change_mode(segments(path), mode, as_user)

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Count what lies below a path; see the seam."""
        await self._answer()
        return self._tree.summary(segments(path), as_user)

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Give the SHA-256 of a file; see the seam."""
        await self._answer()
        content = self._tree.read(segments(path), as_user)
        return await to_thread.run_sync(_summed, content)

    async def ping(self) -> None:
        """Return unless it is down; see the seam."""
        await self._answer()

    async def _answer(self) -> None:
        """Be a call that goes somewhere: let others run, and fail if told to."""
        await checkpoint()
        if self.down:
            message = "The storage in memory is down."
            raise Unavailable(message)
        if self._failures:
            raise self._failures.pop(0)


async def _gathered(chunks: AsyncIterable[bytes]) -> bytes:
    parts = [chunk async for chunk in chunks]
    # In a thread, as is the summing: a large file takes its time.
    return await to_thread.run_sync(b"".join, parts)


def _summed(content: bytes) -> FileChecksum:
    return FileChecksum("SHA-256", hashlib.sha256(content).digest())


@frozen
class FakeStorageConfig(StorageSettings):
    """Be the settings of the storage in memory: there are none of its own."""


def fake_storage_provider(
    make: Callable[[FileTree], Storage] = FakeStorage, *, name: str = "fake"
) -> StorageProvider:
    """Announce a storage in memory.

    What is opened twice on one state directory has the same files, for as long as this provider
    is there. ``make`` gives the storage over them: ``lambda _: mine`` has one be opened that is at
    hand.
    """
    trees: dict[Path, FileTree] = {}

    @asynccontextmanager
    async def opened(_: FakeStorageConfig, context: Context) -> AsyncIterator[Storage]:
        tree = trees.setdefault(context.state_dir, FileTree(context.clock))
        yield make(tree)

    return storage_provider(
        name=name,
        api=1,
        summary="Files in memory, for tests.",
        config=FakeStorageConfig,
        open=opened,
    )


FAKE_STORAGE: Final = fake_storage_provider()
"""The storage in memory, as a provider."""
