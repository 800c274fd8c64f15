"""The provider ``local`` of the auth seam: users in the gateway's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from attrs import frozen

import jobyard
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import AuthProvider, Capability, auth_provider


@frozen
class LocalAuthConfig:
    """Have no settings: the users are managed over the API."""


@asynccontextmanager
async def _open(_: LocalAuthConfig, context: Context) -> AsyncIterator[Authenticator]:
    from jobyard_backends.auth.local import open_backend  # noqa: PLC0415 - loaded when chosen

    async with open_backend(context) as users:
        yield users


@asynccontextmanager
async def _diagnose(_: LocalAuthConfig, context: Context) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.auth.local.diagnosis import diagnosis  # noqa: PLC0415 - as above

    async with diagnosis(context) as checks:
        yield checks


@jobyard.hookimpl
def jobyard_auth_providers() -> Iterable[AuthProvider]:
    """Announce the provider."""
    return [
        auth_provider(
            name="local",
            api=1,
            summary="Users and passwords in the gateway's own database.",
            config=LocalAuthConfig,
            open=_open,
            diagnose=_diagnose,
            capabilities=[Capability.USERS, Capability.MANAGE_USERS],
        )
    ]
