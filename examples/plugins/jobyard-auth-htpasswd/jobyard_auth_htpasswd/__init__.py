"""Users of a web server's htpasswd file: the provider, which imports no more than it has to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import frozen
from jobyard import hookimpl
from jobyard.schema import option
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.provider import AuthProvider, Capability, auth_provider

NAME: Final = "htpasswd"
"""What the configuration file calls this; the entry point in pyproject.toml has to agree."""


@frozen
class HtpasswdConfig:
    """Be what a deployer can set."""

    path: Path = option(
        example="/etc/apache2/users.htpasswd",
        doc="The file that holds users and the hashes of their passwords, as `htpasswd -B` writes "
        "it. It is read again when it changes.",
    )
    group_file: Path | None = option(
        default=None,
        example="/etc/apache2/groups",
        doc="A file that holds groups, a line each: `team1: alice bob`. Without it nobody is in "
        "any group.",
    )


@asynccontextmanager
async def _open(config: HtpasswdConfig, _: Context) -> AsyncIterator[Authenticator]:
    from jobyard_auth_htpasswd.users import HtpasswdUsers  # noqa: PLC0415 - when chosen

    users = HtpasswdUsers(NAME, config.path, config.group_file)
    # Unavailable here means: start without it, and try again until the files can be read.
    await users.ping()
    yield users


@hookimpl
def jobyard_auth_providers() -> Iterable[AuthProvider]:
    """Announce the provider."""
    return [
        auth_provider(
            name=NAME,
            api=1,
            summary="Users and passwords in a web server's htpasswd file.",
            config=HtpasswdConfig,
            open=_open,
            capabilities=[Capability.USERS],
        )
    ]
