"""Storages that are wrong in one thing each: folders, permissions, names, manners."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterable, AsyncIterator
from urllib.parse import unquote

from anyio.lowlevel import checkpoint
from attrs import evolve

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.seams.storage import (
    AlreadyExists,
    ContentSummary,
    FileChecksum,
    FileStatus,
    NotEmpty,
    NotPermitted,
)
from jobyard.testing.fakes.storage import FakeStorage
from jobyard.testing.fakes.tree import segments
from tests.conformance.mutant_storages import Writing


class RemovesFullFolders(FakeStorage):
    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        return await super().remove(path, recursive=True, as_user=as_user)


class RemovesInPart(FakeStorage):
    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        try:
            return await super().remove(path, recursive=recursive, as_user=as_user)
        except NotPermitted:
            for entry in (await self.list(path, None, 100, as_user=as_user)).entries:
                await super().remove(f"{path}/{entry.name}", recursive=False, as_user=as_user)
            raise


class SaysThatItRemovedNothing(FakeStorage):
    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        await super().remove(path, recursive=recursive, as_user=as_user)
        return True


class RemovesWhatLooksAlike(FakeStorage):
    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        for each in self.files():
            if recursive and each.startswith(path) and not each.startswith(f"{path}/"):
                await super().remove(each, recursive=True, as_user=as_user)
        return True


class RenamesOntoTheTaken(FakeStorage):
    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        if self.files().get(target) is not None and source in self.files() and source != target:
            await self.remove(target, recursive=False, as_user=as_user)
        return await super().rename(source, target, as_user=as_user)


class LooksOnlyBeforeItMoves(FakeStorage):
    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        free = target not in self.files()
        await checkpoint()
        if free and target in self.files() and source in self.files():
            self._tree.remove(segments(target), as_user, recursive=False)
        return self._tree.rename(segments(source), segments(target), as_user)


class MakesTheFolderOfATarget(FakeStorage):
    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        if source in self.files() and not target.startswith(f"{source}/"):
            above = target.rpartition("/")[0]
            if self.files().get(above, None) is None:
                await self.mkdirs(above, as_user=as_user)
        return await super().rename(source, target, as_user=as_user)


class GivesAwayWhatIsMoved(FakeStorage):
    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        moved = await super().rename(source, target, as_user=as_user)
        if moved:
            self._tree.node(segments(target), SYSTEM).owner = as_user.account
        return moved


class MakesFoldersOverFiles(FakeStorage):
    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        if self.files().get(path) is not None:
            await self.remove(path, recursive=False, as_user=as_user)
        await super().mkdirs(path, mode=mode, as_user=as_user)


class MakingAgainFails(FakeStorage):
    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        if path in self.files():
            raise AlreadyExists(path)
        await super().mkdirs(path, mode=mode, as_user=as_user)


class SumsTheName(FakeStorage):
    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        found = await super().checksum(path, as_user=as_user)
        return evolve(found, digest=path.encode())


class ForgetsToCountThePath(FakeStorage):
    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        found = await super().summary(path, as_user=as_user)
        return evolve(found, folders=max(0, found.folders - 1))


class TellsSeconds(FakeStorage):
    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        found = await super().stat(path, as_user=as_user)
        return evolve(found, modified_at=found.modified_at // 1000)


class BlocksTheLoop(FakeStorage):
    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        time.sleep(0.12)  # noqa: ASYNC251 - which is what is wrong with it
        return await super().stat(path, as_user=as_user)


class SumsOnTheLoop(FakeStorage):
    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        size = (await self.stat(path, as_user=as_user)).size
        time.sleep(size / 200_000_000)  # noqa: ASYNC251 - 5 ms a megabyte, as on a slow machine
        return await super().checksum(path, as_user=as_user)


class SwallowsCancellation(FakeStorage):
    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        try:
            await super().mkdirs(path, mode=mode, as_user=as_user)
        except asyncio.CancelledError:
            return


class IsCancelledInTheMiddle(FakeStorage):
    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        if self.files().get(source, b"") is None:
            await super().rename(f"{source}/below", f"{source}/half", as_user=as_user)
            moved = await super().rename(source, target, as_user=as_user)
            return moved and await super().rename(
                f"{target}/half", f"{target}/below", as_user=as_user
            )
        return await super().rename(source, target, as_user=as_user)


class ShowsSecrets(FakeStorage):
    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        async for chunk in super().read(path, offset, length, as_user=SYSTEM):
            yield chunk


class LetsEverybodyAppend(FakeStorage):
    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        await super().append(path, chunks, as_user=SYSTEM)


class LetsEverybodySetBits(FakeStorage):
    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        await super().chmod(path, mode, as_user=SYSTEM)


class DoesEverythingAsTheGateway(Writing):
    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write_wrongly(path, chunks, overwrite, mode, SYSTEM)


class KnowsNoAdministrators(FakeStorage):
    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        await super().chmod(path, mode, as_user=Actor(as_user.account))


class TakesANamesakeForTheGateway(FakeStorage):
    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        actor = SYSTEM if as_user.account == SYSTEM.account else as_user
        await super().chmod(path, mode, as_user=actor)


class IgnoresTheStickyBit(FakeStorage):
    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        node = self._tree.node(segments(path)[:-1], SYSTEM)
        before = node.mode
        node.mode &= 0o777
        try:
            return await super().remove(path, recursive=recursive, as_user=as_user)
        finally:
            node.mode = before


class Renaming(Writing):
    """Take a name for another one; for those that follow."""

    def other(self, name: str) -> str:
        raise NotImplementedError

    async def write_wrongly(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        overwrite: bool,
        mode: int | None,
        as_user: Actor,
    ) -> None:
        await super().write_wrongly(self.other(path), chunks, overwrite, mode, as_user)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        async for chunk in super().read(self.other(path), offset, length, as_user=as_user):
            yield chunk


class FoldsCase(Renaming):
    def other(self, name: str) -> str:
        return name.casefold()


class TrimsNames(Renaming):
    def other(self, name: str) -> str:
        return name.rstrip(" .\t")


class DecodesNames(Renaming):
    def other(self, name: str) -> str:
        return unquote(name)


class ComposesNames(Renaming):
    def other(self, name: str) -> str:
        return unicodedata.normalize("NFC", name)


class CutsNamesAtNul(Renaming):
    def other(self, name: str) -> str:
        return name.partition("\0")[0]


class CutsLongNames(Renaming):
    def other(self, name: str) -> str:
        return "/".join(each[:100] for each in name.split("/"))


class TakesEmptyFoldersAway(FakeStorage):
    """Go wrong only in a history: a folder goes with the last file in it."""

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        there = await super().remove(path, recursive=recursive, as_user=as_user)
        above = path.rpartition("/")[0]
        if there and above.count("/") > 3:  # below the folder of a test
            try:
                await super().remove(above, recursive=False, as_user=as_user)
            except NotEmpty:
                return there
        return there
