"""Leases of ports, as rows, so that no two jobs hold one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from jobyard.database.tables import PORT_LEASES
from jobyard.seams.context import PortConflict, PortLease, PortNeed, Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LAST_PORT: Final = 65_535
_ATTEMPTS: Final = 4


class SqlPortLedger:
    """Lease ports; implements :class:`jobyard.seams.context.PortLedger`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def lease(
        self,
        host: str,
        owner: str,
        needs: Sequence[PortNeed],
        *,
        free: Sequence[int],
    ) -> tuple[PortLease, ...]:
        """Lease ports; those of ``begin_at`` 0 come from ``free``, in its order.

        An owner that has a lease keeps it: the same lease is given again.

        Raises:
            PortConflict: A fixed port is leased to another, or ``free`` does not suffice.
        """

        def work(connection: Connection) -> tuple[PortLease, ...]:
            had = _leases(connection, host, owner)
            return had or _lease(connection, host, owner, needs, free)

        for _ in range(_ATTEMPTS):
            try:
                return await self._store.write(work)
            except IntegrityError:
                # Another gateway took one of them meanwhile: what is free is looked up again.
                continue
        raise PortConflict(f"The ports of {host} are being taken by others.")

    async def held(self, host: str) -> frozenset[int]:
        """Give every port of a host that is leased."""
        return await self._store.read(lambda connection: frozenset(_held(connection, host)))

    async def release(self, owner: str) -> None:
        """Give back what an owner has; nothing is good."""

        def work(connection: Connection) -> None:
            connection.execute(delete(PORT_LEASES).where(PORT_LEASES.c.owner == owner))

        await self._store.write(work)


def _held(connection: Connection, host: str) -> set[int]:
    found = connection.execute(select(PORT_LEASES.c.port).where(PORT_LEASES.c.host == host))
    return set(found.scalars())


def _leases(connection: Connection, host: str, owner: str) -> tuple[PortLease, ...]:
    columns = PORT_LEASES.c
    found = connection.execute(
        select(columns.key, columns.port)
        .where(columns.host == host, columns.owner == owner)
        .order_by(columns.position)
    ).all()
    # Not sorted by the database, whose order of texts depends on its locale.
    rows = sorted(found, key=lambda row: row.key)
    return tuple(
        PortLease(key, tuple(row.port for row in group))
        for key, group in groupby(rows, key=lambda row: row.key)
    )


def _lease(
    connection: Connection,
    host: str,
    owner: str,
    needs: Sequence[PortNeed],
    free: Sequence[int],
) -> tuple[PortLease, ...]:
    leases = choose_ports(needs, _held(connection, host), free)
    rows = [
        {"host": host, "port": port, "owner": owner, "key": lease.key, "position": position}
        for lease in leases
        for position, port in enumerate(lease.numbers)
    ]
    if rows:
        connection.execute(insert(PORT_LEASES), rows)
    return leases


def choose_ports(
    needs: Sequence[PortNeed],
    held: set[int],
    free: Sequence[int],
) -> tuple[PortLease, ...]:
    """Choose ports: the fixed ones first, so that no other need gets in their way.

    Leases come in the order of their keys. ``held`` is left as it was.

    Raises:
        PortConflict: A fixed port is held or no port at all, or ``free`` does not suffice.
    """
    taken = set(held)
    chosen: dict[str, tuple[int, ...]] = {}
    for need in needs:
        if need.begin_at:
            chosen[need.key] = _fixed(need, taken)
            taken.update(chosen[need.key])
    rest: Iterator[int] = (port for port in dict.fromkeys(free) if port not in taken)
    for need in needs:
        if not need.begin_at:
            chosen[need.key] = tuple(islice(rest, need.count))
            if len(chosen[need.key]) < need.count:
                raise PortConflict("There are not enough free ports.")
    return tuple(PortLease(key, chosen[key]) for key in sorted(chosen))


def _fixed(need: PortNeed, taken: set[int]) -> tuple[int, ...]:
    wanted = range(need.begin_at, need.begin_at + need.count)
    if wanted[-1] > _LAST_PORT:
        raise PortConflict(f"Port {wanted[-1]} does not exist.")
    busy = sorted(taken.intersection(wanted))
    if busy:
        raise PortConflict(f"Port {busy[0]} is taken.")
    return tuple(wanted)
