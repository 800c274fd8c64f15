"""A directory that is opened for a test, and what log-ins to it come to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

from jobyard.domain.identity import Identity
from jobyard.seams.auth import CredentialsRejected
from jobyard.seams.provider import AuthProvider, Seam
from jobyard.secret import Secret
from jobyard.testing import opened, provider_named
from jobyard_backends.auth.ldap.users import LdapUsers
from tests.slapd import PASSWORD

PROVIDER: Final = cast("AuthProvider", provider_named(Seam.AUTH, "ldap"))


@asynccontextmanager
async def directory(settings: Mapping[str, object], folder: Path) -> AsyncIterator[LdapUsers]:
    """Open the provider as a gateway does."""
    async with opened(PROVIDER, settings, folder) as subject:
        backend = subject.backend
        assert isinstance(backend, LdapUsers)
        yield backend


async def outcome(users: LdapUsers, name: str, password: Secret = PASSWORD) -> Identity | str:
    """Log in, and give who that is, or why not; ``unknown`` where nobody is."""
    try:
        identity = await users.authenticate(name, password)
    except CredentialsRejected as error:
        return error.message
    return "unknown" if identity is None else identity


async def log_in(users: LdapUsers, name: str, password: Secret = PASSWORD) -> Identity:
    found = await outcome(users, name, password)
    assert isinstance(found, Identity), found
    return found


def spelt(settings: Mapping[str, object]) -> dict[str, object]:
    """Spell settings as JSON does, with the secrets in them."""
    return {
        name: value.reveal() if isinstance(value, Secret) else value
        for name, value in settings.items()
    }
