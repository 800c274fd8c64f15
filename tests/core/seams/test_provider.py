from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from attrs import frozen

from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.provider import AuthProvider, Capability, auth_provider, narrowed
from jobyard.testing.fakes.auth import FakeAuth


@frozen
class Settings:
    listing: bool = True

    def switched_off(self) -> Iterable[Capability]:
        return () if self.listing else (Capability.USERS,)


@frozen
class PlainSettings:
    pass


@asynccontextmanager
async def opened(_: Settings | PlainSettings, __: Context) -> AsyncIterator[Authenticator]:
    yield FakeAuth()


def provider() -> AuthProvider:
    return auth_provider(
        name="some",
        api=1,
        summary="Some.",
        config=Settings,
        open=opened,
        capabilities=[Capability.USERS, Capability.WIDE_CREDENTIALS],
    )


@pytest.mark.parametrize(
    ("settings", "left"),
    [
        (Settings(), {Capability.USERS, Capability.WIDE_CREDENTIALS}),
        (Settings(listing=False), {Capability.WIDE_CREDENTIALS}),
        (PlainSettings(), {Capability.USERS, Capability.WIDE_CREDENTIALS}),
    ],
)
def test_settings_switch_capabilities_of_their_provider_off(
    settings: Settings | PlainSettings, left: set[Capability]
) -> None:
    made = provider()

    assert narrowed(made, settings).capabilities == left
    assert made.capabilities == {Capability.USERS, Capability.WIDE_CREDENTIALS}
