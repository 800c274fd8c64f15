"""The chosen ways to log in, asked in the configuration's order.

A name belongs to the provider that first authenticated it, and is then asked of that one alone.
A provider that does not answer ends the chain: a weaker one is never asked in its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from attrs import evolve, frozen

from jobyard.domain.identity import Found, Identity, is_username
from jobyard.errors import BackendError, NotSupported, Unavailable, UnknownError
from jobyard.resilience import Guarded, rejected, unavailable
from jobyard.seams.auth import (
    Authenticator,
    CredentialsRejected,
    UserAdmin,
    UserListing,
    UserPage,
)
from jobyard.seams.provider import Capability
from jobyard.secret import Secret

T = TypeVar("T")

_PAGE: Final = 500


@frozen
class Member:
    """Be one provider of the chain, under the name that the configuration gives it."""

    name: str
    guard: Guarded[Authenticator]
    capabilities: frozenset[Capability]

    @property
    def manages(self) -> bool:
        """Tell whether users can be made and changed here."""
        return Capability.MANAGE_USERS in self.capabilities

    async def ask(self, operation: str, work: Callable[[Authenticator], Awaitable[T]]) -> T:
        """Ask the provider what it may be asked again.

        Raises:
            Unavailable: It does not answer.
            CredentialsRejected: It refuses a password.
            UnknownError: It failed, or broke its contract.
        """
        try:
            return await self.guard.attempt(operation, work, idempotent=True)
        except (Unavailable, CredentialsRejected):
            raise
        except BackendError as error:
            raise rejected(error) from error

    async def demand(self, operation: str, work: Callable[[Authenticator], Awaitable[T]]) -> T:
        """Ask the provider what cannot be decided without it.

        Raises:
            CredentialsRejected: It refuses a password.
            UnknownError: It does not answer, failed, or broke its contract.
        """
        try:
            return await self.ask(operation, work)
        except Unavailable as error:
            raise down(self, error) from error

    async def administer(self, operation: str, work: Callable[[UserAdmin], Awaitable[T]]) -> T:
        """Let the provider change its users.

        Raises:
            Conflict: There is such a user already.
            NotFound: There is no such user.
            UnknownError: It does not answer, or broke its contract.
        """

        async def administered(backend: Authenticator) -> T:
            if not isinstance(backend, UserAdmin):
                raise NotSupported(f"{self.guard.name} does not manage users.")
            return await work(backend)

        try:
            return await self.guard.attempt(operation, administered)
        except Unavailable as error:
            raise down(self, error) from error

    async def listed(self) -> list[Identity]:
        """Give the users, none where the provider does not list them.

        Raises:
            UnknownError: It does not answer, or broke its contract.
        """
        users: list[Identity] = []
        after: str | None = None
        while Capability.USERS in self.capabilities:
            page = await self.demand("users", partial(_page, after=after))
            users += [self.checked(each) for each in page.users]
            if page.next_after in (None, after):
                break
            after = page.next_after
        return users

    def checked(self, identity: Identity) -> Identity:
        """Hold what the provider told against the seam; it is called as the file calls it.

        Raises:
            UnknownError: The name is none.
        """
        if not is_username(identity.name):
            message = f"{self.guard.name} gave a user a name that is none."
            raise UnknownError(message, detail=repr(identity.name))
        return evolve(identity, provider=self.name)


def down(member: Member, error: Unavailable) -> UnknownError:
    """Give the contract's error for a provider that does not answer, by its name (S, N)."""
    failure = unavailable(error)
    if member.guard.name in failure.message:
        return failure
    named = Unavailable(
        f"{member.guard.name}: {error.message}",
        detail=error.detail,
        retry_after=error.retry_after,
    )
    return unavailable(named)


class AuthChain:
    """Ask the providers, one after the other."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)

    def member(self, name: str) -> Member | None:
        """Give a provider by its name; ``None`` where it is chosen no more."""
        return next((each for each in self._members if each.name == name), None)

    @property
    def manager(self) -> Member | None:
        """Give the first provider that manages users, which is where they are made."""
        return next((each for each in self._members if each.manages), None)

    def asked(self, owner: str | None) -> tuple[Member, ...]:
        """Give those that may be asked for a name of an owner, or of none."""
        if owner is None:
            return self._members
        return tuple(each for each in self._members if each.name == owner)

    async def authenticate(
        self, username: str, password: Secret, owner: str | None
    ) -> Identity | None:
        """Check a password; ``None`` means that nobody knows the user.

        Raises:
            CredentialsRejected: The provider that knows the user refuses the password.
            UnknownError: A provider that may know the user does not answer.
        """
        for member in self.asked(owner):
            identity = await member.demand(
                "authenticate", lambda backend: backend.authenticate(username, password)
            )
            if identity is not None:
                return _enabled(member.checked(identity))
        return None

    async def find(self, username: str, owner: str | None = None) -> Identity | None:
        """Look a user up without a password; ``None`` means that nobody knows the user.

        Raises:
            UnknownError: A provider that may know the user does not answer.
        """
        for member in self.asked(owner):
            found = await member.demand("find", lambda backend: backend.find(username))
            if isinstance(found, Found):
                return member.checked(found.identity)
        return None

    async def listed(self) -> tuple[Identity, ...]:
        """Give the users of every provider that lists its own.

        Raises:
            UnknownError: One that does so does not answer.
        """
        everybody: list[Identity] = []
        for member in self._members:
            everybody += await member.listed()
        return tuple(everybody)

    def lists(self, provider: str) -> bool:
        """Tell whether a provider lists its users."""
        member = self.member(provider)
        return member is not None and Capability.USERS in member.capabilities


def _enabled(identity: Identity) -> Identity:
    if not identity.enabled:
        raise CredentialsRejected(f"{identity.name} is disabled.")
    return identity


async def _page(backend: Authenticator, *, after: str | None) -> UserPage:
    if not isinstance(backend, UserListing):
        message = "it does not list users, which it was said to do"
        raise NotSupported(message)
    return await backend.users(after, _PAGE)
