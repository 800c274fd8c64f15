"""The storage seam over WebHDFS."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from attrs import evolve

from jobyard.domain.identity import Actor
from jobyard.seams.storage import (
    AlreadyExists,
    FilePage,
    FileStatus,
    NotPermitted,
)
from jobyard_backends.storage.hdfs import staging
from jobyard_backends.storage.hdfs.contents import Contents
from jobyard_backends.storage.hdfs.failures import translated
from jobyard_backends.storage.hdfs.folders import Folders
from jobyard_backends.storage.hdfs.listing import Listings, described
from jobyard_backends.storage.hdfs.people import People, home_of
from jobyard_backends.storage.hdfs.staging import changed, looked_at
from jobyard_backends.storage.hdfs.webhdfs import RemoteError, Status, WebHdfs
from jobyard_backends.storage.hdfs.writing import Writing

_FOLDER_MODE = 0o755


class HdfsStorage(Contents):
    """Keep files in HDFS; implements the seam's ``Storage``."""

    def __init__(self, client: WebHdfs, people: People, *, patience: float) -> None:
        super().__init__(client, people, patience=patience, named=looked_at)
        self._folders = Folders(client, people)
        self._listings = Listings(client)

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path; see the seam."""
        with translated(path, looking=True):
            found = await self._found(looked_at(path), as_user)
        shown = described(found, path)
        return evolve(shown, children=shown.children - 1) if path == "/" else shown

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give entries of a folder; see the seam."""
        with translated(path, looking=True):
            user = self._people.user(as_user)
            return await self._listings.page(looked_at(path), after, limit, user)

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,  # noqa: ARG002 - it always is: what was cut off helps nobody
        as_user: Actor,
    ) -> None:
        """Write a file; see the seam."""
        with translated(path):
            await self._writing(path, as_user).write(chunks, overwrite=overwrite, mode=mode)

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end; see the seam."""
        with translated(path, looking=True):
            await self._writing(path, as_user).append(chunks)

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder; see the seam."""
        with translated(path):
            found = await self._perhaps(changed(path), as_user)
            if found is None:
                await self._folders.make(await self._folders.missing(path, as_user), as_user)
                await self._folders.make_one(path, as_user, _FOLDER_MODE if mode is None else mode)
            elif not found.is_folder:
                raise AlreadyExists(f"Path is not a directory: {path}")

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder; see the seam."""
        with translated(source, looking=True):
            before = await self._perhaps(changed(source), as_user)
            if before is None or source == "/":
                return False
            if source == changed(target):
                return not before.is_folder

            async def look() -> bool | None:
                now = await self._perhaps(source, as_user)
                return None if now is not None and now.file_id == before.file_id else True

            user = self._people.user(as_user)
            try:
                return await self._client.rename(source, target, look=look, user=user)
            except RemoteError as error:
                if error.below_a_file:
                    return False
                raise

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder; see the seam."""
        if path == "/":
            raise NotPermitted("Permission denied: the root is not removed")
        with translated(path, looking=True):
            before = await self._perhaps(changed(path), as_user)
            if before is None:
                return False

            async def look() -> bool | None:
                now = await self._perhaps(path, as_user)
                return None if now is not None and now.file_id == before.file_id else True

            return await self._client.remove(
                path, recursive=recursive, look=look, user=self._people.user(as_user)
            )

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits; see the seam."""
        with translated(path, looking=True):
            user = self._people.user(as_user)
            await self._client.set_permission(changed(path), mode, user=user)

    async def ping(self) -> None:
        """Write a file, and remove it; see the seam."""
        with translated("/"):
            staged = staging.new_name()
            # Somebody may have removed it: users cannot make it.
            await staging.make(self._client)
            try:
                await self._client.create(staged, _one_byte())
            finally:
                await staging.discard(self._client, staged)

    def _writing(self, path: str, actor: Actor) -> Writing:
        return Writing(self._client, self._people, self._folders, changed(path), actor)

    async def _found(self, path: str, actor: Actor) -> Status:
        return await self._client.status(path, user=self._people.user(actor))

    async def _perhaps(self, path: str, actor: Actor) -> Status | None:
        """Give what is there; a user's own folder is looked for by the gateway."""
        user = None if path == home_of(path, actor) else self._people.user(actor)
        try:
            return await self._client.status(path, user=user)
        except RemoteError as error:
            if error.name == "FileNotFoundException":
                return None
            raise


async def _one_byte() -> AsyncIterator[bytes]:
    yield b"!"
