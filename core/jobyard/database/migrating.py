"""Migrations: bring the tables of the core, or of a component, to their newest revision.

Alembic takes longer to import than the rest of the gateway to start, so the revision is first
compared in plain SQL.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect, text

from jobyard.errors import JobyardError
from jobyard.seams.context import Migrations

if TYPE_CHECKING:
    from alembic.config import Config

CORE: Final = Migrations(component="core", package="jobyard.database.migrations", head="0001")
"""The core's own tables."""

_COMPONENT: Final = re.compile(r"[a-z0-9_]{1,40}")
_ALEMBIC: Final = threading.Lock()
"""Held while alembic works, which keeps what it works on in variables of the whole process."""


class DatabaseNewer(JobyardError):
    """Report a database that a newer Jobyard, or plugin, has worked on."""

    def __init__(self, component: str, revision: str) -> None:
        super().__init__(
            f"The database's tables of '{component}' are at revision '{revision}', which this "
            "installation does not know: a newer one has changed them. Install that version "
            "again, or restore the database from before.",
        )


def migrate_engine(engine: Engine, migrations: Migrations) -> None:
    """Upgrade to the newest revision, in one transaction; blocks.

    Gateways that start at once on one PostgreSQL wait for one another.

    Raises:
        DatabaseNewer: The revision in the database is not among the package's.
    """
    table = version_table(migrations)
    with engine.connect() as connection:
        if _current(connection, table) == migrations.head:
            return
    with _ALEMBIC, engine.begin() as connection:
        _take_turn(connection, table)
        current = _current(connection, table)
        if current != migrations.head:
            _upgrade(connection, migrations, current)


def downgrade_engine(engine: Engine, migrations: Migrations, revision: str) -> None:
    """Go back to an older revision (``base`` is before the first), in one transaction; blocks."""
    from alembic import command  # noqa: PLC0415 - see the module's docstring

    with _ALEMBIC, engine.begin() as connection:
        _take_turn(connection, version_table(migrations))
        with _alembic(connection, migrations) as config:
            command.downgrade(config, revision)


def version_table(migrations: Migrations) -> str:
    """Name the table that holds a component's revision.

    Raises:
        ValueError: The component's name is not made of ``[a-z0-9_]``.
    """
    if _COMPONENT.fullmatch(migrations.component) is None:
        message = f"{migrations.component!r} cannot name a component's tables"
        raise ValueError(message)
    return f"jobyard_{migrations.component}_version"


def _current(connection: Connection, table: str) -> str | None:
    if not inspect(connection).has_table(table):
        return None
    # The name was checked; a table's name cannot be a parameter.
    found: str | None = connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608
    return found


def _take_turn(connection: Connection, table: str) -> None:
    if connection.dialect.name != "postgresql":
        return
    number = advisory_key(table)
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
    # A migration may take as long as it takes; waiting for the turn may not.
    connection.execute(text("SET LOCAL statement_timeout = 0"))


def advisory_key(name: str) -> int:
    """Give the number under which PostgreSQL knows a lock of ours: 64 bits, signed."""
    digest = hashlib.sha256(f"jobyard:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _upgrade(connection: Connection, migrations: Migrations, current: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's docstring
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    with _alembic(connection, migrations) as config:
        known = {each.revision for each in ScriptDirectory.from_config(config).walk_revisions()}
        if current is not None and current not in known:
            raise DatabaseNewer(migrations.component, current)
        command.upgrade(config, migrations.head)


@contextmanager
def _alembic(connection: Connection, migrations: Migrations) -> Iterator[Config]:
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring

    with ExitStack() as stack:
        here, there = (
            stack.enter_context(importlib.resources.as_file(importlib.resources.files(package)))
            for package in ("jobyard.database.alembic_environment", migrations.package)
        )
        config = Config()
        _set_path(config, "script_location", here)
        _set_path(config, "version_locations", there)
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        config.attributes["version_table"] = version_table(migrations)
        yield config


def _set_path(config: Config, option: str, path: Path) -> None:
    config.set_main_option(option, str(path).replace("%", "%%"))
