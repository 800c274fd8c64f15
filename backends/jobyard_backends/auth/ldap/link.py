"""One connection to one server, on which a call waits no longer than it may.

ldap3 speaks the protocol. Connecting, TLS and deadlines are ours: it verifies no certificate and
waits for ever by default, and takes whole seconds only.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import ldap3
from attrs import frozen
from ldap3.core.exceptions import LDAPException
from ldap3.core.results import RESULT_BUSY, RESULT_SUCCESS, RESULT_UNAVAILABLE

from jobyard.errors import JobyardError
from jobyard_backends.auth.ldap.calls import Call
from jobyard_backends.auth.ldap.certificates import shown_by
from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.settings import Address, Encryption, Transport
from jobyard_backends.auth.ldap.sockets import Broken, Timed, connect, left, secured, told

PAGE: Final = 500
"""Entries that are asked for at once."""

_START_TLS: Final = "1.3.6.1.4.1.1466.20037"
_PAGED: Final = "1.2.840.113556.1.4.319"
_TRY_ANOTHER: Final = frozenset({RESULT_BUSY, RESULT_UNAVAILABLE})
_GOODBYE: Final = 0.2


@frozen
class Outcome:
    """Be what a server answered: a result code (RFC 4511, 4.1.9) and the server's own words."""

    code: int
    name: str
    words: str

    @property
    def good(self) -> bool:
        """Tell whether it was done."""
        return self.code == RESULT_SUCCESS

    def __str__(self) -> str:
        return f"{self.name} ({self.code}) {self.words}".strip()


@frozen
class Answer:
    """Be what a search gave."""

    entries: tuple[Entry, ...]
    outcome: Outcome


@frozen
class Query:
    """Be a search; ``limit`` 0 is none."""

    base: str
    filter: str
    attributes: tuple[str, ...] = ()
    whole_subtree: bool = True
    limit: int = 0


