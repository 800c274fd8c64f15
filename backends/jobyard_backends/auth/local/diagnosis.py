"""What ``jobyard doctor`` tries of the users in the gateway's database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import Connection, func, select

from jobyard.errors import JobyardError
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.secret import Secret
from jobyard_backends.auth.local.passwords import Passwords
from jobyard_backends.auth.local.tables import MIGRATIONS, USERS


@asynccontextmanager
async def diagnosis(context: Context) -> AsyncIterator[Sequence[Check]]:
    """Give the steps."""

    async def migrated() -> str:
        await context.store.migrate(MIGRATIONS)
        return f"revision {MIGRATIONS.head}"

    async def counted() -> str:
        users, admins = await context.store.read(_counts)
        if not users:
            return "nobody yet; the first start makes an administrator"
        if not admins:
            message = f"{users} users, and no administrator among them"
            raise JobyardError(message)
        return f"{users} users, {admins} of them administrators"

    async def hashed() -> str:
        await Passwords().hash(Secret("not anybody's"))
        return "argon2id works"

    yield (
        Check("look at the tables", migrated, "Another version of Jobyard may have changed them."),
        Check("count the users", counted, "Name one in accounts.admins.users."),
        Check("hash a password", hashed, "Each log-in takes 19 MiB of memory for this."),
    )


def _counts(connection: Connection) -> tuple[int, int]:
    users = connection.execute(select(func.count()).select_from(USERS)).scalar_one()
    admins = connection.execute(
        select(func.count()).select_from(USERS).where(USERS.c.admin)
    ).scalar_one()
    return int(users), int(admins)
