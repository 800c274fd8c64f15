"""The users of the local store as rows: units of work for the gateway's database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from jobyard.domain.identity import Identity
from jobyard.errors import Conflict, NotFound
from jobyard_backends.auth.local.tables import USERS

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

EndTokens = Callable[[str, int], "Callable[[Connection], None]"]
"""Give the unit of work that ends every token of a user."""

PROVIDER = "local"


@frozen
class LocalUser:
    """Be one user as the store keeps them; the hash is kept out of ``repr``."""

    name: str
    password_hash: str
    admin: bool
    created_at: int
    credentials_changed_at: int

    @property
    def identity(self) -> Identity:
        """Give what the core may know."""
        return Identity(
            provider=PROVIDER,
            name=self.name,
            admin=self.admin,
            credentials_changed_at=self.credentials_changed_at,
        )

    def __repr__(self) -> str:
        return f"LocalUser({self.name!r}, admin={self.admin})"


def _user(row: RowMapping) -> LocalUser:
    return LocalUser(
        name=row["name"],
        password_hash=row["password_hash"],
        admin=row["admin"],
        created_at=row["created_at"],
        credentials_changed_at=row["credentials_changed_at"],
    )


def find(username: str) -> Callable[[Connection], LocalUser | None]:
    """Find a user by the exact spelling of the name."""

    def work(connection: Connection) -> LocalUser | None:
        return _find(connection, username)

    return work


def _find(connection: Connection, username: str) -> LocalUser | None:
    query = USERS.select().where(USERS.c.key == username.casefold(), USERS.c.name == username)
    row = connection.execute(query).mappings().first()
    return None if row is None else _user(row)


def page(after: str | None, limit: int) -> Callable[[Connection], list[LocalUser]]:
    """Give users in the order of their keys, and one more than ``limit`` if there is one."""

    def work(connection: Connection) -> list[LocalUser]:
        query = USERS.select().order_by(USERS.c.key).limit(limit + 1)
        if after is not None:
            query = query.where(USERS.c.key > after.casefold())
        return [_user(row) for row in connection.execute(query).mappings()]

    return work


def create(user: LocalUser, end_tokens: EndTokens) -> Callable[[Connection], None]:
    """Make a user, whose namesake's tokens, if there was one, end.

    Raises:
        Conflict: There is one, or one whose name differs in case alone.
    """
    key = user.name.casefold()
    taken = f"There is a user {user.name} already, or one whose name differs in case alone."

    def work(connection: Connection) -> None:
        if connection.execute(select(USERS.c.key).where(USERS.c.key == key)).first() is not None:
            raise Conflict(taken)
        try:
            connection.execute(
                USERS.insert().values(
                    key=key,
                    name=user.name,
                    password_hash=user.password_hash,
                    admin=user.admin,
                    created_at=user.created_at,
                    credentials_changed_at=user.credentials_changed_at,
                )
            )
        except IntegrityError as error:
            # Another gateway on the database made one meanwhile.
            raise Conflict(taken) from error
        end_tokens(user.name, user.created_at)(connection)

    return work


def change(
    username: str, password_hash: str | None, admin: bool | None, now: int, end_tokens: EndTokens
) -> Callable[[Connection], LocalUser]:
    """Change a user, and end the tokens if there was anything to change.

    Raises:
        NotFound: There is none.
    """

    def work(connection: Connection) -> LocalUser:
        user = _find(connection, username)
        if user is None:
            raise NotFound(f"There is no user {username}.")
        if password_hash is None and admin in (None, user.admin):
            return user
        connection.execute(
            USERS.update()
            .where(USERS.c.key == username.casefold())
            .values(
                password_hash=password_hash or user.password_hash,
                admin=user.admin if admin is None else admin,
                credentials_changed_at=now,
            )
        )
        end_tokens(username, now)(connection)
        return _find(connection, username) or user

    return work


def remove(username: str, now: int, end_tokens: EndTokens) -> Callable[[Connection], None]:
    """Remove a user and end the tokens.

    Raises:
        NotFound: There is none.
    """

    def work(connection: Connection) -> None:
        gone = USERS.c.key == username.casefold(), USERS.c.name == username
        if not connection.execute(USERS.delete().where(*gone)).rowcount:
            raise NotFound(f"There is no user {username}.")
        end_tokens(username, now)(connection)

    return work


def rehash(user: LocalUser, password_hash: str) -> Callable[[Connection], None]:
    """Replace a hash of older parameters, unless the password was changed meanwhile."""

    def work(connection: Connection) -> None:
        connection.execute(
            USERS.update()
            .where(
                USERS.c.key == user.name.casefold(),
                USERS.c.password_hash == user.password_hash,
            )
            .values(password_hash=password_hash)
        )

    return work
