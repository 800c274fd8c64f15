"""Writing a file: it grows in the gateway's own folder, and gets its name when it is whole."""

from __future__ import annotations

from collections.abc import AsyncIterable
from functools import partial
from typing import Final

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.errors import Unavailable
from jobyard.seams.storage import AlreadyExists, IsAFolder, NotAFolder
from jobyard_backends.storage.hdfs import staging
from jobyard_backends.storage.hdfs.folders import Folders
from jobyard_backends.storage.hdfs.people import People
from jobyard_backends.storage.hdfs.sending import send_to_the_end
from jobyard_backends.storage.hdfs.webhdfs import RemoteError, WebHdfs

_FILE_MODE: Final = 0o644


@frozen
class Writing:
    """Be one writing of a file."""

    client: WebHdfs
    people: People
    folders: Folders
    path: str
    actor: Actor

    @property
    def user(self) -> str | None:
        """Give whom HDFS is told."""
        return self.people.user(self.actor)

    async def write(
        self, chunks: AsyncIterable[bytes], *, overwrite: bool, mode: int | None
    ) -> None:
        """Write it whole, or not at all; see the seam's ``write``."""
        there = await self._check_target(overwrite=overwrite)
        missing = () if there else await self.folders.missing(self.path, self.actor)
        staged = staging.new_name()
        try:
            bits = _FILE_MODE if mode is None else mode
            await self._stage(staged, chunks, bits)
            await self.folders.make(missing, self.actor)
            await self._put_in_place(staged, overwrite=overwrite)
        except BaseException:
            await staging.discard(self.client, staged)
            raise

    async def append(self, chunks: AsyncIterable[bytes]) -> None:
        """Write behind its end; see the seam's ``append``."""
        found = await self.client.status(self.path, user=self.user)
        if found.is_folder:
            raise IsAFolder(f"{self.path} already exists as a directory")
        if self.user is not None:
            # Told before the bytes come: a DataNode tells it behind them.
            await self.client.check_access(self.path, "-w-", user=self.user)
        await send_to_the_end(chunks, partial(self.client.append, self.path, user=self.user))

    async def _check_target(self, *, overwrite: bool) -> bool:
        """Tell whether there is a file, which may be replaced."""
        try:
            found = await self.client.status(self.path, user=self.user)
        except RemoteError as error:
            if error.below_a_file:
                raise NotAFolder(error.message) from error
            if error.name != "FileNotFoundException":
                raise
            return False
        if found.is_folder:
            raise IsAFolder(f"{self.path} already exists as a directory")
        if not overwrite:
            raise AlreadyExists(f"{self.path} already exists")
        if self.user is not None:
            # A rename asks for the folder's bits alone.
            await self.client.check_access(self.path, "-w-", user=self.user)
        return True

    async def _stage(self, staged: str, chunks: AsyncIterable[bytes], mode: int) -> None:
        create = partial(self.client.create, staged, mode=mode, user=self.user)
        sent = await send_to_the_end(chunks, create)
        found = await self.client.status(staged, user=self.user)
        if found.length != sent:
            detail = f"{staged}: {found.length} of {sent} bytes"
            raise Unavailable("HDFS did not keep all that was sent.", detail=detail)
        owner = self.people.owner(self.actor)
        if owner is not None:
            await self.client.set_owner(staged, owner)

    async def _put_in_place(self, staged: str, *, overwrite: bool) -> None:
        async def look() -> bool | None:
            # Nobody else knows its name: where it is gone it got the other.
            return None if await self._is_there(staged) else True

        try:
            await self.client.put_in_place(
                staged, self.path, overwrite=overwrite, look=look, user=self.user
            )
        except RemoteError as error:
            if overwrite and error.name == "FileAlreadyExistsException":
                raise IsAFolder(f"{self.path} already exists as a directory") from error
            raise

    async def _is_there(self, staged: str) -> bool:
        try:
            await self.client.status(staged, user=self.user)
        except RemoteError as error:
            if error.name != "FileNotFoundException":
                raise
            return False
        return True
