"""Fixtures that every test may ask for."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from jobyard.database.engines import SQLITE_FILE, open_engines
from jobyard.database.migrating import CORE, migrate_engine
from jobyard.database.store import SqlStore
from jobyard.secret import Secret
from tests.databases import Database
from tests.hadoop import Hdfs, running_hdfs
from tests.postgresql import PostgresServer, running_server


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started for the first test that asks for it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def hdfs_cluster() -> Iterator[Hdfs]:
    """A NameNode and a DataNode, started for the first test that asks for them."""
    with running_hdfs() as hdfs:
        yield hdfs


@pytest.fixture
def postgresql(postgresql_server: PostgresServer) -> Iterator[PostgresServer]:
    """The server, running, whatever the test before did to it."""
    postgresql_server.start()
    yield postgresql_server
    postgresql_server.start()


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresServer) -> str:
    """A migrated database, to copy."""
    postgresql_server.start()
    name = postgresql_server.create_database()
    _migrate(postgresql_server.url(name), Path())
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file, to copy."""
    folder = tmp_path_factory.mktemp("sqlite")
    _migrate(None, folder)
    return folder / SQLITE_FILE


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Database:
    shutil.copyfile(sqlite_template, tmp_path / SQLITE_FILE)
    return Database("sqlite", None, tmp_path)


@pytest.fixture
def postgresql_database(
    postgresql: PostgresServer, postgresql_template: str, tmp_path: Path
) -> Iterator[Database]:
    name = postgresql.create_database(postgresql_template)
    yield Database("postgresql", postgresql.url(name), tmp_path)
    postgresql.start()
    postgresql.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database of the test's own, once SQLite's and once PostgreSQL's."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture
async def store(database: Database) -> AsyncIterator[SqlStore]:
    """A store on both databases, one after the other."""
    async with database.open() as opened:
        yield opened


def _migrate(url: Secret | None, state_dir: Path) -> None:
    engines = open_engines(url, state_dir, timeout=30)
    try:
        migrate_engine(engines.writer, CORE)
    finally:
        engines.dispose()
