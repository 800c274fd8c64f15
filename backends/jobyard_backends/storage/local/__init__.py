"""The storage in a folder of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.seams.context import TaskOwner
    from jobyard_backends.storage.local.storage import LocalStorage

__all__ = ["open_backend"]


@asynccontextmanager
async def open_backend(
    root: Path, tasks: TaskOwner, quota: int | None = None
) -> AsyncIterator[LocalStorage]:
    """Open the storage below ``root``, which is made where it is missing.

    ``tasks`` runs what nobody waits for: the deletion of what was removed, and of what a crash
    left behind. ``quota`` is how many bytes the files in each user's folders may have together.

    Raises:
        Unavailable: The folder cannot be made, or not be used.
    """
    from jobyard_backends.storage.local.opening import opened  # noqa: PLC0415 - start cheaply

    async with opened(root, tasks, quota) as storage:
        yield storage
