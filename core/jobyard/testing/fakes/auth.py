"""Users in memory, for tests: they keep every promise of the seam, and fail when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from anyio.lowlevel import checkpoint
from attrs import evolve, frozen

from jobyard.clock import Clock, SystemClock
from jobyard.domain.identity import Found, Identity, Lookup, NotMine
from jobyard.errors import BackendError, Conflict, NotFound, Unavailable
from jobyard.seams.auth import Authenticator, CredentialsRejected, UserChange, UserPage
from jobyard.seams.context import Context
from jobyard.seams.provider import AuthProvider, Capability, auth_provider
from jobyard.secret import Secret

PROVIDER: Final = "fake"


@frozen
class FakeUser:
    """Be one user, with the password."""

    identity: Identity
    password: Secret


People = dict[str, FakeUser]
"""Users by their names, casefolded."""


class FakeAuth:
    """Know users in memory, in any case of their names.

    Implements ``Authenticator``, ``UserListing`` and ``UserAdmin`` of :mod:`jobyard.seams.auth`.
    While ``down`` is true every call raises ``Unavailable``; :meth:`fail_next` has the next call
    fail in any other way.
    """

    def __init__(self, people: People | None = None, *, clock: Clock | None = None) -> None:
        self.down = False
        self._people: People = {} if people is None else people
        self._clock = clock or SystemClock()
        self._failures: list[BackendError] = []

    def fail_next(self, error: BackendError) -> None:
        """Have the next call raise an error; told again, the call after that, and so on."""
        self._failures.append(error)

    def put(
        self,
        name: str,
        password: Secret,
        *,
        groups: Iterable[str] = (),
        admin: bool | None = None,
        enabled: bool = True,
    ) -> Identity:
        """Have a user, as a directory has one that its own administrators made."""
        identity = Identity(
            provider=PROVIDER,
            name=name,
            groups=frozenset(groups),
            admin=admin,
            enabled=enabled,
            credentials_changed_at=self._clock.now(),
        )
        self._people[name.casefold()] = FakeUser(identity, password)
        return identity

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        """Check a password; see the seam."""
        await self._answer()
        user = self._user(username)
        if user is None:
            return None
        if not password or password != user.password:
            raise CredentialsRejected(f"The password of {user.identity.name} is another.")
        return user.identity

    async def find(self, username: str) -> Lookup:
        """Look a user up; see the seam."""
        await self._answer()
        user = self._user(username)
        return NotMine() if user is None else Found(user.identity)

    async def ping(self) -> None:
        """Return if the fake is not down; see the seam."""
        await self._answer()

    async def users(self, after: str | None, limit: int) -> UserPage:
        """Give users whose names, casefolded, come after ``after``; see the seam."""
        await self._answer()
        keys = sorted(key for key in self._people if after is None or key > after.casefold())
        page = tuple(self._people[key].identity for key in keys[:limit])
        return UserPage(page, page[-1].name if page and len(keys) > limit else None)

    async def create(self, username: str, password: Secret, *, admin: bool) -> Identity:
        """Create a user; see the seam."""
        await self._answer()
        if self._user(username) is not None:
            raise Conflict(f"There is a user {username} already.")
        return self.put(username, password, admin=admin)

    async def change(self, username: str, change: UserChange) -> Identity:
        """Change a user; see the seam."""
        await self._answer()
        user = self._known(username)
        if change == UserChange():
            return user.identity
        identity = evolve(
            user.identity,
            admin=user.identity.admin if change.admin is None else change.admin,
            credentials_changed_at=self._clock.now(),
        )
        self._people[username.casefold()] = FakeUser(identity, change.password or user.password)
        return identity

    async def remove(self, username: str) -> None:
        """Remove a user; see the seam."""
        await self._answer()
        self._known(username)
        del self._people[username.casefold()]

    def _user(self, username: str) -> FakeUser | None:
        return self._people.get(username.casefold())

    def _known(self, username: str) -> FakeUser:
        user = self._user(username)
        if user is None:
            raise NotFound(f"There is no user {username}.")
        return user

    async def _answer(self) -> None:
        await checkpoint()
        if self.down:
            raise Unavailable("the fake users cannot be reached")
        if self._failures:
            raise self._failures.pop(0)


@frozen
class FakeAuthConfig:
    """Have no settings: a test puts the users there."""


MakeAuth = Callable[[People, Clock], Authenticator]
"""Make a backend that knows people, of those that the state directory had before."""


def _plain(people: People, clock: Clock) -> FakeAuth:
    return FakeAuth(people, clock=clock)


def fake_auth_provider(
    make: MakeAuth = _plain,
    *,
    capabilities: Iterable[Capability] = (Capability.USERS, Capability.MANAGE_USERS),
) -> AuthProvider:
    """Announce fake users; opened again on the same state directory, they are still there.

    Give ``make`` to open a fake of your own, such as one that a test holds in its hand.
    """
    kept: dict[Path, People] = {}

    @asynccontextmanager
    async def opened(_: FakeAuthConfig, context: Context) -> AsyncIterator[Authenticator]:
        yield make(kept.setdefault(context.state_dir, {}), context.clock)

    return auth_provider(
        name=PROVIDER,
        api=1,
        summary="Users in memory, for tests.",
        config=FakeAuthConfig,
        open=opened,
        capabilities=capabilities,
    )


FAKE_AUTH: Final = fake_auth_provider()
"""The users in memory, as a provider."""
