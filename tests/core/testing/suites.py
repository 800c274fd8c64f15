"""A backend that can nothing but answer, and providers of it with this or that wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from attrs import frozen

from jobyard.domain.identity import Lookup, NotMine
from jobyard.errors import NotSupported
from jobyard.schema import option
from jobyard.seams.auth import Authenticator, UserPage
from jobyard.seams.context import Context
from jobyard.seams.provider import AuthProvider, Capability, auth_provider
from jobyard.secret import Secret
from jobyard.testing.conformance import Conformance


@frozen
class TinySettings:
    greeting: str = option(default="hello", min_length=1, doc="What it would say.")


class Tiny:
    """Know nobody."""

    async def authenticate(self, username: str, password: Secret) -> None:
        return None

    async def find(self, username: str) -> Lookup:
        return NotMine()

    async def ping(self) -> None:
        return None

    async def users(self, after: str | None, limit: int) -> UserPage:
        raise NotSupported("this backend lists no users")


def tiny_provider(
    make: Callable[[Context], Authenticator] = lambda _: Tiny(),
    *,
    capabilities: Iterable[Capability] = (),
) -> AuthProvider:
    @asynccontextmanager
    async def opened(_: TinySettings, context: Context) -> AsyncIterator[Authenticator]:
        yield make(context)

    return auth_provider(
        name="tiny",
        api=1,
        summary="Knows nobody.",
        config=TinySettings,
        open=opened,
        capabilities=capabilities,
    )


class TinySuite(Conformance):
    provider = tiny_provider()
