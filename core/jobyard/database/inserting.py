"""Insertion of what may be there already, as one statement, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection


def insert_or_leave(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert a row; ``False`` where a row of that key, or of a unique column, is there.

    Of two gateways that insert at once one waits for the other's commit, and then finds its row:
    neither gets an error.
    """
    cautious = _cautious(table, connection.dialect.name)
    # Without the option no count of inserted rows is promised.
    done = connection.execute(cautious, dict(values), execution_options={"preserve_rowcount": True})
    return done.rowcount == 1


@cache
def _cautious(table: Table, dialect: str) -> Insert:
    """Give the statement, which SQLAlchemy takes longer to build than SQLite to run."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 50 ms of the start

        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
