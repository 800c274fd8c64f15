"""What a file holds: the same over Hadoop and over another gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from jobyard.domain.identity import Actor
from jobyard.seams.storage import ContentSummary, FileChecksum, IsAFolder
from jobyard_backends.storage.hdfs.failures import translated
from jobyard_backends.storage.hdfs.people import People
from jobyard_backends.storage.hdfs.reading import Reading
from jobyard_backends.storage.hdfs.webhdfs import WebHdfs


class Contents:
    """Read and count; ``named`` gives a path that may be looked at, or raises."""

    def __init__(
        self, client: WebHdfs, people: People, *, patience: float, named: Callable[[str], str]
    ) -> None:
        self._client = client
        self._people = people
        self._patience = patience
        self._named = named

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        """Stream a file's bytes; see the seam."""
        with translated(path, looking=True):
            user = self._people.user(as_user)
            reading = Reading(self._client, self._named(path), user, self._patience)
            async for chunk in reading.chunks(offset, length):
                yield chunk

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Count what lies below a path; see the seam."""
        with translated(path, looking=True):
            user = self._people.user(as_user)
            found = await self._client.summary(self._named(path), user=user)
        return ContentSummary(found.files, found.folders, found.length, found.space_consumed)

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Give a file's checksum; see the seam."""
        with translated(path, looking=True):
            user = self._people.user(as_user)
            if (await self._client.status(self._named(path), user=user)).is_folder:
                raise IsAFolder(f"Path is not a file: {path}")
            found = await self._client.checksum(path, user=user)
        return FileChecksum(found.algorithm, bytes.fromhex(found.digest)[: found.length])
