"""Open the folder, and close it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from jobyard.errors import Unavailable
from jobyard.seams.context import TaskOwner
from jobyard_backends.storage.local.backroom import Backroom
from jobyard_backends.storage.local.storage import LocalStorage
from jobyard_backends.storage.local.tree import Tree


@asynccontextmanager
async def opened(
    root: Path, tasks: TaskOwner, quota: int | None = None
) -> AsyncIterator[LocalStorage]:
    """Open the storage; see the package."""
    descriptor, room = await to_thread.run_sync(partial(_open, root))
    storage = LocalStorage(Tree(descriptor), room, tasks, quota)
    storage.sweep()
    try:
        yield storage
    finally:
        # A thread that a disk holds up keeps its folders: their numbers must not become others'.
        with anyio.CancelScope(shield=True):
            if await storage.close():
                room.close()
                os.close(descriptor)


def _open(root: Path) -> tuple[int, Backroom]:
    try:
        root.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return descriptor, Backroom(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown error"
        message = f"The root of the local storage cannot be used: {reason}"
        raise Unavailable(message, detail=f"{root}: {error!r}") from error
