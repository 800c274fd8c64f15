"""Insertion of what may be there already, as one statement, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
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
    cautious: Insert
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 50 ms of the start

        cautious = postgresql.insert(table).values(**values).on_conflict_do_nothing()
    else:
        cautious = sqlite.insert(table).values(**values).on_conflict_do_nothing()
    # Without the option no count of inserted rows is promised.
    done = connection.execute(cautious, execution_options={"preserve_rowcount": True})
    return done.rowcount == 1
