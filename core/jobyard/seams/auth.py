"""Authentication: who somebody is.

``auth:`` in the configuration is a list that is asked in its order. ``CredentialsRejected`` and
``Unavailable`` end the chain: a weaker provider is never asked because a stronger one is down.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from attrs import frozen

from jobyard.domain.identity import Identity, Lookup
from jobyard.errors import BackendError
from jobyard.secret import Secret


class CredentialsRejected(BackendError):
    """Report that the provider knows the user and refuses the password.

    ``message`` is the reason, for the log: the caller is told that the password is incorrect.
    """


class Authenticator(Protocol):
    """Check passwords and look users up."""

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        """Check a password; ``None`` means that the user is not this provider's.

        Raises:
            CredentialsRejected: The user is this provider's and may not log in so.
            Unavailable: Nobody can tell now.
        """
        ...

    async def find(self, username: str) -> Lookup:
        """Look a user up without a password.

        Raises:
            Unavailable: Nobody can tell now.
        """
        ...

    async def ping(self) -> None:
        """Return if the provider could answer now; raise ``Unavailable`` if not."""
        ...


@frozen
class UserPage:
    """Be some users in the order of their names; ``next_after`` continues, ``None`` ends."""

    users: tuple[Identity, ...]
    next_after: str | None = None


@runtime_checkable
class UserListing(Protocol):
    """List users (capability ``USERS``)."""

    async def users(self, after: str | None, limit: int) -> UserPage:
        """Give up to ``limit`` users whose names come after ``after``."""
        ...


@frozen
class UserChange:
    """Say what to change of a user; ``None`` leaves it."""

    password: Secret | None = None
    admin: bool | None = None


@runtime_checkable
class UserAdmin(Protocol):
    """Create, change and remove users (capability ``MANAGE_USERS``)."""

    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        """Create a user.

        Raises:
            Conflict: One of that name exists.
        """
        ...

    async def change(self, username: str, change: UserChange) -> Identity:
        """Change a user.

        Raises:
            NotFound: There is none.
        """
        ...

    async def remove(self, username: str) -> None:
        """Remove a user.

        Raises:
            NotFound: There is none.
        """
        ...