class Link:
    """Be a connection; it belongs to one thread at a time."""

    def __init__(self, address: Address, transport: Transport, connected: socket.socket) -> None:
        self.address = address
        self.used_at = time.monotonic()
        self._receive = transport.receive
        self._timed = Timed(connected)
        self._connection = _adopting(address, self._timed)

    @classmethod
    def open(
        cls, call: Call, address: Address, transport: Transport, context: ssl.SSLContext | None
    ) -> Link:
        """Connect, and encrypt what travels.

        Raises:
            Broken: The server cannot be reached, or is not who it should be.
            DeadlineExceeded: The call has no time left.
        """
        ends_at = time.monotonic() + transport.connect
        connected = connect(call, address, ends_at)
        if context is None or transport.encryption is Encryption.NONE:
            return cls(address, transport, connected)
        if transport.encryption is Encryption.LDAPS:
            return cls(address, transport, secured(call, connected, address, context, ends_at))
        link = cls(address, transport, connected)
        try:
            link._start_tls(call, context, ends_at)
        except BaseException:
            link.close()
            raise
        return link

    @property
    def socket(self) -> socket.socket:
        """Give what it runs on."""
        return self._timed.plain

    def close(self) -> None:
        """Say goodbye, and close; nothing is raised."""
        try:
            if not self._connection.closed:
                with suppress(LDAPException, OSError, ValueError, AttributeError):
                    self._timed.wait_for(_GOODBYE)
                    self._connection.unbind()
        finally:
            self._timed.close()

    def bind(self, call: Call, dn: str, password: bytes) -> Outcome:
        """Log in with a password that is not empty; without a DN, anonymously.

        Raises:
            Broken: The server is lost, or sends one elsewhere.
        """
        self._connection.user = dn
        self._connection.password = password
        self._connection.authentication = ldap3.SIMPLE if dn else ldap3.ANONYMOUS
        with self._asking(call):
            _, result, _, _ = self._connection.bind(read_server_info=False)
        # Nothing needs it any more.
        self._connection.password = None
        return self._outcome(result)

    def search(self, call: Call, query: Query) -> Answer:
        """Search once.

        Raises:
            Broken: The server is lost, or sends one elsewhere.
        """
        answer, _ = self._page(call, query, size=0, cookie=b"")
        return answer

    def pages(self, call: Call, query: Query) -> Iterator[Answer]:
        """Search page by page; the last answer has the outcome of the whole.

        Raises:
            Broken: The server is lost, or sends one elsewhere.
        """
        cookie = b""
        while True:
            answer, cookie = self._page(call, query, size=PAGE, cookie=cookie)
            yield answer
            if not cookie or not answer.outcome.good:
                return

    def _page(self, call: Call, query: Query, *, size: int, cookie: bytes) -> tuple[Answer, bytes]:
        with self._asking(call):
            _, result, response, _ = self._connection.search(
                search_base=query.base,
                search_filter=query.filter,
                search_scope=ldap3.SUBTREE if query.whole_subtree else ldap3.BASE,
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(query.attributes) or [ldap3.NO_ATTRIBUTES],
                size_limit=query.limit,
                paged_size=size or None,
                paged_cookie=cookie or None,
            )
        # What is referred to elsewhere is not followed, and not counted.
        entries = tuple(
            Entry.of(each["dn"], each["raw_attributes"])
            for each in response or ()
            if each["type"] == "searchResEntry"
        )
        control = (result.get("controls") or {}).get(_PAGED, {})
        following: bytes = control.get("value", {}).get("cookie") or b""
        return Answer(entries, self._outcome(result)), following

    def _outcome(self, result: dict[str, object]) -> Outcome:
        code, name = result["result"], result["description"]
        outcome = Outcome(
            code if isinstance(code, int) else -1, str(name), str(result.get("message") or "")
        )
        if outcome.code in _TRY_ANOTHER:
            message = "The directory is busy."
            raise Broken(message, f"{self.address}: {outcome}")
        return outcome

    def shown_certificate(self, call: Call) -> bytes:
        """Take the certificate that a server shows behind StartTLS, unverified.

        Raises:
            Broken: It shows none.
            OSError: As above.
        """
        try:
            with self._asking(call):
                self._connection.extended(_START_TLS)
            return shown_by(call, self.socket, self._receive)
        finally:
            self.close()

    def _start_tls(self, call: Call, context: ssl.SSLContext, ends_at: float) -> None:
        with self._asking(call, min(self._receive, left(ends_at))):
            _, result, _, _ = self._connection.extended(_START_TLS)
        outcome = self._outcome(result)
        if not outcome.good:
            message = "The directory does not speak TLS here."
            raise Broken(message, f"{self.address}: StartTLS: {outcome}")
        self._timed.plain = secured(call, self.socket, self.address, context, ends_at)

    @contextmanager
    def _asking(self, call: Call, most: float | None = None) -> Iterator[None]:
        """Wait for an answer no longer than the call may."""
        try:
            with call.waiting_on(self.socket):
                self._timed.wait_for(call.remaining(self._receive if most is None else most))
                yield
        except JobyardError:
            raise
        except Exception as error:
            # Whatever a server sends may end in any error of the decoder, and ends the connection.
            message = "The directory does not answer, or not as a directory does."
            raise Broken(message, f"{self.address}: {told(error)}") from error
        self.used_at = time.monotonic()


def _adopting(address: Address, connected: Timed) -> ldap3.Connection:
    """Make ldap3's connection of a socket that is connected already."""
    server = ldap3.Server(address.host, port=address.port, get_info=ldap3.NONE)
    connection = ldap3.Connection(
        server,
        client_strategy=ldap3.SAFE_SYNC,
        auto_bind=ldap3.AUTO_BIND_NONE,
        auto_referrals=False,
        # Active Directory sends the values of a large attribute in parts.
        auto_range=True,
        check_names=False,
        raise_exceptions=False,
        return_empty_attributes=False,
    )
    # What its strategy does when it has opened one itself.
    connection.socket = connected
    connection.closed = False
    connection.strategy._outstanding = {}  # noqa: SLF001 - the release is pinned
    connection.strategy._start_listen()  # noqa: SLF001 - as above
    return connection
