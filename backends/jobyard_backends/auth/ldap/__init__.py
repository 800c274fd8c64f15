"""Users of a directory: LDAP and Active Directory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobyard.seams.context import Context
    from jobyard_backends.auth.ldap.settings import LdapSettings
    from jobyard_backends.auth.ldap.users import LdapUsers

__all__ = ["open_backend"]


@asynccontextmanager
async def open_backend(settings: LdapSettings, context: Context) -> AsyncIterator[LdapUsers]:
    """Open the way to a directory.

    Raises:
        Unavailable: No server answers, or none lets the gateway in.
        ConfigError: The directory lacks what the settings ask for, or a certificate of ours
            cannot be read.
    """
    # ldap3 is loaded by those who use it.
    from jobyard_backends.auth.ldap.opening import opened  # noqa: PLC0415

    async with opened(settings, context) as users:
        yield users
