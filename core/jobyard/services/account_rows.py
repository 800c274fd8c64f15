"""What the core keeps of users, as rows: units of work for the gateway's database.

Rows are keyed by the canonical, casefolded name. An epoch never falls, and a new row's is the
time at which it was made, so that a token of a user who is gone never fits a namesake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import orjson
from attrs import frozen
from sqlalchemy import bindparam, case, delete, insert, select, update

from jobyard.database.tables import GRANTS, USERS

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

_REMEMBERED: Final = 4096
_FIND: Final = select(USERS).where(USERS.c.key == bindparam("wanted"))
_FIND_AND_LOCK: Final = _FIND.with_for_update()


@frozen
class Account:
    """Be one user as the core knows them; times are in milliseconds since the epoch.

    ``admin`` is as it was when the provider was asked last, at ``looked_up_at``.
    """

    name: str
    provider: str
    admin: bool
    epoch: int
    changed_at: int
    groups: frozenset[str]
    looked_up_at: int

    @property
    def key(self) -> str:
        """Give the key of the row."""
        return self.name.casefold()


@frozen
class Sighting:
    """Be what a provider said of a user just now, and what the core makes of it.

    ``changed_at`` is when the provider says that the password or the flag was changed.
    """

    name: str
    provider: str
    admin: bool
    groups: frozenset[str]
    changed_at: int | None
    at: int


class OwnedByAnother(Exception):
    """Report a name that belongs to another provider; it is the argument."""


def _account(row: RowMapping) -> Account:
    return Account(
        name=row["name"],
        provider=row["provider"],
        admin=row["admin"],
        epoch=row["epoch"],
        changed_at=row["changed_at"],
        groups=frozenset(orjson.loads(row["groups"])),
        looked_up_at=row["looked_up_at"],
    )


@lru_cache(_REMEMBERED)
def find(username: str) -> Callable[[Connection], Account | None]:
    """Find the account whose name differs from this one in case at most.

    The same name gives the same function, which the store runs once for all who ask at once.
    """

    def work(connection: Connection) -> Account | None:
        return _find(connection, username, lock=False)

    return work


def _find(connection: Connection, username: str, *, lock: bool) -> Account | None:
    query = _FIND_AND_LOCK if lock else _FIND
    row = connection.execute(query, {"wanted": username.casefold()}).mappings().first()
    return None if row is None else _account(row)


def everybody() -> Callable[[Connection], list[Account]]:
    """Give all accounts."""

    def work(connection: Connection) -> list[Account]:
        return [_account(row) for row in connection.execute(select(USERS)).mappings()]

    return work


def note(seen: Sighting) -> Callable[[Connection], Account]:
    """Write down what a provider said; a change that it tells of ends the tokens.

    Raises:
        OwnedByAnother: The name belongs to another provider.
    """

    def work(connection: Connection) -> Account:
        before = _find(connection, seen.name, lock=True)
        if before is None:
            connection.execute(insert(USERS).values(_new(seen)))
        elif before.provider != seen.provider:
            raise OwnedByAnother(before.provider)
        else:
            columns = _changes(before, seen)
            connection.execute(update(USERS).where(USERS.c.key == before.key).values(columns))
        after = _find(connection, seen.name, lock=False)
        assert after is not None
        return after

    return work


def _new(seen: Sighting) -> Mapping[str, object]:
    return {
        "key": seen.name.casefold(),
        "name": seen.name,
        "provider": seen.provider,
        "admin": seen.admin,
        "epoch": seen.at,
        "changed_at": seen.changed_at or 0,
        "groups": _encoded(seen.groups),
        "looked_up_at": seen.at,
        "created_at": seen.at,
    }


def _changes(before: Account, seen: Sighting) -> Mapping[str, object]:
    columns: dict[str, object] = {
        "name": seen.name,
        "admin": seen.admin,
        "groups": _encoded(seen.groups),
        "looked_up_at": seen.at,
    }
    told = seen.changed_at or 0
    if seen.admin != before.admin or seen.name != before.name:
        columns |= {"epoch": _raised(before, seen.at), "changed_at": max(seen.at, told)}
    elif told > before.changed_at:
        columns |= {"epoch": _raised(before, seen.at), "changed_at": told}
    return columns


def _raised(before: Account, at: int) -> int:
    return max(before.epoch + 1, at)


def _encoded(groups: Iterable[str]) -> str:
    return orjson.dumps(sorted(groups)).decode()


def end_tokens(username: str, at: int) -> Callable[[Connection], None]:
    """End every token of a user, known or not; ``at`` is when it happened."""
    higher = USERS.c.epoch + 1

    def work(connection: Connection) -> None:
        connection.execute(
            update(USERS)
            .where(USERS.c.key == username.casefold())
            .values(epoch=case((higher > at, higher), else_=at), changed_at=at)
        )

    return work


def forget(username: str) -> Callable[[Connection], None]:
    """Forget a user, and which virtual clusters were assigned."""

    def work(connection: Connection) -> None:
        key = username.casefold()
        connection.execute(delete(GRANTS).where(GRANTS.c.user_key == key))
        connection.execute(delete(USERS).where(USERS.c.key == key))

    return work


def assigned(username: str) -> Callable[[Connection], frozenset[str]]:
    """Give the virtual clusters that are assigned to a user."""

    def work(connection: Connection) -> frozenset[str]:
        query = select(GRANTS.c.virtual_cluster).where(GRANTS.c.user_key == username.casefold())
        return frozenset(connection.execute(query).scalars())

    return work


def all_assigned() -> Callable[[Connection], Mapping[str, Sequence[str]]]:
    """Give the assigned virtual clusters of everybody who has any, by the key of the user."""

    def work(connection: Connection) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = {}
        for row in connection.execute(select(GRANTS)):
            found.setdefault(row.user_key, []).append(row.virtual_cluster)
        return found

    return work


def assign(username: str, names: Iterable[str]) -> Callable[[Connection], bool]:
    """Replace the virtual clusters that are assigned to a user; ``False`` if there is none."""
    wanted = sorted(set(names))

    def work(connection: Connection) -> bool:
        account = _find(connection, username, lock=True)
        if account is None:
            return False
        connection.execute(delete(GRANTS).where(GRANTS.c.user_key == account.key))
        rows = [{"user_key": account.key, "virtual_cluster": name} for name in wanted]
        if rows:
            connection.execute(insert(GRANTS), rows)
        return True

    return work


def forget_grants(virtual_cluster: str) -> Callable[[Connection], None]:
    """Take a virtual cluster from everybody."""

    def work(connection: Connection) -> None:
        connection.execute(delete(GRANTS).where(GRANTS.c.virtual_cluster == virtual_cluster))

    return work


class SqlAccountLedger:
    """End tokens in a provider's own transaction.

    Implements :class:`jobyard.seams.context.AccountLedger`.
    """

    @staticmethod
    def end_tokens(username: str, at: int) -> Callable[[Connection], None]:
        """Give the unit of work that ends every token of a user, known or not."""
        return end_tokens(username, at)
