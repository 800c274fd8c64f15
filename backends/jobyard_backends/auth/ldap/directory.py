"""A directory: several servers of the same content, asked in order, over connections that last."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from jobyard.errors import Unavailable
from jobyard_backends.auth.ldap.calls import RETRY_AFTER, Call
from jobyard_backends.auth.ldap.link import Answer, Link, Outcome, Query
from jobyard_backends.auth.ldap.settings import Address, LdapSettings
from jobyard_backends.auth.ldap.sockets import Broken

T = TypeVar("T")

LOG: Final = logging.getLogger("jobyard.auth.ldap")

_IDLE: Final = 30.0
"""Seconds after which an unused connection is not trusted any more."""


class Servers:
    """Know which servers answered last; those that did are asked first, in the file's order."""

    def __init__(self, addresses: tuple[Address, ...]) -> None:
        self._addresses = addresses
        self._down: set[Address] = set()
        self._lock = threading.Lock()

    def candidates(self) -> list[Address]:
        """Give all servers, those that did not answer at the end."""
        with self._lock:
            return sorted(self._addresses, key=lambda each: each in self._down)

    def down(self) -> list[Address]:
        """Give those that did not answer."""
        with self._lock:
            return [each for each in self._addresses if each in self._down]

    def failed(self, address: Address, error: Broken) -> None:
        """Note that one does not answer."""
        with self._lock:
            new = address not in self._down
            self._down.add(address)
        if new:
            LOG.warning(
                "the directory server %s fails: %s (%s)", address, error.message, error.detail
            )

    def answered(self, address: Address) -> None:
        """Note that one answers."""
        with self._lock:
            back = address in self._down
            self._down.discard(address)
        if back:
            LOG.info("the directory server %s answers again", address)


class Directory:
    """Ask a directory, from threads."""

    def __init__(self, settings: LdapSettings, context: ssl.SSLContext | None) -> None:
        self.servers = Servers(settings.transport.addresses)
        self._settings = settings
        self._context = context
        self._lock = threading.Lock()
        self._idle: list[Link] = []
        self._closed = False

    def find(self, call: Call, query: Query) -> Answer:
        """Search once, as the service account."""
        return self._serve(call, lambda link: link.search(call, query))

    def find_all(self, call: Call, query: Query) -> Answer:
        """Search page by page, as the service account."""

        def work(link: Link) -> Answer:
            answers = tuple(link.pages(call, query))
            entries = tuple(entry for answer in answers for entry in answer.entries)
            return Answer(entries, answers[-1].outcome)

        return self._serve(call, work)

    def try_password(self, call: Call, dn: str, password: bytes) -> Outcome:
        """Bind as somebody, on a connection that nothing else is ever done with."""

        def work(link: Link) -> Outcome:
            try:
                return link.bind(call, dn, password)
            finally:
                link.close()

        return self._on_any(call, work, fresh=self.open)

    def open(self, call: Call, address: Address) -> Link:
        """Connect to one server."""
        return Link.open(call, address, self._settings.transport, self._context)

    def open_service(self, call: Call, address: Address) -> Link:
        """Connect to one server as the service account.

        Raises:
            Broken: The server cannot be used now.
            Unavailable: It does not let the account in.
        """
        link = self.open(call, address)
        dn, password = self._settings.bind_dn, self._settings.bind_password
        try:
            outcome = link.bind(
                call, dn or "", b"" if password is None else password.reveal().encode()
            )
        except BaseException:
            link.close()
            raise
        if not outcome.good:
            link.close()
            message = "The directory does not let the gateway's own account in."
            who = dn or "anonymous"
            raise Unavailable(
                message, detail=f"{address}: bind as {who}: {outcome}", retry_after=RETRY_AFTER
            )
        return link

    def revive(self, call: Call) -> None:
        """Try the servers that did not answer, so that nobody has to wait for finding out.

        Raises:
            Unavailable: The time is over, or one does not let the service account in.
        """
        for address in self.servers.down():
            try:
                # To be connected to is not enough: one that says nothing is, too.
                self.open_service(call, address).close()
            except Broken as error:
                LOG.debug("%s still fails: %s", address, error.detail)
            else:
                self.servers.answered(address)

    def close(self) -> None:
        """Close every idle connection, and keep none from here on."""
        with self._lock:
            idle, self._idle, self._closed = self._idle, [], True
        for each in idle:
            each.close()

    def _serve(self, call: Call, work: Callable[[Link], T]) -> T:
        """Work on a connection of the service account; one that was idle may be lost by now."""

        def returned(link: Link) -> T:
            try:
                made = work(link)
            except BaseException:
                link.close()
                raise
            self._keep(link)
            return made

        while (link := self._kept()) is not None:
            begun = time.monotonic()
            try:
                return returned(link)
            except Broken as error:
                LOG.debug("an idle connection to %s was lost: %s", link.address, error.detail)
                late = time.monotonic() - begun > self._settings.transport.receive / 2
                if late and not call.over:
                    self.servers.failed(link.address, error)
                call.remaining()
        return self._on_any(call, returned, fresh=self.open_service)

    def _on_any(
        self, call: Call, work: Callable[[Link], T], *, fresh: Callable[[Call, Address], Link]
    ) -> T:
        failure: Broken | None = None
        for address in self.servers.candidates():
            try:
                made = work(fresh(call, address))
            except Broken as error:
                if not call.over:
                    self.servers.failed(address, error)
                call.remaining()
                failure = error
            else:
                self.servers.answered(address)
                return made
        assert failure is not None
        raise Unavailable(
            failure.message, detail=failure.detail, retry_after=RETRY_AFTER
        ) from failure

    def _kept(self) -> Link | None:
        """Give an idle connection to the server that is asked first."""
        wanted = self.servers.candidates()[0]
        youngest = time.monotonic() - _IDLE
        with self._lock:
            found = self._idle.pop() if self._idle else None
        while found is not None and (found.address != wanted or found.used_at < youngest):
            found.close()
            with self._lock:
                found = self._idle.pop() if self._idle else None
        return found

    def _keep(self, link: Link) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < self._settings.transport.connections:
                self._idle.append(link)
                return
        link.close()
