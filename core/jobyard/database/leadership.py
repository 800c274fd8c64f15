"""Leadership: which of several gateways on one database does what only one may do.

With SQLite there is one gateway, which always leads. With PostgreSQL a row a role holds the
term, its holder and when the lease ends, by the database's clock, so that the gateways' own
clocks may differ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio
from sqlalchemy import select, text

from jobyard.database.tables import LEADERS
from jobyard.errors import Unavailable
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Term

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOG: Final = logging.getLogger("jobyard.leadership")
DEFAULT_LEASE: Final = 15.0
"""Seconds for which a leader that fell silent goes on reigning."""

_NOW: Final = text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)")
_RENEWALS: Final = 3
"""How often a lease is renewed in its time."""


class SqlLeadership:
    """Lead, or wait to; implements :class:`jobyard.seams.context.Leadership` for one role.

    ``holder`` names this process among all; ``lease`` is in seconds.
    """

    def __init__(
        self,
        store: Store,
        *,
        role: str,
        holder: str,
        lease: float = DEFAULT_LEASE,
    ) -> None:
        self._store = store
        self._role = role
        self._holder = holder
        self._lease = lease

    async def check(self, term: Term) -> bool:
        """Tell whether a term still reigns, and is this process's.

        Raises:
            Unavailable: The database does not answer.
        """
        if self._store.dialect == "sqlite":
            return term.number == 1
        return await self._store.read(lambda connection: self._reigns(connection, term))

    @asynccontextmanager
    async def reign(self) -> AsyncIterator[Term]:
        """Wait until this process leads, and lead while the block runs.

        The block is cancelled, and left without an error, when the lease is lost. At its end
        the lease is given up, so that another need not wait for it. What the block raises comes
        out as it is.
        """
        if self._store.dialect == "sqlite":
            yield Term(1)
            return
        term, since = await self._win()
        LOG.info("leading: role %s, term %d", self._role, term.number)
        failure: Exception | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep, term, since, group.cancel_scope)
                try:
                    yield term
                except Exception as error:  # noqa: BLE001 - raised below, outside of the group
                    failure = error
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._give_up(term)
        if failure is not None:
            raise failure

    async def _win(self) -> tuple[Term, float]:
        while True:
            since = time.monotonic()
            try:
                term = await self._store.write(self._take)
            except Unavailable as error:
                LOG.warning("role %s: %s", self._role, error.message)
                term = None
            if term is not None:
                return term, since
            await anyio.sleep(self._lease / _RENEWALS)

    async def _keep(self, term: Term, since: float, scope: anyio.CancelScope) -> None:
        """Renew the lease; end the reign when that failed for as long as it lasts."""
        while time.monotonic() - since < self._lease:
            await anyio.sleep(self._lease / _RENEWALS / 2)
            asked = time.monotonic()
            left = self._lease - (asked - since)
            if left <= 0:
                break
            with anyio.move_on_after(left):
                try:
                    if not await self._store.write(
                        lambda connection: self._renew(connection, term)
                    ):
                        break
                    since = asked
                except Unavailable as error:
                    LOG.warning("role %s: the lease is not renewed: %s", self._role, error.message)
        LOG.warning("no longer leading: role %s, term %d", self._role, term.number)
        scope.cancel()

    async def _give_up(self, term: Term) -> None:
        try:
            await self._store.write(lambda connection: self._end(connection, term))
        except Unavailable as error:
            LOG.warning("role %s: the lease is left to run out: %s", self._role, error.message)

    def _take(self, connection: Connection) -> Term | None:
        from sqlalchemy.dialects.postgresql import insert  # noqa: PLC0415 - 50 ms of the start

        columns = LEADERS.c
        now = _now(connection)
        until = now + round(self._lease * 1000)
        statement = insert(LEADERS).values(
            role=self._role, term=1, holder=self._holder, lease_until=until
        )
        # One statement, so that of two gateways that try at once one sees the other's row.
        number = connection.execute(
            statement.on_conflict_do_update(
                index_elements=[columns.role],
                set_={"term": columns.term + 1, "holder": self._holder, "lease_until": until},
                where=columns.lease_until < now,
            ).returning(columns.term)
        ).scalar()
        return None if number is None else Term(number)

    def _renew(self, connection: Connection, term: Term) -> bool:
        return self._set_lease(connection, term, _now(connection) + round(self._lease * 1000))

    def _end(self, connection: Connection, term: Term) -> None:
        self._set_lease(connection, term, 0)

    def _set_lease(self, connection: Connection, term: Term, until: int) -> bool:
        columns = LEADERS.c
        done = connection.execute(
            LEADERS.update()
            .where(
                columns.role == self._role,
                columns.term == term.number,
                columns.holder == self._holder,
            )
            .values(lease_until=until)
        )
        return done.rowcount == 1

    def _reigns(self, connection: Connection, term: Term) -> bool:
        columns = LEADERS.c
        row = connection.execute(
            select(columns.term, columns.holder, columns.lease_until).where(
                columns.role == self._role
            )
        ).first()
        return (
            row is not None
            and row.term == term.number
            and row.holder == self._holder
            and row.lease_until > _now(connection)
        )


def _now(connection: Connection) -> int:
    """Give the database's time in milliseconds since the epoch."""
    return int(connection.execute(_NOW).scalar_one())
