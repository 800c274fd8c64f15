"""Open the way to a directory, keep it, and close it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import anyio
from anyio import to_thread

from jobyard.errors import ConfigError, Problem, Unavailable
from jobyard.seams.context import Context
from jobyard_backends.auth.ldap.calls import RETRY_AFTER, Call, Calls
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.encryption import tls_context
from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.link import Query
from jobyard_backends.auth.ldap.settings import LdapSettings, Nesting
from jobyard_backends.auth.ldap.users import LdapUsers

LOG: Final = logging.getLogger("jobyard.auth.ldap")

ACTIVE_DIRECTORY: Final = "1.2.840.113556.1.4.1670"
"""The capability of Active Directory since Windows 2003, which has the rule that chains."""

ROOT_ENTRY: Final = Query(
    "",
    "(objectClass=*)",
    ("namingContexts", "supportedCapabilities", "supportedControl", "supportedLDAPVersion"),
    whole_subtree=False,
)

PAUSE: Final = 10.0
"""Seconds after which servers that did not answer are tried again."""


@asynccontextmanager
async def opened(settings: LdapSettings, context: Context) -> AsyncIterator[LdapUsers]:
    """Open a directory.

    Raises:
        Unavailable: No server answers, or none lets the service account in.
        ConfigError: The directory does not offer what the settings ask for, or a file of
            certificates cannot be read.
    """
    transport = settings.transport
    wrapping = await to_thread.run_sync(tls_context, transport)
    calls = Calls(at_once=transport.connections, total=transport.total)
    # A server that says nothing must not take a place from those who log in.
    trials = Calls(at_once=1, total=transport.total)
    directory = Directory(settings, wrapping)
    try:
        await calls.make(partial(_check, directory=directory, settings=settings))
        context.tasks.spawn("ldap: servers that failed", partial(_revive, trials, directory))
        yield LdapUsers(settings, directory, calls, context.clock)
    finally:
        await calls.close()
        await trials.close()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(directory.close)


def offers_chain(root: Entry) -> bool:
    """Tell whether a root entry is that of a directory which follows groups in groups."""
    return ACTIVE_DIRECTORY in root.texts("supportedCapabilities")


def _check(call: Call, *, directory: Directory, settings: LdapSettings) -> None:
    answer = directory.find(call, ROOT_ENTRY)
    if not answer.outcome.good or not answer.entries:
        message = "The directory has no root entry."
        raise Unavailable(message, detail=str(answer.outcome), retry_after=RETRY_AFTER)
    if settings.groups.nesting is Nesting.CHAIN and not offers_chain(answer.entries[0]):
        problem = "the directory does not offer chain; expected expand, or off"
        raise ConfigError("ldap", [Problem("nested-groups", problem)])


async def _revive(trials: Calls, directory: Directory) -> None:
    while True:
        await anyio.sleep(PAUSE)
        if directory.servers.down():
            try:
                await trials.make(directory.revive)
            except Unavailable as error:
                LOG.debug("servers were tried in vain: %s", error.message)
