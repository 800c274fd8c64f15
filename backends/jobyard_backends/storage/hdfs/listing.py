"""Listings in the order of names' bytes, of which HDFS has an order of its own.

HDFS compares bytes as signed numbers: what is not ASCII comes before what is. Where all names are
ASCII both orders are one, and a page costs what it holds. Else a page is picked out of the whole
folder, batch by batch, and no more than the page is kept.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import AsyncIterator
from operator import itemgetter
from typing import Final

from jobyard.seams.storage import FileKind, FilePage, FileStatus
from jobyard_backends.storage.hdfs.staging import STAGING
from jobyard_backends.storage.hdfs.webhdfs import Listing, Status, WebHdfs

_REMEMBERED: Final = 4096
_STAGING: Final = STAGING.removeprefix("/")

Cursor = tuple[str, str]


class Listings:
    """Give pages of folders."""

    def __init__(self, client: WebHdfs) -> None:
        self._client = client
        # Where a page ended up to which all names were ASCII: the next goes on from there.
        self._plain: OrderedDict[Cursor, None] = OrderedDict()

    async def page(self, path: str, after: str | None, limit: int, user: str | None) -> FilePage:
        """Give a page; see the seam's ``list``."""
        if after is None or (path, after) in self._plain:
            page = await self._going_on(path, after, limit, user)
            if page is not None:
                return page
        return await self._picked(path, after, limit, user)

    async def _going_on(
        self, path: str, after: str | None, limit: int, user: str | None
    ) -> FilePage | None:
        """Give a page from where the last one ended; ``None`` where a name is not ASCII."""
        entries: list[FileStatus] = []
        remaining = 0
        async for batch in self._batches(path, after, user):
            if not all(each.name.isascii() for each in batch.entries):
                return None
            entries += [described(each, path) for each in batch.entries if _shown(each, path)]
            remaining = batch.remaining
            if len(entries) >= limit:
                break
        page = _page(entries[:limit], remaining + max(0, len(entries) - limit))
        if page.next_after is not None:
            self._remember((path, page.next_after))
        return page

    async def _picked(self, path: str, after: str | None, limit: int, user: str | None) -> FilePage:
        """Give a page out of the whole folder."""
        floor = b"" if after is None else after.encode()
        kept: list[tuple[bytes, FileStatus]] = []
        following, plain = 0, True
        async for batch in self._batches(path, None, user):
            plain = plain and all(each.name.isascii() for each in batch.entries)
            named = [described(each, path) for each in batch.entries if _shown(each, path)]
            beyond = [(key, each) for each in named if (key := each.name.encode()) > floor]
            following += len(beyond)
            kept = heapq.nsmallest(limit, [*kept, *beyond], key=itemgetter(0))
        page = _page([each for _, each in kept], following - len(kept))
        if plain and page.next_after is not None:
            self._remember((path, page.next_after))
        return page

    async def _batches(
        self, path: str, after: str | None, user: str | None
    ) -> AsyncIterator[Listing]:
        while True:
            batch = await self._client.batch(path, after, user=user)
            yield batch
            if not batch.entries or not batch.remaining:
                return
            after = batch.entries[-1].name

    def _remember(self, cursor: Cursor) -> None:
        self._plain[cursor] = None
        if len(self._plain) > _REMEMBERED:
            self._plain.popitem(last=False)


def described(status: Status, path: str) -> FileStatus:
    """Give a status in the seam's words; ``path`` is what was asked for."""
    return FileStatus(
        name=status.name or path.rpartition("/")[2],
        kind=FileKind.FOLDER if status.is_folder else FileKind.FILE,
        size=status.length,
        mode=status.mode,
        owner=status.owner,
        group=status.group,
        modified_at=status.modified_at,
        accessed_at=status.accessed_at,
        file_id=status.file_id,
        children=status.children,
    )


def _shown(status: Status, path: str) -> bool:
    return path != "/" or status.name != _STAGING


def _page(entries: list[FileStatus], remaining: int) -> FilePage:
    more = entries[-1].name if entries and remaining else None
    return FilePage(tuple(entries), more, remaining)
