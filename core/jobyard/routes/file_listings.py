"""Listings of folders, page by page from the storage (contract, section 8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import orjson

from jobyard.routes.endpoint import JSON, Answer, json_answer
from jobyard.routes.file_parameters import FileRequest
from jobyard.seams.storage import FileKind, FilePage, Storage
from jobyard.wire.webhdfs import directory_listing, file_statuses

PAGE: Final = 1000
"""Entries of one LISTSTATUS_BATCH, as a NameNode's."""
_WHOLE: Final = 10_000


class FileListings:
    """List folders; memory does not grow with them."""

    def __init__(self, storage: Storage, *, page: int = PAGE, whole: int = _WHOLE) -> None:
        self._storage = storage
        self._batch = page
        self._whole = whole

    async def list(self, asked: FileRequest) -> Answer:
        """Answer LISTSTATUS: all entries, streamed where one page does not hold them."""
        first = await self._page(asked, None, self._whole)
        of_file = await self._of_file(asked, first)
        if first.next_after is None:
            statuses = file_statuses(first.entries, of_file=of_file)
            return json_answer({"FileStatuses": {"FileStatus": statuses}})
        return Answer(200, headers=(JSON,), chunks=self._stream(asked, first))

    async def list_batch(self, asked: FileRequest) -> Answer:
        """Answer LISTSTATUS_BATCH: a page, and how many entries follow."""
        after = asked.parameters.text("startAfter") or None
        page = await self._page(asked, after, self._batch)
        of_file = await self._of_file(asked, page)
        return json_answer(directory_listing(page.entries, page.remaining, of_file=of_file))

    async def _stream(self, asked: FileRequest, page: FilePage) -> AsyncIterator[bytes]:
        yield b'{"FileStatuses":{"FileStatus":['
        yield orjson.dumps(file_statuses(page.entries))[1:-1]
        while page.next_after is not None:
            page = await self._page(asked, page.next_after, self._whole)
            if page.entries:
                yield b"," + orjson.dumps(file_statuses(page.entries))[1:-1]
        yield b"]}}"

    async def _page(self, asked: FileRequest, after: str | None, limit: int) -> FilePage:
        return await self._storage.list(asked.path, after, limit, as_user=asked.user)

    async def _of_file(self, asked: FileRequest, page: FilePage) -> bool:
        """Tell whether what was listed is a file: its own name is then no suffix of its path."""
        if len(page.entries) != 1 or page.entries[0].name != asked.path.rpartition("/")[2]:
            return False
        status = await self._storage.stat(asked.path, as_user=asked.user)
        return status.kind is FileKind.FILE
