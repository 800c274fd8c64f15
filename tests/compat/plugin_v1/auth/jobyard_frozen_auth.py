"""Users that the configuration file names, with one password for all."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from attrs import frozen

import jobyard
from jobyard.domain.identity import Found, Identity, Lookup, NotMine
from jobyard.schema import option
from jobyard.seams.auth import Authenticator, CredentialsRejected, UserPage
from jobyard.seams.context import Context
from jobyard.seams.provider import AuthProvider, Capability, auth_provider
from jobyard.secret import Secret


@frozen
class Settings:
    users: tuple[str, ...] = option(min_length=1, doc="Who may log in.")
    password: Secret = option(doc="Everybody's password.")


class Users:
    def __init__(self, settings: Settings) -> None:
        self._users = sorted(settings.users)
        self._password = settings.password

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        if username not in self._users:
            return None
        if password != self._password:
            raise CredentialsRejected("that is not everybody's password")
        return self._identity(username)

    async def find(self, username: str) -> Lookup:
        return Found(self._identity(username)) if username in self._users else NotMine()

    async def ping(self) -> None:
        return None

    async def users(self, after: str | None, limit: int) -> UserPage:
        found = [each for each in self._users if after is None or each > after]
        page = found[:limit]
        return UserPage(
            tuple(self._identity(each) for each in page),
            page[-1] if len(found) > limit else None,
        )

    def _identity(self, name: str) -> Identity:
        return Identity(provider="frozen", name=name, groups=frozenset({"staff"}))


@asynccontextmanager
async def _open(settings: Settings, context: Context) -> AsyncIterator[Authenticator]:
    yield Users(settings)


@jobyard.hookimpl
def jobyard_auth_providers() -> Iterable[AuthProvider]:
    return [
        auth_provider(
            name="frozen",
            api=1,
            summary="Users that the configuration file names.",
            config=Settings,
            open=_open,
            capabilities=[Capability.USERS],
        )
    ]
