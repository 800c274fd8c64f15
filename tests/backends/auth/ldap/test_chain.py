"""The chain of local users and a real directory, held against the suite of one way to log in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import ClassVar, Final, cast

import pytest
from attrs import evolve

from jobyard.domain.identity import Found, Identity, Lookup, NotMine
from jobyard.errors import Unavailable, UnknownError
from jobyard.resilience import Guarded
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.provider import AuthProvider, Capability, Seam
from jobyard.secret import Secret
from jobyard.services.auth_chain import AuthChain, Member
from jobyard.testing import AuthConformance, Kind, KnownUser, provider_named
from jobyard_backends.auth.local import passwords
from tests.backends.auth.ldap.test_conformance import Spellings
from tests.slapd import PASSWORD, Slapd, dn_of, group, group_dn, person, running_slapd

LDAP: Final = cast("AuthProvider", provider_named(Seam.AUTH, "ldap"))
LOCAL: Final = cast("AuthProvider", provider_named(Seam.AUTH, "local"))


class Chained:
    """Be a chain, as one way to log in."""

    def __init__(self, chain: AuthChain, members: Sequence[Member]) -> None:
        self._chain = chain
        self._members = members

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        try:
            return await self._chain.authenticate(username, password, None)
        except UnknownError as error:
            raise Unavailable(error.message, detail=error.detail) from error

    async def find(self, username: str) -> Lookup:
        try:
            identity = await self._chain.find(username)
        except UnknownError as error:
            raise Unavailable(error.message, detail=error.detail) from error
        return NotMine() if identity is None else Found(identity)

    async def ping(self) -> None:
        for each in self._members:
            await each.ask("ping", lambda backend: backend.ping())


def guarded(name: str, backend: Authenticator, context: Context) -> Member:
    guard = Guarded[Authenticator](f"auth.{name}", context.clock, timeout=10)
    guard.opened(backend)
    return Member(name, guard, frozenset())


@asynccontextmanager
async def opened(config: object, context: Context) -> AsyncIterator[Authenticator]:
    with pytest.MonkeyPatch.context() as patch:
        # What a hash costs is not this suite's business.
        patch.setattr(passwords, "MEMORY_KIB", 64)
        patch.setattr(passwords, "PASSES", 1)
        local = LOCAL.open(LOCAL.config(), context)
        async with local as first, LDAP.open(config, context) as second:
            members = [guarded("local", first, context), guarded("ldap", second, context)]
            yield Chained(AuthChain(members), members)


@pytest.fixture(scope="module")
def filled() -> Iterator[Slapd]:
    with running_slapd() as server:
        server.add(
            person("alice"),
            person("locked", pwdAccountLockedTime="000001010000Z"),
            group("team1", dn_of("alice")),
        )
        yield server


class TestLocalAndLdap(AuthConformance):
    provider = evolve(LDAP, open=opened, capabilities=frozenset({Capability.WIDE_CREDENTIALS}))
    outliving: ClassVar[Mapping[Kind, str]] = {
        Kind.PROCESS: "the test's own server is started again after an outage"
    }

    @pytest.fixture
    def settings(self, filled: Slapd) -> Mapping[str, object]:
        return filled.settings()

    @pytest.fixture
    def known(self) -> KnownUser:
        return KnownUser("alice", PASSWORD, [group_dn("team1")])

    @pytest.fixture
    def spellings(self) -> Sequence[str]:
        return Spellings(("Alice", "ALICE "))

    @pytest.fixture
    def disabled(self) -> KnownUser:
        return KnownUser("locked", PASSWORD)

    @pytest.fixture
    def outage(self, filled: Slapd) -> AbstractContextManager[object]:
        @contextmanager
        def stopped() -> Iterator[None]:
            filled.stop()
            yield
            filled.start()

        return stopped()
