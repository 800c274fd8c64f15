"""The administrator whom the first start makes."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from jobyard.domain.identity import SYSTEM
from jobyard.errors import ConflictUser
from jobyard.secret import Secret
from jobyard.services import state_secrets
from jobyard.services.accounts import Accounts
from jobyard.services.users import Users


@frozen
class FirstAdministrator:
    """Say that an administrator was made; ``password_file`` holds a generated password."""

    username: str
    password_file: Path | None


async def ensure_administrator(
    *,
    accounts: Accounts,
    users: Users,
    username: str,
    password: Secret | None,
    state_dir: Path,
) -> FirstAdministrator | None:
    """Make an administrator where there is no user at all; ``None`` where nothing was made.

    Without a password one is generated, and written down before the user is made, so that a
    crash between the two never leaves a password that nobody knows.

    Raises:
        UnknownError: A provider does not answer.
        UnusableSecret: The password cannot be written down.
    """
    if accounts.chain.manager is None or await users.anybody():
        return None
    made = state_secrets.new_password() if password is None else None
    path = None if made is None else await state_secrets.keep_password(state_dir, made)
    try:
        await users.create(SYSTEM, username, made or password or Secret(""), admin=True)
    except ConflictUser:
        # Another gateway on the database did it just now, with a password of its own.
        if path is not None:
            await state_secrets.forget_password(state_dir)
        return None
    return FirstAdministrator(username, path)
