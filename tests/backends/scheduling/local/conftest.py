"""An embedded scheduler's world, on either database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobyard.database.ports import SqlPortLedger
from jobyard.database.store import SqlStore
from tests.databases import Database

from .world import World


@pytest.fixture
async def world(sqlite_database: Database) -> AsyncIterator[World]:
    async with sqlite_database.open() as store:
        yield World(sqlite_database.state_dir, store, SqlPortLedger(store))


@pytest.fixture
def either_world(store: SqlStore, tmp_path: Path) -> World:
    """The same, once on SQLite and once on PostgreSQL."""
    return World(tmp_path, store, SqlPortLedger(store))
