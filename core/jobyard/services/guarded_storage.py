"""The storage as other backends are given it: behind its guard, and there before it is open."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import TypeVar

from jobyard.domain.identity import Actor
from jobyard.resilience import Guarded
from jobyard.seams.storage import ContentSummary, FileChecksum, FilePage, FileStatus, Storage

T = TypeVar("T")


class GuardedStorage:
    """Call the chosen storage; implements :class:`jobyard.seams.storage.Storage`.

    A transfer takes as long as it takes, as :meth:`jobyard.resilience.Guarded.upload` says.
    """

    def __init__(self, guard: Guarded[Storage]) -> None:
        self._guard = guard

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path."""
        return await self._call("stat", lambda each: each.stat(path, as_user=as_user))

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give some entries of a folder."""
        return await self._call("list", lambda each: each.list(path, after, limit, as_user=as_user))

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        """Stream a file's bytes."""
        chunks = self._guard.download(
            "read", lambda each: each.read(path, offset, length, as_user=as_user)
        )
        async for chunk in chunks:
            yield chunk

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,
        as_user: Actor,
    ) -> None:
        """Write a file."""

        async def work(storage: Storage, watched: AsyncIterator[bytes]) -> None:
            await storage.write(
                path,
                watched,
                overwrite=overwrite,
                mode=mode,
                only_whole=only_whole,
                as_user=as_user,
            )

        await self._guard.upload("write", chunks, work)

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end."""
        await self._guard.upload(
            "append",
            chunks,
            lambda storage, watched: storage.append(path, watched, as_user=as_user),
        )

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder and those above it."""
        await self._call("mkdirs", lambda each: each.mkdirs(path, mode=mode, as_user=as_user))

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder."""
        return await self._guard.attempt(
            "rename", lambda each: each.rename(source, target, as_user=as_user)
        )

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder."""
        return await self._guard.attempt(
            "remove", lambda each: each.remove(path, recursive=recursive, as_user=as_user)
        )

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits."""
        await self._call("chmod", lambda each: each.chmod(path, mode, as_user=as_user))

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Count what lies below a path."""
        return await self._call("summary", lambda each: each.summary(path, as_user=as_user))

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Give a file's checksum."""
        return await self._call("checksum", lambda each: each.checksum(path, as_user=as_user))

    async def ping(self) -> None:
        """Return if files could be read and written now."""
        await self._guard.attempt("ping", lambda each: each.ping())

    async def _call(self, operation: str, work: Callable[[Storage], Awaitable[T]]) -> T:
        return await self._guard.attempt(operation, work, idempotent=True)
