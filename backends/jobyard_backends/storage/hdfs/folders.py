"""Folders that are missing on the way to what is to be made."""

from __future__ import annotations

from contextlib import suppress

from jobyard.domain.identity import Actor
from jobyard.seams.storage import NotAFolder
from jobyard_backends.storage.hdfs import staging
from jobyard_backends.storage.hdfs.people import People, home_of
from jobyard_backends.storage.hdfs.webhdfs import RemoteError, WebHdfs

_MODE = 0o755


class Folders:
    """Make folders for their users."""

    def __init__(self, client: WebHdfs, people: People) -> None:
        self._client = client
        self._people = people

    async def missing(self, path: str, actor: Actor) -> tuple[str, ...]:
        """Give the folders above a path that are missing, the highest first.

        Raises:
            NotAFolder: There is a file on the way.
            RemoteError: The user may not make them where they are missing.
        """
        user = self._people.user(actor)
        home = home_of(path, actor)
        if path == home:
            return ()  # the gateway makes it, and what is above it
        found: list[str] = []
        above = _parent(path)
        while above != "/" and not await self._is_there(above, user):
            found.append(above)
            if above == home:
                # The gateway makes it, whoever may write above it.
                return tuple(reversed(found))
            above = _parent(above)
        if user is not None:
            await self._client.check_access(above, "-wx", user=user)
        return tuple(reversed(found))

    async def make(self, paths: tuple[str, ...], actor: Actor) -> None:
        """Make folders, each below the one before it."""
        for path in paths:
            await self.make_one(path, actor, _MODE)

    async def make_one(self, path: str, actor: Actor, mode: int) -> None:
        """Make a folder whose parent is there; it belongs to the actor."""
        if path == home_of(path, actor):
            await self._make_home(path, actor.account)
            return
        await self._client.mkdirs(path, mode=mode, user=self._people.user(actor))
        owner = self._people.owner(actor)
        if owner is not None:
            await self._client.set_owner(path, owner)

    async def _make_home(self, path: str, account: str) -> None:
        """Make a user's folder elsewhere, and put it in its place when it is the user's."""
        staged = staging.new_name()
        await self._client.mkdirs(staged, mode=_MODE)
        try:
            await self._client.set_owner(staged, account)
            await self._client.mkdirs(_parent(path), mode=_MODE)
            with suppress(_Taken):
                await self._put_in_place(staged, path)
        finally:
            await staging.discard(self._client, staged)

    async def _put_in_place(self, staged: str, path: str) -> None:
        async def look() -> bool | None:
            return None if await self._is_there(staged, None) else True

        try:
            await self._client.put_in_place(staged, path, overwrite=False, look=look)
        except RemoteError as error:
            if error.name == "FileAlreadyExistsException":
                raise _Taken from error
            raise

    async def _is_there(self, path: str, user: str | None) -> bool:
        try:
            found = await self._client.status(path, user=user)
        except RemoteError as error:
            if error.name != "FileNotFoundException":
                raise
            return False
        if not found.is_folder:
            raise NotAFolder(f"Path is not a directory: {path}")
        return True


class _Taken(Exception):
    """Tell that somebody else was faster."""


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
