"""Reading a file from DataNodes that may go away meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio

from jobyard.errors import Unavailable
from jobyard.seams.storage import IsAFolder
from jobyard_backends.storage.hdfs.webhdfs import (
    Download,
    NoAnswer,
    RemoteError,
    Status,
    WebHdfs,
    WebHdfsFailure,
)

_REPLACEMENTS: Final = 5
_PAUSE: Final = 0.1


class Reading:
    """Be one reading of a file; ``patience`` is for how many seconds it stands still at most."""

    def __init__(self, client: WebHdfs, path: str, user: str | None, patience: float) -> None:
        self._client = client
        self._path = path
        self._user = user
        self._patience = patience

    async def chunks(self, offset: int, length: int | None) -> AsyncIterator[bytes]:
        """Give the bytes of a range; see the seam's ``read``."""
        found, download = await self._begun(offset, length)
        if download is None:
            return
        end = _end(found, offset, length)
        stuck_since: float | None = None
        while True:
            try:
                async for chunk in download.chunks():
                    stuck_since = None
                    offset += len(chunk)
                    yield chunk
                if offset >= end:
                    return
                early = NoAnswer("A DataNode ended a file too early.", f"{self._path} at {offset}")
                stuck_since = self._still_patient(stuck_since, early)
            except NoAnswer as error:
                stuck_since = self._still_patient(stuck_since, error)
            finally:
                await download.aclose()
            download = await self._again(found, offset, end, stuck_since)

    async def _begun(self, offset: int, length: int | None) -> tuple[Status, Download | None]:
        """Open the file, once more where it was replaced between the look at it and that."""
        for _ in range(_REPLACEMENTS):
            found = await self._found()
            end = _end(found, offset, length)
            if offset >= end:
                await self._client.check_readable(self._path, user=self._user)
                return found, None
            try:
                download = await self._open(found, offset, end)
            except RemoteError as error:
                if not _out_of_range(error):
                    raise
                continue
            if download.length in {None, end - offset}:
                return found, download
            await download.aclose()
        raise Unavailable(f"{self._path} is being replaced again and again; try later")

    async def _open(self, found: Status, offset: int, end: int) -> Download:
        # To the end, the DataNode says how much that is: whether it is the file that was found.
        length = None if end == found.length else end - offset
        return await self._client.open(self._path, offset, length, user=self._user)

    async def _again(self, found: Status, offset: int, end: int, stuck_since: float) -> Download:
        """Go on where the connection broke, if it is still the same file."""
        while True:
            await anyio.sleep(_PAUSE)
            try:
                now = await self._found()
                if now.file_id != found.file_id or now.length < end:
                    message = f"{self._path} was replaced while it was read"
                    raise Unavailable(message)
                return await self._client.open(self._path, offset, end - offset, user=self._user)
            except WebHdfsFailure as error:
                self._still_patient(stuck_since, error)

    def _still_patient(self, stuck_since: float | None, error: WebHdfsFailure) -> float:
        """Give since when nothing came, or raise the error."""
        now = anyio.current_time()
        if stuck_since is not None and now > stuck_since + self._patience:
            raise error
        return now if stuck_since is None else stuck_since

    async def _found(self) -> Status:
        found = await self._client.status(self._path, user=self._user)
        if found.is_folder:
            raise IsAFolder(f"Path is not a file: {self._path}")
        return found


def _end(found: Status, offset: int, length: int | None) -> int:
    return found.length if length is None else min(found.length, offset + length)


def _out_of_range(error: RemoteError) -> bool:
    return "out of the range" in error.message
