"""Users of a directory, as the gateway asks for them."""

from __future__ import annotations

import logging
import secrets
import time
from bisect import bisect_right
from functools import partial
from typing import Final

from attrs import frozen

from jobyard.clock import Clock
from jobyard.domain.identity import Found, Gone, Identity, Lookup, NotMine
from jobyard.errors import Unavailable
from jobyard.seams.auth import CredentialsRejected, UserPage
from jobyard.secret import Secret
from jobyard_backends.auth.ldap import states
from jobyard_backends.auth.ldap.calls import RETRY_AFTER, Call, Calls
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.escaping import in_dn
from jobyard_backends.auth.ldap.groups import Group, GroupSearch
from jobyard_backends.auth.ldap.link import Query
from jobyard_backends.auth.ldap.names import typed
from jobyard_backends.auth.ldap.people import Ambiguous, People, Person
from jobyard_backends.auth.ldap.settings import LdapSettings

LOG: Final = logging.getLogger("jobyard.auth.ldap")

PROVIDER: Final = "ldap"
ROOT: Final = Query("", "(objectClass=*)", ("supportedLDAPVersion",), whole_subtree=False)
"""A look at the root entry, which every directory has (RFC 4512, 5.1)."""

_FRESH: Final = 60.0
"""Seconds for which the pages of one listing are those of the same moment."""


@frozen
class _Listing:
    identities: tuple[Identity, ...]
    at: float


class LdapUsers:
    """Know users by what a directory says.

    Implements ``Authenticator`` and ``UserListing`` of :mod:`jobyard.seams.auth`.
    """

    def __init__(
        self, settings: LdapSettings, directory: Directory, calls: Calls, clock: Clock
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._calls = calls
        self._clock = clock
        self.groups = GroupSearch(directory, settings.groups)
        self.people = People(
            directory, settings, (*states.ATTRIBUTES, *self.groups.user_attributes)
        )
        self._listing: _Listing | None = None

    @property
    def now(self) -> int:
        """Give the time, in milliseconds since the epoch."""
        return self._clock.now()

    async def authenticate(self, username: str, password: Secret) -> Identity | None:
        """Check a password by binding with it; ``None`` means that there is no such user.

        Raises:
            CredentialsRejected: The directory refuses the password or the user, or two users
                could be meant, or the user is not in the group that is required.
            Unavailable: No server answers, or what it answers decides nothing.
        """
        name = typed(username)
        if name is None:
            return None
        return await self._calls.make(partial(self._log_in, name=name, password=password))

    async def find(self, username: str) -> Lookup:
        """Look a user up without a password.

        Raises:
            Unavailable: No server answers, or what it answers decides nothing.
        """
        name = typed(username)
        if name is None:
            return NotMine()
        return await self._calls.make(partial(self._look_up, name=name))

    async def ping(self) -> None:
        """Return if a server lets the service account in; raise ``Unavailable`` if none does."""
        await self._calls.make(self._look_at_root)

    async def users(self, after: str | None, limit: int) -> UserPage:
        """Give up to ``limit`` users whose names come after ``after``.

        The first page reads the whole directory, in pages of its own; those that follow soon are
        of the same moment.

        Raises:
            Unavailable: No server answers, or it tells fewer users than there are.
        """
        listing = self._listing
        if after is None or listing is None or time.monotonic() - listing.at > _FRESH:
            listing = await self._calls.make(self._list)
            self._listing = listing
        everybody = listing.identities
        begin = 0
        if after is not None:
            begin = bisect_right(everybody, after, key=lambda each: each.name)
        page = everybody[begin : begin + limit]
        more = begin + limit < len(everybody)
        return UserPage(page, page[-1].name if page and more else None)

    # ------------------------------------------------------------------------- in threads

    def _log_in(self, call: Call, *, name: str, password: Secret) -> Identity | None:
        person = self._person(call, name)
        secret = usable(password)
        if person is None:
            if secret is not None:
                self._bind_as_nobody(call)
            return None
        if secret is None:
            raise _refused(person, "the password is empty, or no text that could be one")
        reason = states.closed(person.entry, self.now)
        if reason is not None:
            raise _refused(person, reason)
        outcome = self._directory.try_password(call, person.entry.dn, secret)
        if not outcome.good and not states.is_refusal(outcome):
            message = "The directory does not check passwords."
            detail = f"bind as {person.entry.dn}: {outcome}"
            raise Unavailable(message, detail=detail, retry_after=RETRY_AFTER)
        if not outcome.good:
            raise _refused(person, states.refusal(outcome, person.entry))
        if person.canonical is None:
            raise _refused(person, UNNAMED.format(self._settings.name_attribute, person.name))
        found = self.groups.of(call, person.entry, person.name)
        if not self.groups.required(found):
            raise _refused(person, f"the user is not in {self._settings.groups.required}")
        return _identity(person, person.canonical, found, enabled=True)

    def _look_up(self, call: Call, *, name: str) -> Lookup:
        try:
            person = self.people.find(call, name)
        except Ambiguous as error:
            LOG.warning("nobody is found: %s", error)
            return Gone()
        if person is None or person.canonical is None:
            return NotMine()
        found = self.groups.of(call, person.entry, person.name)
        return Found(self._told(person, person.canonical, found))

    def _list(self, call: Call) -> _Listing:
        groups_of = self.groups.everybody(call)
        return _Listing(
            tuple(
                self._told(each, each.canonical, groups_of(each.entry, each.name))
                for each in self.people.everybody(call)
                if each.canonical is not None
            ),
            time.monotonic(),
        )

    def _told(self, person: Person, canonical: str, found: tuple[Group, ...]) -> Identity:
        open_ = states.closed(person.entry, self.now) is None
        return _identity(person, canonical, found, enabled=open_ and self.groups.required(found))

    def _person(self, call: Call, name: str) -> Person | None:
        try:
            return self.people.find(call, name)
        except Ambiguous as error:
            LOG.warning("nobody logs in: %s", error)
            message = "More than one user is meant."
            raise CredentialsRejected(message, detail=str(error)) from error

    def _bind_as_nobody(self, call: Call) -> None:
        """Do for an unknown name the work that a wrong password is (contract, section 2)."""
        nobody = in_dn(f"jobyard {secrets.token_hex(8)}")
        dn = f"{self._settings.name_attribute}={nobody},{self._settings.user_base}"
        self._directory.try_password(call, dn, secrets.token_hex(16).encode())

    def _look_at_root(self, call: Call) -> None:
        outcome = self._directory.find(call, ROOT).outcome
        if not outcome.good:
            message = "The directory does not answer as it should."
            raise Unavailable(message, detail=f"root entry: {outcome}", retry_after=RETRY_AFTER)


UNNAMED: Final = (
    "{} is {!r}, which is no name here (letters, digits and _): see the option name-map"
)


def usable(password: Secret) -> bytes | None:
    """Give a password as it is sent; ``None`` for what a directory could take for no password."""
    text = password.reveal()
    # Some hashes end at the first NUL.
    if not text.strip() or "\0" in text:
        return None
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _identity(
    person: Person, canonical: str, found: tuple[Group, ...], *, enabled: bool
) -> Identity:
    return Identity(
        PROVIDER,
        canonical,
        groups=frozenset(each.name for each in found),
        enabled=enabled,
        credentials_changed_at=states.changed_at(person.entry),
    )


def _refused(person: Person, reason: str) -> CredentialsRejected:
    LOG.info("%s does not log in: %s", person.entry.dn, reason)
    return CredentialsRejected(reason, detail=person.entry.dn)
