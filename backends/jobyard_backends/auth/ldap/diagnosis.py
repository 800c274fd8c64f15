"""What ``jobyard doctor`` tries of a directory, and ``jobyard auth try`` of one user in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio import to_thread

from jobyard.clock import SystemClock
from jobyard.seams.diagnosis import Check
from jobyard.secret import Secret
from jobyard_backends.auth.ldap.calls import Calls
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.encryption import tls_context
from jobyard_backends.auth.ldap.log_in_steps import LogInSteps
from jobyard_backends.auth.ldap.server_steps import ServerSteps
from jobyard_backends.auth.ldap.settings import LdapSettings
from jobyard_backends.auth.ldap.users import LdapUsers


@asynccontextmanager
async def diagnosis(settings: LdapSettings) -> AsyncIterator[Sequence[Check]]:
    """Give the steps that look at the directory.

    Raises:
        ConfigError: A file of certificates cannot be read.
    """
    async with _reached(settings) as (directory, calls):
        steps = ServerSteps(settings, directory, calls)
        yield (*steps.reach(), *steps.look())


@asynccontextmanager
async def examination(
    settings: LdapSettings, username: str, password: Secret | None
) -> AsyncIterator[Sequence[Check]]:
    """Give the steps of one user's log-in; without a password none is tried.

    Raises:
        ConfigError: A file of certificates cannot be read.
    """
    async with _reached(settings) as (directory, calls):
        users = LdapUsers(settings, directory, calls, SystemClock())
        reach = ServerSteps(settings, directory, calls).reach()
        yield (*reach, *LogInSteps(settings, directory, calls, users).of(username, password))


@asynccontextmanager
async def _reached(settings: LdapSettings) -> AsyncIterator[tuple[Directory, Calls]]:
    transport = settings.transport
    context = await to_thread.run_sync(tls_context, transport)
    calls = Calls(at_once=1, total=transport.total)
    directory = Directory(settings, context)
    try:
        yield directory, calls
    finally:
        await calls.close()
        await to_thread.run_sync(directory.close)
