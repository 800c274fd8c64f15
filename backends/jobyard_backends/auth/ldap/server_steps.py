"""The steps that tell whether a directory can be reached, and holds what the settings name."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check
from jobyard_backends.auth.ldap import certificates, filters
from jobyard_backends.auth.ldap.calls import Call, Calls
from jobyard_backends.auth.ldap.directory import Directory
from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.link import Answer, Link, Query
from jobyard_backends.auth.ldap.opening import ROOT_ENTRY, offers_chain
from jobyard_backends.auth.ldap.settings import Address, Encryption, LdapSettings, Nesting
from jobyard_backends.auth.ldap.sockets import Broken, connect, resolve

_ANYTHING: Final = "(objectClass=*)"
_NO_SUCH_OBJECT: Final = 32
_SIZE_LIMIT: Final = 4


class ServerSteps:
    """Be the steps; each goes on from what the one before found."""

    def __init__(self, settings: LdapSettings, directory: Directory, calls: Calls) -> None:
        self._settings = settings
        self._transport = settings.transport
        self._directory = directory
        self._calls = calls
        self._address = self._transport.addresses[0]
        self._root = Entry("", {})

    def reach(self) -> tuple[Check, ...]:
        """Give the steps to a directory that lets the gateway in."""
        account = self._settings.bind_dn or "nobody (anonymous)"
        encrypted = self._transport.encryption is not Encryption.NONE
        tls = self._step("encrypt", self._encrypt, "Check ca-file, and the names in urls.")
        return (
            self._step("resolve the servers' names", self._resolve, "Check urls."),
            self._step("connect", self._connect, "Check urls, ports, and firewalls between."),
            *((tls,) if encrypted else ()),
            self._step(f"bind as {account}", self._bind, "Check bind-dn and bind-password."),
            self._step("read the root entry", self._read_root, "Set nested-groups: expand."),
        )

    def look(self) -> tuple[Check, ...]:
        """Give the steps that look for what the settings name."""
        groups = self._settings.groups
        users = filters.parse(self._settings.user_filter).claiming(
            self._settings.name_attribute, "*"
        )
        may_read = "whether the account may read what is below it"
        required = Check(
            "look for required-group",
            self._in_thread(self._required),
            "Set it to the DN of a group that there is.",
        )
        return (
            self._step(
                f"search users by {users}",
                lambda call: self._some(call, "user-base-dn", self._settings.user_base, users),
                f"Check base-dn, user-base-dn, user-filter, and {may_read}.",
            ),
            self._step(
                f"search groups by {filters.parse(groups.filter)}",
                lambda call: self._some(call, "group-base-dn", groups.base, groups.filter),
                f"Check base-dn, group-base-dn, group-filter, and {may_read}.",
            ),
            *((required,) if groups.required is not None else ()),
            self._step("ask every server", self._every, "Repair it, or take it out of urls."),
        )

    def _step(self, name: str, work: Callable[[Call], str], remedy: str) -> Check:
        return Check(name, self._in_thread(work), remedy)

    def _in_thread(self, work: Callable[[Call], str]) -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            return await self._calls.make(work)

        return run

    def _resolve(self, _: Call) -> str:
        return self._first_good(lambda address: f"{address.host} is {', '.join(resolve(address))}")

    def _connect(self, call: Call) -> str:
        def connected(address: Address) -> str:
            ends_at = certificates.ends_at(self._transport.connect)
            connect(call, address, ends_at).close()
            return f"{address} answers"

        return self._first_good(connected)

    def _encrypt(self, call: Call) -> str:
        def encrypted(address: Address) -> str:
            try:
                link = self._directory.open(call, address)
            except Broken as error:
                raise Broken(error.message, self._certificate(call, address, error)) from error
            wrapped = link.socket
            link_said = "encrypted"
            if isinstance(wrapped, ssl.SSLSocket):
                shown = certificates.described(wrapped.getpeercert(binary_form=True) or b"")
                link_said = f"{address}: {wrapped.version()}, {shown}"
            link.close()
            return link_said

        return self._first_good(encrypted)

    def _certificate(self, call: Call, address: Address, error: Broken) -> str:
        """Say what is wrong with a certificate, and what there is to change."""
        if not isinstance(error.__cause__, ssl.SSLCertVerificationError):
            return error.detail
        detail = error.detail
        try:
            shown = certificates.described(self._shown(call, address))
        except (OSError, ValueError, Broken):
            return detail
        if "mismatch" in detail:
            change = "Write one of these names into urls."
        elif "expired" in detail:
            change = "Have the certificate renewed."
        else:
            change = "Put the certificate of that authority into ca-file."
        return f"{detail}: {shown}. {change}"

    def _shown(self, call: Call, address: Address) -> bytes:
        seconds = self._transport.connect
        plain = connect(call, address, certificates.ends_at(seconds))
        if self._transport.encryption is Encryption.STARTTLS:
            return Link(address, self._transport, plain).shown_certificate(call)
        return certificates.shown_by(call, plain, seconds)

    def _bind(self, call: Call) -> str:
        def bound(address: Address) -> str:
            self._directory.open_service(call, address).close()
            return f"{address} lets it in"

        return self._first_good(bound)

    def _read_root(self, call: Call) -> str:
        answer = self._directory.find(call, ROOT_ENTRY)
        if not answer.outcome.good or not answer.entries:
            raise JobyardError("there is no root entry", detail=str(answer.outcome))
        self._root = answer.entries[0]
        if self._settings.groups.nesting is Nesting.CHAIN and not offers_chain(self._root):
            raise JobyardError("the directory does not offer nested-groups: chain")
        return f"the directory holds {self._contexts}"

    @property
    def _contexts(self) -> str:
        return " and ".join(self._root.texts("namingContexts")) or "what it does not tell"

    def _some(self, call: Call, option: str, base: str, asked: str) -> str:
        there = self._directory.find(call, Query(base, _ANYTHING, whole_subtree=False))
        if there.outcome.code == _NO_SUCH_OBJECT:
            message = f"there is no {base}; the directory holds {self._contexts}"
            raise JobyardError(message)
        some = self._directory.find(call, Query(base, asked, limit=1))
        if some.outcome.code not in {0, _SIZE_LIMIT}:
            raise JobyardError("the directory does not tell", detail=str(some.outcome))
        return self._found(some, option, base)

    @staticmethod
    def _found(some: Answer, option: str, base: str) -> str:
        if not some.entries:
            message = f"nothing is found below {base} ({option})"
            raise JobyardError(message)
        return f"such as {some.entries[0].dn}"

    def _required(self, call: Call) -> str:
        wanted = self._settings.groups.required or ""
        there = self._directory.find(call, Query(wanted, _ANYTHING, whole_subtree=False))
        if not there.outcome.good or not there.entries:
            message = f"there is no {wanted}"
            raise JobyardError(message, detail=str(there.outcome))
        return f"there is {there.entries[0].dn}"

    def _every(self, call: Call) -> str:
        for address in self._transport.addresses:
            try:
                self._directory.open_service(call, address).close()
            except Broken as error:
                raise JobyardError(error.message, detail=error.detail) from error
        return ", ".join(map(str, self._transport.addresses))

    def _first_good(self, work: Callable[[Address], str]) -> str:
        """Work with the first server that does, and say why those before it did not."""
        failures: list[str] = []
        for address in self._transport.addresses:
            try:
                found = work(address)
            except Broken as error:
                failures.append(f"{error.message} ({error.detail})")
            else:
                return "; ".join((found, *failures))
        raise JobyardError("; ".join(failures))
