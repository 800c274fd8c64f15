"""Where a test of a storage works: a folder of its own, and people of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, ClassVar, Final

import pytest
from attrs import evolve, frozen

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import BackendError
from jobyard.seams.storage import FileKind, FileStatus, Storage
from jobyard.testing.subject import Subject
from jobyard.testing.supplied import Supplied

HOMES: Final = ("/user", "/Output", "/Container")
"""The folders whose folders belong to users."""

_PAGE: Final = 1000


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """Be the data of a write, piece by piece."""
    for each in data:
        yield each


class SourceFailed(Exception):
    """Be what the data of a write breaks off with."""


async def breaking(*data: bytes) -> AsyncIterator[bytes]:
    """Be the data of a write that breaks off."""
    for each in data:
        yield each
    raise SourceFailed


@frozen
class Place:
    """Be a folder of a storage in which a test is alone; names are relative to it."""

    storage: Storage
    folder: str
    actor: Actor = SYSTEM

    def by(self, actor: Actor) -> Place:
        """Give the same place, for somebody else."""
        return evolve(self, actor=actor)

    def path(self, name: str = "") -> str:
        """Give the path of a name; of none, the place's own."""
        return f"{self.folder}/{name}" if name else self.folder or "/"

    async def put(
        self, name: str, *data: bytes, overwrite: bool = False, mode: int | None = None
    ) -> None:
        """Write a file."""
        chunks = pieces(*(data or (b"data",)))
        await self.storage.write(
            self.path(name), chunks, overwrite=overwrite, mode=mode, as_user=self.actor
        )

    async def append(self, name: str, *data: bytes) -> None:
        """Write behind a file's end."""
        await self.storage.append(self.path(name), pieces(*data), as_user=self.actor)

    async def content(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Read a file, or a part of it."""
        chunks = self.storage.read(self.path(name), offset, length, as_user=self.actor)
        return b"".join([chunk async for chunk in chunks])

    async def stat(self, name: str = "") -> FileStatus:
        """Describe a path."""
        return await self.storage.stat(self.path(name), as_user=self.actor)

    async def mkdirs(self, name: str, mode: int | None = None) -> None:
        """Make a folder."""
        await self.storage.mkdirs(self.path(name), mode=mode, as_user=self.actor)

    async def rename(self, source: str, target: str) -> bool:
        """Move a file or folder."""
        return await self.storage.rename(self.path(source), self.path(target), as_user=self.actor)

    async def remove(self, name: str, *, recursive: bool = False) -> bool:
        """Remove a file or folder."""
        return await self.storage.remove(self.path(name), recursive=recursive, as_user=self.actor)

    async def chmod(self, name: str, mode: int) -> None:
        """Set permission bits."""
        await self.storage.chmod(self.path(name), mode, as_user=self.actor)

    async def entries(self, name: str = "", page: int = _PAGE) -> list[FileStatus]:
        """Give all entries of a folder, from as many pages as it takes."""
        found: list[FileStatus] = []
        after: str | None = None
        while True:
            got = await self.storage.list(self.path(name), after, page, as_user=self.actor)
            found += got.entries
            if got.next_after is None:
                return found
            assert after is None or got.next_after > after, "the pages do not go on"
            after = got.next_after

    async def names(self, name: str = "") -> list[str]:
        """Give the names of all entries of a folder."""
        return [entry.name for entry in await self.entries(name)]

    async def cleared(self) -> None:
        """Remove the place itself, if that can be done: whether it can is a test's own subject."""
        with suppress(BackendError):
            await self.storage.remove(self.folder, recursive=True, as_user=SYSTEM)

    async def tree(self, name: str = "") -> Mapping[str, bytes | None]:
        """Give everything below a folder by its name, ``None`` being a folder's content."""
        found: dict[str, bytes | None] = {}
        for entry in await self.entries(name):
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.kind is FileKind.FOLDER:
                found[below] = None
                found |= await self.tree(below)
            else:
                found[below] = await self.content(below)
        return found


@frozen
class People:
    """Be two users whom the storage has never seen, and an administrator."""

    alice: Actor
    bob: Actor
    root: Actor


class StorageCase(Supplied):
    """Be what the parts of the storage suite share, and what an author may set of it.

    ``folder`` is where the suite works, besides folders of users that it makes up; ``unnameable``
    holds the characters that the storage can have in no name; ``examples`` and ``steps`` say how
    much Hypothesis tries; ``entries`` is the size of a large folder, ``large`` that of a large
    file in bytes. For a storage that is far away the last four may be lowered: no test assumes
    that a call is fast.
    """

    folder: ClassVar[str] = "/jobyard-conformance"
    unnameable: ClassVar[str] = ""
    examples: ClassVar[int] = 25
    steps: ClassVar[int] = 20
    entries: ClassVar[int] = 1000
    large: ClassVar[int] = 50 * 1024 * 1024

    def place_in(self, storage: Storage) -> Place:
        """Give a place where nothing is yet, not even the folder."""
        return Place(storage, f"{self.folder}/{token_hex(8)}")

    @pytest.fixture
    def disk(self) -> Path:
        """Give the folder of this machine that holds the files, for a storage that has one.

        Override it to switch on the tests that put links there. The folder has to exist once the
        storage is open.
        """
        raise NotImplementedError

    @pytest.fixture
    def outage(self) -> AbstractContextManager[object]:
        """Give a context manager that makes the storage unreachable while it is open.

        Override it to switch on the tests of what is told then.
        """
        raise NotImplementedError

    @pytest.fixture
    async def place(self, subject: Subject[Any]) -> AsyncIterator[Place]:
        """Give an empty folder, which goes after the test."""
        place = self.place_in(subject.backend)
        await place.mkdirs("", mode=0o755)
        yield place
        await place.cleared()

    @pytest.fixture
    async def people(self, subject: Subject[Any]) -> AsyncIterator[People]:
        """Give people, whose files go after the test."""
        mark = token_hex(4)
        people = People(
            Actor(f"alice_{mark}"), Actor(f"bob_{mark}"), Actor(f"root_{mark}", admin=True)
        )
        yield people
        for home in HOMES:
            for each in (people.alice, people.bob):
                await Place(subject.backend, f"{home}/{each.account}").cleared()
