"""The local user store: names and passwords in the gateway's own database."""

from __future__ import annotations

from sqlalchemy import select

from jobyard.domain.identity import Found, Identity, Lookup, NotMine, is_username
from jobyard.seams.auth import CredentialsRejected, UserChange, UserPage
from jobyard.seams.context import Context
from jobyard.secret import Secret
from jobyard_backends.auth.local import rows
from jobyard_backends.auth.local.passwords import Passwords
from jobyard_backends.auth.local.rows import LocalUser


class LocalUsers:
    """Know users by the exact spelling of their names.

    Implements ``Authenticator``, ``UserListing`` and ``UserAdmin`` of
    :mod:`jobyard.seams.auth`. Two names that differ in case alone are one too many.
    """

    def __init__(self, context: Context) -> None:
        self._store = context.store
        self._clock = context.clock
        self._end_tokens = context.accounts.end_tokens
        self._passwords = Passwords()

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        """Check a password; ``None``, at the same cost, means that there is no such user.

        Raises:
            CredentialsRejected: It is not the user's password.
            Unavailable: The database does not answer.
        """
        user = await self._find(username)
        kept = None if user is None else user.password_hash
        verdict = await self._passwords.verify(kept, password)
        if user is None:
            return None
        if not verdict.right:
            raise CredentialsRejected(f"The password of {username} is another.")
        if verdict.rehashed is not None:
            await self._store.write(rows.rehash(user, verdict.rehashed))
        return user.identity

    async def find(self, username: str) -> Lookup:
        """Look a user up by the exact spelling of the name.

        Raises:
            Unavailable: The database does not answer.
        """
        user = await self._find(username)
        return NotMine() if user is None else Found(user.identity)

    async def ping(self) -> None:
        """Return if the database answers; raise ``Unavailable`` if not."""
        await self._store.read(lambda connection: connection.execute(select(1)).close())

    async def users(self, after: str | None, limit: int) -> UserPage:
        """Give up to ``limit`` users whose names, casefolded, come after ``after``."""
        found = await self._store.read(rows.page(after, limit))
        names = tuple(user.identity for user in found[:limit])
        return UserPage(names, names[-1].name if names and len(found) > limit else None)

    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        """Create a user.

        Raises:
            ValueError: The name is none.
            Conflict: There is one, or one whose name differs in case alone.
        """
        if not is_username(username):
            message = f"{username!r} is no user name"
            raise ValueError(message)
        hashed = await self._passwords.hash(password)
        now = self._clock.now()
        user = LocalUser(username, hashed, admin, now, now)
        await self._store.write(rows.create(user, self._end_tokens))
        return user.identity

    async def change(self, username: str, change: UserChange) -> Identity:
        """Change a user; a change of password or administrator flag ends the tokens.

        Raises:
            NotFound: There is none.
        """
        hashed = None if change.password is None else await self._passwords.hash(change.password)
        now = self._clock.now()
        work = rows.change(username, hashed, change.admin, now, self._end_tokens)
        return (await self._store.write(work)).identity

    async def remove(self, username: str) -> None:
        """Remove a user and end the tokens.

        Raises:
            NotFound: There is none.
        """
        await self._store.write(rows.remove(username, self._clock.now(), self._end_tokens))

    async def _find(self, username: str) -> LocalUser | None:
        # What is no name of ours costs the same look, so that the time tells nothing.
        return await self._store.read(rows.find(username))
