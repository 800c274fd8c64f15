"""The steps of one user's log-in, with what is sent and what is found."""

from __future__ import annotations

from collections.abc import Callable

from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check
from jobyard.secret import Secret
from jobyard_backends.auth.ldap import states
from jobyard_backends.auth.ldap.calls import Call, Calls
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.groups import Group
from jobyard_backends.auth.ldap.names import typed
from jobyard_backends.auth.ldap.people import Ambiguous, Person
from jobyard_backends.auth.ldap.settings import LdapSettings
from jobyard_backends.auth.ldap.users import UNNAMED, LdapUsers, usable

_NOBODY = "left out: there is nobody"


class LogInSteps:
    """Be the steps; each goes on from what the one before found."""

    def __init__(
        self, settings: LdapSettings, directory: Directory, calls: Calls, users: LdapUsers
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._calls = calls
        self._users = users
        self._person: Person | None = None

    def of(self, username: str, password: Secret | None) -> tuple[Check, ...]:
        """Give the steps of a user."""
        name = typed(username)
        if name is None:
            return ()
        query = self._users.people.query(name)
        bind = self._step(
            "bind as the user",
            lambda call: self._bind(call, password or Secret("")),
            "The directory decides this: look at the account there.",
        )
        return (
            self._step(
                f"search {query.base} for {query.filter}",
                lambda call: self._search(call, name),
                "Check user-base-dn, user-filter, user-dn, name-attribute and name-map.",
            ),
            *((bind,) if password is not None else ()),
            self._step(
                "find the groups",
                self._groups,
                "Add the user to the group in the directory, or change required-group, "
                "group-base-dn, membership or nested-groups.",
            ),
        )

    def _step(self, name: str, work: Callable[[Call], str], remedy: str) -> Check:
        async def run() -> str:
            return await self._calls.make(work)

        return Check(name, run, remedy)

    def _search(self, call: Call, name: str) -> str:
        try:
            person = self._users.people.find(call, name)
        except Ambiguous as error:
            message = f"more than one user is meant: {error}"
            raise JobyardError(message) from error
        if person is None:
            return "nobody is found"
        if person.canonical is None:
            raise JobyardError(UNNAMED.format(self._settings.name_attribute, person.name))
        self._person = person
        reason = states.closed(person.entry, self._users.now)
        if reason is not None:
            raise JobyardError(f"{person.entry.dn}: {reason}")
        return f"{person.entry.dn}, called {person.canonical} here"

    def _bind(self, call: Call, password: Secret) -> str:
        if self._person is None:
            return _NOBODY
        secret = usable(password)
        if secret is None:
            raise JobyardError("the password is empty, or no text that could be one")
        outcome = self._directory.try_password(call, self._person.entry.dn, secret)
        if not outcome.good:
            raise JobyardError(states.refusal(outcome, self._person.entry))
        return "the password is right"

    def _groups(self, call: Call) -> str:
        if self._person is None:
            return _NOBODY
        person = self._person
        found = self._users.groups.of(call, person.entry, person.name)
        told = "; ".join(map(_with_path, found)) or "none"
        asked = self._users.groups.asked(person.entry, person.name)
        if not self._users.groups.required(found):
            wanted = self._settings.groups.required
            raise JobyardError(f"the user is not in {wanted}; by {asked}: {told}")
        return f"by {asked}: {told}"


def _with_path(group: Group) -> str:
    if not group.through:
        return group.name
    return f"{group.name} (through {' and '.join(map(str, group.through))})"
