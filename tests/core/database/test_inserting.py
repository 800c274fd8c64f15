from __future__ import annotations

import anyio
from sqlalchemy import Connection

from jobyard.database.inserting import insert_or_leave
from jobyard.database.store import SqlStore
from jobyard.database.tables import FACTS
from tests.databases import Database


async def test_a_row_that_is_there_is_left_as_it_is(store: SqlStore) -> None:
    def work(connection: Connection) -> list[object]:
        return [
            insert_or_leave(connection, FACTS, {"name": "one", "value": "first"}),
            insert_or_leave(connection, FACTS, {"name": "one", "value": "second"}),
            connection.execute(FACTS.select()).one().value,
        ]

    assert await store.write(work) == [True, False, "first"]


async def test_of_many_at_once_on_two_gateways_one_inserts(database: Database) -> None:
    inserted: list[bool] = []
    async with database.open() as one, database.open() as other:

        async def insert(store: SqlStore) -> None:
            values = {"name": "one", "value": ""}
            inserted.append(
                await store.write(lambda connection: insert_or_leave(connection, FACTS, values))
            )

        async with anyio.create_task_group() as group:
            for number in range(16):
                group.start_soon(insert, (one, other)[number % 2])

    assert sorted(inserted) == [False] * 15 + [True]
