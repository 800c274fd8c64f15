"""What ``jobyard doctor`` tries of the storage in a folder."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread

from jobyard.domain.identity import SYSTEM
from jobyard.errors import JobyardError
from jobyard.seams.context import TaskOwner
from jobyard.seams.diagnosis import Check
from jobyard_backends.storage.local.opening import opened
from jobyard_backends.storage.local.storage import LocalStorage

_CONTENT: Final = b"written by jobyard doctor\n"
_GIGABYTE: Final = 1024**3


class _Trial:
    """Open the folder, and write, read and remove one file in it."""

    def __init__(self, root: Path, tasks: TaskOwner, stack: AsyncExitStack) -> None:
        self._root = root
        self._tasks = tasks
        self._stack = stack
        self._path = f"/doctor-{uuid.uuid4().hex}"
        self._opened: LocalStorage | None = None

    @property
    def _storage(self) -> LocalStorage:
        if self._opened is None:
            message = "the folder is not open"
            raise JobyardError(message)
        return self._opened

    async def open(self) -> str:
        self._opened = await self._stack.enter_async_context(opened(self._root, self._tasks))
        usage = await to_thread.run_sync(shutil.disk_usage, self._root)
        return f"{usage.free / _GIGABYTE:.0f} GB of {usage.total / _GIGABYTE:.0f} GB are free"

    async def write(self) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield _CONTENT

        await self._storage.write(self._path, chunks(), overwrite=False, as_user=SYSTEM)
        return f"{len(_CONTENT)} bytes, on the disk"

    async def read(self) -> str:
        found = [chunk async for chunk in self._storage.read(self._path, as_user=SYSTEM)]
        if b"".join(found) != _CONTENT:
            message = "what is read is not what was written"
            raise JobyardError(message)
        return "what was written"

    async def remove(self) -> str:
        await self._storage.remove(self._path, recursive=False, as_user=SYSTEM)
        return "it is gone"


@asynccontextmanager
async def diagnosis(root: Path, tasks: TaskOwner) -> AsyncIterator[Sequence[Check]]:
    """Give the steps."""
    rights = f"Check who owns {root}, its mode, and whether it is mounted read-only."
    async with AsyncExitStack() as stack:
        trial = _Trial(root, tasks, stack)
        yield (
            Check(
                "open the folder", trial.open, f"Check {root}, which 'root' names, and its mode."
            ),
            Check("write a file", trial.write, rights),
            Check("read it", trial.read, "Check the disk: the system's log may name errors."),
            Check("remove it", trial.remove, rights),
        )
