"""The local user store: for sites that have no directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.seams.context import Context
    from jobyard_backends.auth.local.users import LocalUsers

__all__ = ["open_backend"]


@asynccontextmanager
async def open_backend(context: Context) -> AsyncIterator[LocalUsers]:
    """Open the store in the gateway's database.

    Raises:
        Unavailable: The database does not answer.
    """
    # argon2 is loaded by those who use it.
    from jobyard_backends.auth.local.tables import MIGRATIONS  # noqa: PLC0415
    from jobyard_backends.auth.local.users import LocalUsers  # noqa: PLC0415

    await context.store.migrate(MIGRATIONS)
    yield LocalUsers(context)
