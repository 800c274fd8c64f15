"""The storage seam over a folder; blocking work is done in threads of its own."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Protocol

import anyio

from jobyard.domain.identity import Actor
from jobyard.errors import BackendError, DeadlineExceeded, Unavailable
from jobyard.seams.context import TaskOwner
from jobyard.seams.storage import ContentSummary, FileChecksum, FilePage, FileStatus
from jobyard_backends.storage.local import changing, looking
from jobyard_backends.storage.local.backroom import Backroom
from jobyard_backends.storage.local.changing import NewFolder
from jobyard_backends.storage.local.failures import translated
from jobyard_backends.storage.local.gathering import Gathering
from jobyard_backends.storage.local.looking import CHUNK, measure
from jobyard_backends.storage.local.ownership import Segments, owner_of
from jobyard_backends.storage.local.quota import Claim, Quota
from jobyard_backends.storage.local.threads import Stopped, Threads
from jobyard_backends.storage.local.tree import Tree, segments
from jobyard_backends.storage.local.upload import Appending, Upload, write_all


class Incoming(Protocol):
    """Take a file in, piece by piece; the methods block."""

    @property
    def replaces(self) -> int:
        """Give the bytes of the file that it takes the place of, known since :meth:`start`."""
        ...

    def start(self) -> None:
        """Look whether it may be written."""
        ...

    def write(self, data: bytes | bytearray) -> None:
        """Write a piece."""
        ...

    def close(self) -> None:
        """Undo what was not finished."""
        ...


class LocalStorage:
    """Keep files in a folder of this machine; implements the seam's ``Storage``."""

    def __init__(
        self, tree: Tree, room: Backroom, tasks: TaskOwner, quota: int | None = None
    ) -> None:
        self._tree = tree
        self._room = room
        self._tasks = tasks
        self._threads = Threads()
        self._new_folders = Gathering(self._make_folders)
        self._quota = Quota(quota, self._measured)

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path; see the seam."""
        names = segments(path)
        return await self._threads.look(lambda: looking.describe(self._tree, names, as_user))

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give entries of a folder; see the seam."""
        names = segments(path)
        return await self._threads.look(
            lambda: looking.page(self._tree, names, after, limit, as_user)
        )

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        """Stream a file's bytes; see the seam."""
        names = segments(path)
        descriptor = await self._threads.do(lambda: looking.open_file(self._tree, names, as_user))
        try:
            left = math.inf if length is None else length
            while left > 0:
                size = int(min(CHUNK, left))
                work = partial(looking.read_at, descriptor, size, offset, names)
                data = await self._threads.do(work)
                if not data:
                    return
                yield data
                offset += len(data)
                left -= len(data)
        finally:
            os.close(descriptor)  # nothing was written through it: closing does not wait

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,  # noqa: ARG002 - it always is: nothing else costs less here
        as_user: Actor,
    ) -> None:
        """Write a file; see the seam."""
        names = segments(path)
        upload = Upload(self._tree, self._room, names, as_user, overwrite=overwrite)
        with self._quota.claim(names) as claim:
            async with self._taking(upload):
                await self._pour(upload, chunks, claim)
                with claim.change():
                    claim.settle(await self._threads.do(lambda: upload.finish(mode)))

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end; see the seam."""
        names = segments(path)
        appending = Appending(self._tree, names, as_user)
        with self._quota.claim(names) as claim:
            async with self._taking(appending):
                await self._pour(appending, chunks, claim)
                with claim.change():
                    claim.settle(await self._threads.do(appending.finish))

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder; see the seam."""
        await self._new_folders.done(NewFolder(segments(path), mode, as_user))

    async def _make_folders(self, wanted: Sequence[NewFolder]) -> Sequence[Exception | None]:
        return await self._threads.do(lambda: changing.make_folders(self._tree, wanted))

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder; see the seam."""
        old, new = segments(source), segments(target)
        with self._quota.claim(new) as claim, self._quota.moving(old, new):
            if claim.counts and owner_of(old) != owner_of(new):
                await claim.take(await self._measured(old))
            return await self._threads.do(lambda: changing.rename(self._tree, old, new, as_user))

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder; see the seam."""
        names = segments(path)

        def work(stopped: Stopped) -> changing.Removed | None:
            return changing.remove(
                self._tree, self._room, names, recursive=recursive, actor=as_user, stopped=stopped
            )

        with self._quota.removing(names) as claim:
            removed = await self._threads.long(work)
            if removed is not None:
                claim.settle(-removed.size)
                if removed.left is not None:
                    await self._destroy(removed.left, claim)
        return removed is not None

    async def _destroy(self, left: str, claim: Claim) -> None:
        """Delete in the background, behind a count where somebody is held to a quota."""
        rest = partial(self._room.destroy, left)
        try:
            if claim.counts:
                room = Tree(self._room.fd)
                claim.settle(-await self._threads.long(partial(measure, room, (left,))))
        finally:
            self._tasks.spawn("deletion of removed files", lambda: self._clear(rest))

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits; see the seam."""
        names = segments(path)
        await self._threads.do(lambda: changing.change_mode(self._tree, names, mode, as_user))

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Count what lies below a path; see the seam."""
        names = segments(path)
        return await self._threads.long(partial(looking.summary, self._tree, names, as_user))

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Give Hadoop's checksum of a file; see the seam."""
        names = segments(path)
        return await self._threads.long(partial(looking.checksum, self._tree, names, as_user))

    async def ping(self) -> None:
        """Write a byte and read it; see the seam."""
        await self._threads.look(self._try)

    def _try(self) -> None:
        name = self._room.name()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with translated("/"):
            descriptor = os.open(name, flags, 0o600, dir_fd=self._room.fd)
            try:
                write_all(descriptor, b"!")
                if os.pread(descriptor, 1, 0) != b"!":
                    message = "The storage does not give back what is written to it."
                    raise Unavailable(message)
            finally:
                os.close(descriptor)
                os.unlink(name, dir_fd=self._room.fd)

    def sweep(self) -> None:
        """Delete, in the background, what a crash left."""
        self._tasks.spawn("sweep of the local storage", lambda: self._clear(self._room.sweep))

    async def close(self) -> bool:
        """Begin nothing any more; tell whether nothing works on files any more."""
        return await self._threads.close()

    async def _clear(self, work: Callable[[Stopped], None]) -> None:
        with suppress(DeadlineExceeded):  # the next opening goes on
            await self._threads.long(work, apart=True)

    async def _measured(self, path: Segments) -> int:
        """Count the bytes of the files below a path, in a thread that keeps nobody else waiting."""
        return await self._threads.long(partial(measure, self._tree, path), apart=True)

    @asynccontextmanager
    async def _taking(self, incoming: Incoming) -> AsyncIterator[None]:
        """Begin, and leave nothing half done however it ends."""
        try:
            await self._threads.do(incoming.start)
            yield
        finally:
            with anyio.CancelScope(shield=True), suppress(OSError, BackendError):
                await self._threads.do(incoming.close)

    async def _pour(self, incoming: Incoming, chunks: AsyncIterable[bytes], claim: Claim) -> None:
        """Write what comes; small pieces are gathered, since each writing costs a thread's turn."""
        claim.replaces = incoming.replaces
        gathered = bytearray()
        async for chunk in chunks:
            gathered += chunk
            if len(gathered) >= CHUNK:
                await claim.take(len(gathered))
                await self._threads.do(partial(incoming.write, gathered))
                gathered = bytearray()
        if gathered:
            await claim.take(len(gathered))
            await self._threads.do(partial(incoming.write, gathered))
