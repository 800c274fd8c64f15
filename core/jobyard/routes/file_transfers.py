"""The bytes of files, in and out, in two steps as with a NameNode (contract, section 8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request

from jobyard.errors import UnknownError
from jobyard.resilience import closed
from jobyard.routes.endpoint import BYTES, NOSNIFF, Answer, json_answer
from jobyard.routes.file_parameters import FileRequest
from jobyard.seams.storage import FileKind, FileStatus, Storage
from jobyard.wire.webhdfs import EXISTS, FILE_NOT_FOUND, REFUSED, WebHdfsError, file_checksum

SILENCE: Final = 60.0
"""Seconds for which the sender of a file may send nothing."""
_LOOKS: Final = 5


class FileTransfers:
    """Stream files from the storage and into it; memory does not grow with them."""

    def __init__(self, storage: Storage, *, silence: float = SILENCE) -> None:
        self._storage = storage
        self._silence = silence

    async def open(self, asked: FileRequest) -> Answer:
        """Answer OPEN: where the bytes are, then the bytes."""
        offset = asked.parameters.number("offset") or 0
        length = asked.parameters.number("length")
        if not _second(asked):
            status = await self._stat(asked)
            if status.kind is FileKind.FILE:
                _check_offset(asked, offset, status.size)
            return _redirect(asked)
        stream, first, size = await self._begin(asked, offset, length)
        headers = (
            BYTES,
            (b"content-length", str(size).encode()),
            NOSNIFF,
        )
        download = Download(stream, first, size)
        if asked.request.method == "HEAD":
            await download.aclose()
        return Answer(200, headers=headers, chunks=download)

    async def _begin(
        self, asked: FileRequest, offset: int, length: int | None
    ) -> tuple[AsyncIterator[bytes], bytes, int]:
        """Open a file, and find out how much of it there is to send.

        A look at the file before and one after its opening tell whether it was replaced in
        between: then its size would be another's.
        """
        before = await self._stat(asked)
        for _ in range(_LOOKS):
            if before.kind is FileKind.FOLDER:
                raise WebHdfsError(FILE_NOT_FOUND, f"Path is not a file: {asked.path}")
            _check_offset(asked, offset, before.size)
            left = max(0, before.size - offset)
            size = left if length is None else min(length, left)
            stream = self._read(asked, offset, size)
            first = await anext(stream, b"")
            after = await self._stat(asked)
            if after.file_id == before.file_id and after.size >= before.size:
                return stream, first, size
            await closed(stream)
            before = after
        raise WebHdfsError(REFUSED, f"{asked.path} is being replaced again and again; try later")

    def _read(self, asked: FileRequest, offset: int, size: int) -> AsyncIterator[bytes]:
        return self._storage.read(asked.path, offset, size, as_user=asked.user)

    async def checksum(self, asked: FileRequest) -> Answer:
        """Answer GETFILECHECKSUM: where it is, since DataNodes know it, and then what it is."""
        if not _second(asked):
            await self._stat(asked)
            return _redirect(asked)
        checksum = await self._storage.checksum(asked.path, as_user=asked.user)
        return json_answer(file_checksum(checksum))

    async def create(self, asked: FileRequest) -> Answer:
        """Answer CREATE: where to send the bytes, then that they are there."""
        overwrite, mode = asked.parameters.flag("overwrite"), asked.parameters.mode()
        if not _second(asked):
            return _redirect(asked)
        body = _Body(asked.request, self._silence)
        await self._storage.write(
            asked.path, body.chunks(), overwrite=overwrite, mode=mode, as_user=asked.user
        )
        return Answer(201, headers=((b"location", asked.address.encode()),))

    async def append(self, asked: FileRequest) -> Answer:
        """Answer APPEND: where to send the bytes, then that they are there."""
        if not _second(asked):
            if (await self._stat(asked)).kind is FileKind.FOLDER:
                message = f"Cannot append to directory {asked.path}; already exists as a directory."
                raise WebHdfsError(EXISTS, message)
            return _redirect(asked)
        body = _Body(asked.request, self._silence)
        await self._storage.append(asked.path, body.chunks(), as_user=asked.user)
        return Answer(200)

    async def _stat(self, asked: FileRequest) -> FileStatus:
        return await self._storage.stat(asked.path, as_user=asked.user)


class Download:
    """Give exactly so many bytes of a stream, and close it at the end."""

    def __init__(self, stream: AsyncIterator[bytes], first: bytes, size: int) -> None:
        self._stream = stream
        self._next: bytes | None = first or None
        self._left = size

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._left <= 0:
            await self.aclose()
            raise StopAsyncIteration
        chunk, self._next = self._next, None
        if chunk is None:
            chunk = await anext(self._stream, b"")
        if not chunk:
            message = f"The file ended {self._left} bytes too early."
            raise UnknownError(message)
        self._left -= len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Give the file up."""
        await closed(self._stream)


class _Body:
    """Be what a client sends."""

    def __init__(self, request: Request, silence: float) -> None:
        self._request = request
        self._silence = silence

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give it as it comes.

        Raises:
            WebHdfsError: The client says nothing any more.
        """
        stream = self._request.stream()
        while True:
            try:
                with anyio.fail_after(self._silence):
                    chunk = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                message = f"No data came for {self._silence:g} seconds."
                raise WebHdfsError(REFUSED, message) from error
            if chunk:
                yield chunk


def _second(asked: FileRequest) -> bool:
    return asked.parameters.text("step") == "data"


def _redirect(asked: FileRequest) -> Answer:
    """Send the client to the second step; what it sent already is not read."""
    place = asked.second_step()
    if asked.parameters.flag("noredirect"):
        return json_answer({"Location": place})
    return Answer(307, headers=(BYTES, (b"location", place.encode())))


def _check_offset(asked: FileRequest, offset: int, size: int) -> None:
    if offset >= size > 0:
        message = f"Offset={offset} out of the range [0, {size}); OPEN, path={asked.path}"
        raise WebHdfsError(REFUSED, message)
