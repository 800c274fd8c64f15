"""What a gateway keeps, read past it: so that a refused request can be shown to change nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

from jobyard.database.engines import SQLITE_FILE

_OF_THE_GATEWAY_ALONE = frozenset({"leaders"})
"""Tables that a gateway changes with no request: the lease of its leadership."""

_OF_THE_CALLER = frozenset({("users", "looked_up_at")})
"""Columns that tell when a token was held against its provider, whatever it was used for."""

Kept = dict[str, object]


def kept(state: Path) -> Kept:
    """Give every row of every table, and every file of the state directory."""
    return {**_rows(state / SQLITE_FILE), **_tree(state)}


def _rows(file: Path) -> Kept:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name not in _OF_THE_GATEWAY_ALONE
        ]
        return {f"table {name}": _table(connection, name) for name in names}


def _table(connection: sqlite3.Connection, name: str) -> list[object]:
    columns = [
        f'"{column}"'
        for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
        if (name, column) not in _OF_THE_CALLER
    ]
    return sorted(connection.execute(f'SELECT {", ".join(columns)} FROM "{name}"'), key=repr)


def _tree(state: Path) -> Kept:
    return {
        f"file {each.relative_to(state)}": _content(each)
        for each in state.rglob("*")
        if not each.name.startswith(SQLITE_FILE)
    }


def _content(path: Path) -> object:
    if path.is_file() and not path.is_symlink():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return path.lstat().st_mode
