"""The provider ``ldap`` of the auth seam: users of LDAP directories and Active Directory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import jobyard
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import AuthProvider, Capability, auth_provider
from jobyard.secret import Secret
from jobyard_plugins.auth_ldap_config import LdapAuth

if TYPE_CHECKING:
    from jobyard_backends.auth.ldap.settings import LdapSettings


def resolved(config: LdapAuth) -> LdapSettings:
    """Give the backend its settings, with what the preset says where the file says nothing."""
    from jobyard_backends.auth.ldap import settings  # noqa: PLC0415 - when chosen

    defaults = config.defaults
    return settings.LdapSettings(
        transport=settings.Transport(
            addresses=tuple(map(settings.Address.of, config.urls)),
            encryption=settings.Encryption(config.tls.value),
            ca_file=config.ca_file,
            certificate=config.client_certificate,
            key=config.client_key,
            tls_1_3=config.minimum_tls == "1.3",
            connect=config.connect_timeout,
            receive=config.receive_timeout,
            total=config.total_timeout,
            connections=config.connections,
        ),
        base=config.base_dn,
        bind_dn=config.bind_dn,
        bind_password=config.bind_password,
        user_base=config.user_base_dn or f"{defaults.user_base}{config.base_dn}",
        user_filter=config.user_filter or defaults.user_filter or "",
        user_dn=config.user_dn,
        name_attribute=config.name_attribute or defaults.name_attribute or "",
        name_map=config.name_map,
        groups=settings.Groups(
            base=config.group_base_dn or f"{defaults.group_base}{config.base_dn}",
            filter=config.group_filter or defaults.group_filter,
            membership=settings.Membership(config.membership or defaults.membership),
            nesting=settings.Nesting(config.nested_groups or defaults.nesting),
            depth=config.group_depth,
            required=config.required_group,
        ),
        list_users=config.list_users,
    )


@asynccontextmanager
async def _open(config: LdapAuth, context: Context) -> AsyncIterator[Authenticator]:
    from jobyard_backends.auth.ldap import open_backend  # noqa: PLC0415 - loaded when chosen

    async with open_backend(resolved(config), context) as users:
        yield users


@asynccontextmanager
async def _diagnose(config: LdapAuth, _: Context) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.auth.ldap.diagnosis import diagnosis  # noqa: PLC0415 - as above

    async with diagnosis(resolved(config)) as checks:
        yield checks


@asynccontextmanager
async def _examine(
    config: LdapAuth, _: Context, username: str, password: Secret | None
) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.auth.ldap.diagnosis import examination  # noqa: PLC0415 - as above

    async with examination(resolved(config), username, password) as checks:
        yield checks


@jobyard.hookimpl
def jobyard_auth_providers() -> Iterable[AuthProvider]:
    """Announce the provider."""
    return [
        auth_provider(
            name="ldap",
            api=1,
            summary="Users of an LDAP directory or of Active Directory.",
            config=LdapAuth,
            open=_open,
            diagnose=_diagnose,
            examine=_examine,
            capabilities=[Capability.USERS, Capability.WIDE_CREDENTIALS],
        )
    ]
