"""The storage seam over another gateway's front door, which keeps its promises by itself.

That gateway makes users' folders, writes files whole, lists in order and checks permissions; so
nothing is staged here, and no bit is looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from functools import partial

from jobyard.domain.identity import Actor
from jobyard.errors import NotFound
from jobyard.seams.storage import (
    FilePage,
    FileStatus,
    IsAFolder,
    NotPermitted,
)
from jobyard_backends.storage.hdfs.contents import Contents
from jobyard_backends.storage.hdfs.failures import translated
from jobyard_backends.storage.hdfs.listing import described
from jobyard_backends.storage.hdfs.people import People
from jobyard_backends.storage.hdfs.sending import send_to_the_end
from jobyard_backends.storage.hdfs.staging import checked
from jobyard_backends.storage.hdfs.webhdfs import Status, WebHdfs
from jobyard_backends.storage.hdfs.webhdfs.client import Look


class RelayStorage(Contents):
    """Keep files with another gateway; implements the seam's ``Storage``."""

    def __init__(self, client: WebHdfs, people: People, *, patience: float) -> None:
        super().__init__(client, people, patience=patience, named=checked)

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path; see the seam."""
        return described(await self._found(path, as_user), path)

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give entries of a folder; see the seam."""
        entries: list[FileStatus] = []
        remaining = 0
        user = self._people.user(as_user)
        with translated(path, looking=True):
            while len(entries) < limit:
                batch = await self._client.batch(checked(path), after, user=user)
                entries += [described(each, path) for each in batch.entries]
                remaining = batch.remaining
                if not remaining or not batch.entries:
                    break
                after = entries[-1].name
        cut = max(0, len(entries) - limit)
        shown = entries[:limit]
        more = shown[-1].name if shown and remaining + cut else None
        return FilePage(tuple(shown), more, remaining + cut)

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,  # noqa: ARG002 - it always is
        as_user: Actor,
    ) -> None:
        """Write a file; see the seam."""
        user = self._people.user(as_user)
        with translated(path):
            try:
                await self._client.create(
                    checked(path), chunks, mode=mode, overwrite=overwrite, user=user
                )
            except Exception as error:
                if await self._is_folder(path, as_user):
                    raise IsAFolder(f"{path} already exists as a directory") from error
                raise

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end; see the seam."""
        if (await self._found(path, as_user)).is_folder:
            raise IsAFolder(f"{path} already exists as a directory")
        with translated(path, looking=True):
            append = partial(self._client.append, path, user=self._people.user(as_user))
            await send_to_the_end(chunks, append)

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder; see the seam."""
        with translated(path):
            await self._client.mkdirs(checked(path), mode=mode, user=self._people.user(as_user))

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder; see the seam."""
        try:
            look = await self._look(source, as_user)
        except NotFound:
            return False
        with translated(source, looking=True):
            user = self._people.user(as_user)
            return await self._client.rename(source, checked(target), look=look, user=user)

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder; see the seam."""
        if path == "/":
            raise NotPermitted("Permission denied: the root is not removed")
        try:
            look = await self._look(path, as_user)
        except NotFound:
            return False
        with translated(path, looking=True):
            user = self._people.user(as_user)
            return await self._client.remove(path, recursive=recursive, look=look, user=user)

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits; see the seam."""
        with translated(path, looking=True):
            user = self._people.user(as_user)
            await self._client.set_permission(checked(path), mode, user=user)

    async def ping(self) -> None:
        """Look at the root; see the seam."""
        with translated("/"):
            await self._client.status("/")

    async def _found(self, path: str, actor: Actor) -> Status:
        with translated(path, looking=True):
            return await self._client.status(checked(path), user=self._people.user(actor))

    async def _is_folder(self, path: str, actor: Actor) -> bool:
        try:
            return (await self._found(path, actor)).is_folder
        except Exception:  # noqa: BLE001 - what is told is why the writing failed
            return False

    async def _look(self, path: str, actor: Actor) -> Look:
        """Give what tells whether an entry that is there now is gone."""
        before = await self._found(path, actor)

        async def look() -> bool | None:
            try:
                now = await self._found(path, actor)
            except NotFound:
                return True
            return None if now.file_id == before.file_id else True

        return look
