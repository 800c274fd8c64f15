# ruff: noqa: ASYNC110, ASYNC240 - what another process does is looked for, and small files
from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from jobyard.database.store import SqlStore
from jobyard.database.tables import FACTS
from jobyard.errors import DeadlineExceeded, Unavailable
from tests.databases import Database, count
from tests.postgresql import PostgresServer


def fact(name: str, value: str = "") -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(FACTS.insert().values(name=name, value=value))
        return name

    return work


async def test_what_was_written_is_read(store: SqlStore) -> None:
    assert await store.write(fact("one", "1")) == "one"

    def work(connection: Connection) -> object:
        return connection.execute(FACTS.select()).one().value

    assert await store.read(work) == "1"


async def test_what_was_written_is_there_after_the_store_was_closed(database: Database) -> None:
    async with database.open() as store:
        await store.write(fact("one"))

    async with database.open() as again:
        assert await count(again, FACTS) == 1


async def test_a_read_cannot_change_anything(store: SqlStore) -> None:
    with pytest.raises((DBAPIError, Unavailable)):
        await store.read(fact("smuggled"))

    assert await count(store, FACTS) == 0


async def test_a_mistake_of_the_work_comes_out_as_it_is(store: SqlStore) -> None:
    def mistaken(connection: Connection) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        await store.read(mistaken)
    assert caught.value.__cause__ is None
    with pytest.raises(LookupError, match="mine"):
        await store.write(mistaken)


async def test_a_broken_constraint_is_no_absence_of_the_database(store: SqlStore) -> None:
    await store.write(fact("one"))

    with pytest.raises(IntegrityError):
        await store.write(fact("one"))


async def test_what_is_asked_by_many_at_once_is_read_once(store: SqlStore) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> int:
        runs.append(1)
        return len(runs)

    found: list[int] = []

    async def ask() -> None:
        found.append(await store.read(work))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)

    assert found == [1] * 5
    assert await store.read(work) == 2


async def test_who_gives_up_takes_nothing_from_those_who_asked_the_same(store: SqlStore) -> None:
    def work(connection: Connection) -> str:
        return "read"

    found: list[str] = []

    async def ask() -> None:
        found.append(await store.read(work))

    async with anyio.create_task_group() as group:
        impatient = anyio.CancelScope()

        async def give_up() -> None:
            with impatient:
                await store.read(work)

        group.start_soon(give_up)
        group.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        impatient.cancel()

    assert found == ["read"]


async def test_a_read_that_fails_spoils_none_that_came_with_it(store: SqlStore) -> None:
    await store.write(fact("one"))
    failures: list[BaseException] = []

    async def fail() -> None:
        try:
            await store.read(lambda connection: connection.execute(text("SELECT nonsense")))
        except DBAPIError as error:
            failures.append(error)

    found: list[int] = []

    async def ask() -> None:
        found.append(await count(store, FACTS))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(fail)
            group.start_soon(ask)

    assert found == [1] * 3
    assert len(failures) == 3


async def test_a_read_that_takes_too_long_is_given_up(database: Database) -> None:
    release = threading.Event()
    async with database.open(timeout=0.1) as store:
        try:
            with pytest.raises(DeadlineExceeded):
                await store.read(lambda connection: release.wait(30))
        finally:
            release.set()


async def test_a_write_that_takes_too_long_is_given_up(database: Database) -> None:
    release = threading.Event()
    async with database.open(timeout=0.1) as store:
        try:
            with pytest.raises(DeadlineExceeded):
                await store.write(lambda connection: release.wait(30))
        finally:
            release.set()


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    sleep = text("SELECT pg_sleep(60), 'mark of this test'")
    async with postgresql_database.open(timeout=0.3) as store:
        with pytest.raises(Unavailable):
            await store.write(lambda connection: connection.execute(sleep).all())
        with pytest.raises(Unavailable):
            await store.read(lambda connection: connection.execute(sleep).all())

    with anyio.fail_after(20):
        while postgresql.execute(
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active'"
            " AND query LIKE 'SELECT pg_sleep%mark of this test%'"
        ):
            await anyio.sleep(0.02)


async def test_closing_finishes_what_is_queued(database: Database) -> None:
    begun, release = threading.Event(), threading.Event()

    def first(connection: Connection) -> None:
        begun.set()
        release.wait(30)

    async def closed(store: SqlStore) -> None:
        release.set()
        await store.close()

    async with database.open() as store, anyio.create_task_group() as group:
        group.start_soon(store.write, first)
        await anyio.to_thread.run_sync(begun.wait)
        for number in range(5):
            group.start_soon(store.write, fact(f"queued {number}"))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(closed, store)

    async with database.open() as again:
        assert await count(again, FACTS) == 5


async def test_a_closed_store_says_so(database: Database) -> None:
    async with database.open() as store:
        pass

    with pytest.raises(Unavailable, match="closed"):
        await store.write(fact("late"))
    with pytest.raises(Unavailable, match="closed"):
        await store.ping()


async def test_a_server_that_is_not_there_is_unavailable_and_found_when_it_is(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    postgresql.stop()
    async with postgresql_database.open(timeout=2) as store:
        with pytest.raises(Unavailable, match="does not answer"):
            await store.ping()
        with pytest.raises(Unavailable, match="does not answer"):
            await store.write(fact("early"))

        postgresql.start()
        await store.ping()
        await store.write(fact("later"))
        assert await count(store, FACTS) == 1


async def test_an_sqlite_file_is_private(sqlite_database: Database, tmp_path: Path) -> None:
    async with sqlite_database.open() as store:
        await store.write(fact("one"))

        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes
    assert set(modes.values()) == {0o600}
