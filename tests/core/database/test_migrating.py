from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from jobyard.database.engines import open_engines
from jobyard.database.migrating import (
    CORE,
    DatabaseNewer,
    downgrade_engine,
    migrate_engine,
    version_table,
)
from jobyard.database.store import open_store
from jobyard.database.tables import METADATA
from jobyard.errors import Unavailable
from jobyard.seams.context import Migrations
from jobyard.secret import Secret
from tests.databases import Database
from tests.postgresql import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[Secret | None]:
    """An empty database, once SQLite's and once PostgreSQL's."""
    if request.param == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def engine(url: Secret | None, tmp_path: Path) -> Iterator[Engine]:
    engines = open_engines(url, tmp_path, timeout=10)
    yield engines.writer
    engines.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_migrations_make_the_tables_that_the_code_knows(engine: Engine) -> None:
    migrate_engine(engine, CORE)

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": version_table(CORE),
                "compare_server_default": False,
            },
        )
        assert compare_metadata(context, METADATA) == []


def test_migrations_go_up_and_down_and_up(engine: Engine) -> None:
    migrate_engine(engine, CORE)
    everything = tables(engine)
    assert everything == {*METADATA.tables, version_table(CORE)}

    downgrade_engine(engine, CORE, "base")
    assert tables(engine) == {version_table(CORE)}

    migrate_engine(engine, CORE)
    assert tables(engine) == everything


def test_a_second_time_changes_nothing(engine: Engine) -> None:
    migrate_engine(engine, CORE)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO gateway_facts VALUES ('kept', '')"))

    migrate_engine(engine, CORE)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM gateway_facts")).scalar() == "kept"


async def test_a_newer_database_is_refused_by_name(url: Secret | None, tmp_path: Path) -> None:
    async with open_store(url, tmp_path, timeout=10) as store:
        await store.migrate(CORE)
        await store.write(
            lambda connection: connection.execute(
                text("UPDATE jobyard_core_version SET version_num = '9999'")
            )
        )

        with pytest.raises(DatabaseNewer, match=r"'core' are at revision '9999'") as caught:
            await store.migrate(CORE)

    assert caught.value.__cause__ is None


def test_a_migration_that_fails_leaves_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Migrations("core", "jobyard.database.migrations", head="no such revision")

    with pytest.raises(Exception, match="no such revision"):
        migrate_engine(engine, broken)

    assert set(METADATA.tables).isdisjoint(tables(engine))
    migrate_engine(engine, CORE)


@pytest.mark.parametrize("component", ["", "Core", "a-b", "x; DROP TABLE users", "a" * 41])
def test_a_component_names_its_table_in_plain_letters(component: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        version_table(Migrations(component, "anywhere", "1"))


_GATEWAY = """
import sys
from pathlib import Path
from jobyard.database.engines import open_engines
from jobyard.database.migrating import CORE, migrate_engine
from jobyard.secret import Secret
import alembic.command, alembic.script
engines = open_engines(Secret(sys.argv[1]), Path(), timeout=60)
print("ready", flush=True)
sys.stdin.readline()
migrate_engine(engines.writer, CORE)
engines.dispose()
"""


def test_gateways_that_start_at_once_migrate_once(postgresql: PostgresServer) -> None:
    name = postgresql.create_database()
    gateways = [
        subprocess.Popen(
            [sys.executable, "-c", _GATEWAY, postgresql.url(name).reveal()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for gateway in gateways:
        assert gateway.stdout is not None
        assert gateway.stdout.readline() == "ready\n"
    for gateway in gateways:
        assert gateway.stdin is not None
        gateway.stdin.write("go\n")
        gateway.stdin.flush()

    ends = [(gateway.communicate(timeout=120)[1], gateway.returncode) for gateway in gateways]

    assert ends == [("", 0)] * 3
    assert postgresql.execute("SELECT version_num FROM jobyard_core_version", name) == [("0001",)]
    postgresql.drop_database(name)


async def test_a_server_that_is_down_is_unavailable(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    postgresql.stop()

    async with postgresql_database.open(timeout=2) as store:
        with pytest.raises(Unavailable):
            await store.migrate(CORE)
