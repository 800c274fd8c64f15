from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import Connection, text

from jobyard.database.leadership import SqlLeadership
from jobyard.database.store import SqlStore
from jobyard.database.tables import LEADERS
from jobyard.errors import Rejected
from jobyard.seams.scheduling import Term
from tests.databases import Database
from tests.postgresql import PostgresServer

SHORT = 2.0
"""Seconds of a lease that is still renewed in time on a machine that is busy."""


def leadership(
    store: SqlStore, holder: str, *, role: str = "r", lease: float = 60
) -> SqlLeadership:
    return SqlLeadership(store, role=role, holder=holder, lease=lease)


def depose(connection: Connection) -> None:
    connection.execute(LEADERS.update().values(term=LEADERS.c.term + 1, holder="another"))


async def test_on_sqlite_the_one_gateway_leads(sqlite_database: Database) -> None:
    async with sqlite_database.open() as store:
        leader = leadership(store, "a")
        async with leader.reign() as term:
            assert term == Term(1)
            assert await leader.check(term)
        assert not await leader.check(Term(2))


async def test_one_leads_and_the_other_takes_over_when_it_ends(
    postgresql_database: Database,
) -> None:
    leading: list[str] = []
    most = 0
    async with postgresql_database.open() as one, postgresql_database.open() as other:

        async def lead(store: SqlStore, holder: str) -> None:
            nonlocal most
            leader = leadership(store, holder, lease=SHORT)
            async with leader.reign() as term:
                leading.append(holder)
                most = max(most, len(leading))
                assert await leader.check(term)
                await anyio.lowlevel.checkpoint()
                leading.remove(holder)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for number in range(4):
                    group.start_soon(lead, (one, other)[number % 2], str(number))

    assert most == 1


async def test_a_reign_outlives_its_first_lease(postgresql_database: Database) -> None:
    async with postgresql_database.open() as store:
        leader, other = leadership(store, "a", lease=SHORT), leadership(store, "b", lease=SHORT)
        async with leader.reign() as term:
            first = await store.read(_lease)
            with anyio.fail_after(30):
                while await store.read(_lease) < first + SHORT * 1000:
                    assert await store.write(other._take) is None
                    await anyio.sleep(0.02)
            assert await leader.check(term)


def _lease(connection: Connection) -> int:
    return int(connection.execute(LEADERS.select()).one().lease_until)


async def test_a_reign_ends_when_another_has_taken_over(postgresql_database: Database) -> None:
    ended_early = True
    async with postgresql_database.open() as store:
        leader = leadership(store, "a", lease=SHORT)
        with anyio.fail_after(30):
            async with leader.reign() as term:
                await store.write(depose)
                await anyio.sleep_forever()
                ended_early = False

        assert ended_early
        assert not await leader.check(term)
        assert (await store.read(lambda c: c.execute(LEADERS.select()).one())).holder == "another"


async def test_a_reign_ends_when_the_database_is_gone_for_a_lease(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    async with postgresql_database.open(timeout=2) as store:
        leader = leadership(store, "a", lease=1)
        with anyio.fail_after(30):
            async with leader.reign():
                await anyio.to_thread.run_sync(postgresql.crash)
                await anyio.sleep_forever()
        postgresql.start()

        with anyio.fail_after(30):
            async with leadership(store, "b", lease=1).reign() as term:
                assert term == Term(2)


async def test_terms_only_grow(postgresql_database: Database) -> None:
    async with postgresql_database.open() as store:
        for number in range(1, 4):
            async with leadership(store, f"holder {number}").reign() as term:
                assert term == Term(number)


async def test_roles_are_led_apart(postgresql_database: Database) -> None:
    async with postgresql_database.open() as store, leadership(store, "a", role="one").reign():
        with anyio.fail_after(10):
            async with leadership(store, "b", role="two").reign() as term:
                assert term == Term(1)


async def test_a_term_whose_lease_ran_out_no_longer_reigns(postgresql_database: Database) -> None:
    async with postgresql_database.open() as store:
        leader = leadership(store, "a")
        term = await store.write(leader._take)
        assert term is not None
        assert await leader.check(term)

        await store.write(
            lambda connection: connection.execute(text("UPDATE leaders SET lease_until = 1"))
        )
        assert not await leader.check(term)


async def test_an_error_of_the_block_comes_out_as_it_is(database: Database) -> None:
    async with database.open() as store:
        with pytest.raises(Rejected, match="mine"):
            async with leadership(store, "a").reign():
                raise Rejected("mine")

        with anyio.fail_after(10):
            async with leadership(store, "b").reign():
                pass
