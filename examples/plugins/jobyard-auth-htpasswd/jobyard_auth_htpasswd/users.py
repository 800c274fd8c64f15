"""The backend: who logs in, and who is listed."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from jobyard.domain.identity import Found, Identity, Lookup, NotMine
from jobyard.seams.auth import CredentialsRejected, UserPage
from jobyard.secret import Secret

from jobyard_auth_htpasswd import files
from jobyard_auth_htpasswd.files import Entry, Groups, Users, WatchedFile
from jobyard_auth_htpasswd.hashes import is_right

THREADS: Final = 2
"""Hashes that are made at once: more would starve the event loop of the processor."""


class HtpasswdUsers:
    """Know users by the exact spelling of their names.

    Implements ``Authenticator`` and ``UserListing`` of ``jobyard.seams.auth``.
    """

    def __init__(self, provider: str, path: Path, group_file: Path | None) -> None:
        self._provider = provider
        self._users: WatchedFile[Users] = WatchedFile(path, files.users)
        self._groups: WatchedFile[Groups] | None = (
            None if group_file is None else WatchedFile(group_file, files.groups)
        )
        self._hashing = anyio.CapacityLimiter(THREADS)
        self._reading = anyio.CapacityLimiter(THREADS)

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        """Check a password; ``None``, at the same cost, means that there is no such user.

        Raises:
            CredentialsRejected: It is not the user's password.
            Unavailable: A file cannot be read.
        """
        users, groups = await self._read()
        entry = users.get(username)
        # For a name that is not there somebody else's hash is made, so that the time tells nothing.
        made = next(iter(users.values()), None) if entry is None else entry
        right = made is not None and await anyio.to_thread.run_sync(
            is_right, password.reveal(), made.name, made.hash, limiter=self._hashing
        )
        if entry is None:
            return None
        if not right:
            raise CredentialsRejected(f"The password of {username} is another.")
        return self._identity(entry, groups)

    async def find(self, username: str) -> Lookup:
        """Look a user up.

        Raises:
            Unavailable: A file cannot be read.
        """
        users, groups = await self._read()
        entry = users.get(username)
        return NotMine() if entry is None else Found(self._identity(entry, groups))

    async def ping(self) -> None:
        """Return if the files can be read; raise ``Unavailable`` if not."""
        await self._read()

    async def users(self, after: str | None, limit: int) -> UserPage:
        """Give up to ``limit`` users whose names come after ``after``."""
        users, groups = await self._read()
        names = sorted(users)
        start = 0 if after is None else bisect_right(names, after)
        page = tuple(self._identity(users[name], groups) for name in names[start : start + limit])
        return UserPage(page, page[-1].name if start + limit < len(names) and page else None)

    async def _read(self) -> tuple[Users, Groups]:
        return await anyio.to_thread.run_sync(self._files, limiter=self._reading)

    def _files(self) -> tuple[Users, Groups]:
        return self._users.read(), {} if self._groups is None else self._groups.read()

    def _identity(self, entry: Entry, groups: Groups) -> Identity:
        return Identity(
            provider=self._provider,
            name=entry.name,
            groups=groups.get(entry.name, frozenset()),
            credentials_changed_at=entry.changed_at,
        )
