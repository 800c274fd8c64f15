"""Storages that are wrong in one thing each: reading, writing, listing."""

from __future__ import annotations

import asyncio
import builtins
import os
from collections.abc import AsyncIterable, AsyncIterator

import anyio

from jobyard.domain.identity import Actor
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.storage import (
    FilePage,
    FileStatus,
)
from jobyard.testing.fakes.storage import FakeStorage
from jobyard.testing.fakes.tree import segments
from jobyard.testing.storage_place import pieces


async def whole(chunks: AsyncIterable[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


class SwallowsUnavailable(FakeStorage):
    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        try:
            return await super().stat(path, as_user=as_user)
        except Unavailable as error:
            raise NotFound(error.message) from error


class TakesAnOutageForNothingToRemove(FakeStorage):
    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        try:
            return await super().remove(path, recursive=recursive, as_user=as_user)
        except Unavailable:
            return False


class EndsWhereItIsCutOff(FakeStorage):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        begun = False
        try:
            async for chunk in super().read(path, offset, length, as_user=as_user):
                begun = True
                yield chunk
        except Unavailable:
            if not begun:
                raise


class Writing(FakeStorage):
    """Write otherwise; for those that follow."""

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
        await self.write_wrongly(path, chunks, overwrite, mode, as_user)

    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write(path, chunks, overwrite=overwrite, mode=mode, as_user=as_user)


class GrowsInPlace(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write_wrongly(path, pieces(b""), overwrite, mode, as_user)
        async for chunk in chunks:
            await self.append(path, pieces(chunk), as_user=as_user)


class GrowsBeside(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write_wrongly(f"{path}.part", pieces(b""), True, mode, as_user)
        await super().write_wrongly(path, chunks, overwrite, mode, as_user)
        await self.remove(f"{path}.part", recursive=False, as_user=as_user)


class KeepsWhatCameBeforeAFailure(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        data = b""
        try:
            async for chunk in chunks:
                data += chunk
        finally:
            await super().write_wrongly(path, pieces(data), overwrite, mode, as_user)


class AlwaysOverwrites(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write_wrongly(path, chunks, True, mode, as_user)


class NeverOverwrites(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write_wrongly(path, chunks, False, mode, as_user)


class LooksOnlyBeforeItWrites(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        self._tree.may_put(segments(path), as_user, overwrite=overwrite)
        await super().write_wrongly(path, chunks, True, mode, as_user)


class MasksTheMode(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        masked = None if mode is None else mode & ~0o022
        await super().write_wrongly(path, chunks, overwrite, masked, as_user)


class LeaksATask(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        self.task = asyncio.create_task(anyio.sleep_forever())
        await super().write_wrongly(path, chunks, overwrite, mode, as_user)


class Listing(FakeStorage):
    """List otherwise; for those that follow."""

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        everything = await super().list(path, None, 10**6, as_user=as_user)
        return self.wrong(builtins.list(everything.entries), after, limit)

    def wrong(self, entries: builtins.list[FileStatus], after: str | None, limit: int) -> FilePage:
        raise NotImplementedError

    @staticmethod
    def page(entries: builtins.list[FileStatus], limit: int) -> FilePage:
        left = len(entries) - limit
        shown = tuple(entries[:limit])
        return FilePage(shown, shown[-1].name if left > 0 else None, max(0, left))


class ListsDoubles(Listing):
    def wrong(self, entries: builtins.list[FileStatus], after: str | None, limit: int) -> FilePage:
        return self.page([each for each in entries if after is None or each.name >= after], limit)


class ListsWithoutOrder(Listing):
    def wrong(self, entries: builtins.list[FileStatus], after: str | None, limit: int) -> FilePage:
        left = [each for each in entries if after is None or each.name > after]
        return self.page(sorted(left, key=lambda each: each.name.casefold()), limit)


class ListsOnePageAlone(Listing):
    def wrong(self, entries: builtins.list[FileStatus], after: str | None, limit: int) -> FilePage:
        return FilePage(tuple(entries[:limit]))


class ReadsOneTooMany(FakeStorage):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        more = None if length is None else length + 1
        async for chunk in super().read(path, offset, more, as_user=as_user):
            yield chunk


class ReadsFromTheEndBackwards(FakeStorage):
    """Take an offset behind the end for one that wraps around."""

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        size = (await self.stat(path, as_user=as_user)).size
        async for chunk in super().read(path, offset % (size + 1), length, as_user=as_user):
            yield chunk


class ReadsAllAtOnce(FakeStorage):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        yield await whole(super().read(path, offset, length, as_user=as_user))


class KeepsWhatItRead(FakeStorage):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        kept = []
        async for chunk in super().read(path, offset, length, as_user=as_user):
            kept.append(chunk)
            yield chunk


class LeaksAFile(FakeStorage):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        async for chunk in super().read(path, offset, length, as_user=as_user):
            yield chunk
        os.close(descriptor)


class TruncatesWhereItAppends(FakeStorage):
    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        await self.stat(path, as_user=as_user)
        await self.write(path, chunks, overwrite=True, as_user=as_user)


class LosesWhatOthersAppend(FakeStorage):
    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        old = await whole(self.read(path, as_user=as_user))
        new = await whole(chunks)
        await self.write(path, pieces(old, new), overwrite=True, as_user=as_user)
