from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, text

from jobyard.database.store import SqlStore
from jobyard.database.tables import METADATA
from jobyard.domain.identity import Identity
from jobyard.services import account_rows as rows
from jobyard.services.account_rows import Account, OwnedByAnother, Sighting, SqlAccountLedger
from tests.accounts import town
from tests.databases import Database

SEEN = Sighting(
    "alice", "ldap", admin=False, groups=frozenset({"b", "a"}), changed_at=None, at=1000
)


async def test_who_was_seen_first_starts_at_that_time(store: SqlStore) -> None:
    expected = Account(
        "alice",
        "ldap",
        admin=False,
        epoch=1000,
        changed_at=0,
        groups=frozenset({"a", "b"}),
        looked_up_at=1000,
    )

    assert await store.write(rows.note(SEEN)) == expected
    assert await store.read(rows.find("ALICE")) == expected
    assert await store.read(rows.find("bob")) is None
    assert await store.read(rows.everybody()) == [expected]


async def test_who_is_seen_again_as_before_keeps_the_tokens(store: SqlStore) -> None:
    first = await store.write(rows.note(evolve(SEEN, changed_at=500)))

    again = await store.write(rows.note(evolve(SEEN, changed_at=500, groups=frozenset(), at=2000)))

    assert again == evolve(first, groups=frozenset(), looked_up_at=2000)


@pytest.mark.parametrize(
    ("change", "epoch", "changed_at"),
    [
        ({"admin": True}, 2000, 2000),
        ({"changed_at": 1500}, 2000, 1500),
        ({"name": "Alice"}, 2000, 2000),
        ({"admin": True, "at": 900}, 1001, 900),
    ],
    ids=str,
)
async def test_a_change_ends_the_tokens(
    store: SqlStore, change: dict[str, object], epoch: int, changed_at: int
) -> None:
    await store.write(rows.note(SEEN))
    values = {"at": 2000, **change}

    after = await store.write(rows.note(evolve(SEEN, **values)))  # type: ignore[arg-type]

    assert (after.epoch, after.changed_at) == (epoch, changed_at)


async def test_a_name_stays_with_its_first_provider(store: SqlStore) -> None:
    before = await store.write(rows.note(SEEN))

    with pytest.raises(OwnedByAnother, match="ldap"):
        await store.write(rows.note(evolve(SEEN, provider="other", admin=True)))
    assert await store.read(rows.find("alice")) == before


async def test_tokens_end_whatever_the_case_of_the_name_and_for_nobody_too(store: SqlStore) -> None:
    await store.write(rows.note(SEEN))

    await store.write(SqlAccountLedger().end_tokens("ALICE", 5000))
    await store.write(SqlAccountLedger().end_tokens("nobody", 5000))

    after = await store.read(rows.find("alice"))
    assert after is not None
    assert (after.epoch, after.changed_at) == (5000, 5000)
    assert len(await store.read(rows.everybody())) == 1


@given(st.lists(st.integers(0, 2**41), min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_epoch_rises_with_every_end_whatever_the_clock_says(times: list[int]) -> None:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        epochs = [rows.note(SEEN)(connection).epoch]
        for at in times:
            rows.end_tokens("alice", at)(connection)
            found = rows.find("alice")(connection)
            assert found is not None
            epochs.append(found.epoch)
    engine.dispose()

    assert all(before < after for before, after in pairwise(epochs))
    assert all(epoch >= at for epoch, at in zip(epochs[1:], times, strict=True))


async def test_assignments_replace_one_another(store: SqlStore) -> None:
    await store.write(rows.note(SEEN))

    assert await store.write(rows.assign("alice", ["vc1", "vc2", "vc1"]))
    assert await store.read(rows.assigned("Alice")) == {"vc1", "vc2"}
    assert await store.write(rows.assign("alice", ["vc3"]))
    assert await store.read(rows.assigned("alice")) == {"vc3"}
    assert await store.read(rows.all_assigned()) == {"alice": ["vc3"]}
    assert not await store.write(rows.assign("nobody", ["vc1"]))


async def test_a_virtual_cluster_is_taken_from_everybody(store: SqlStore) -> None:
    for name in ("alice", "bob"):
        await store.write(rows.note(evolve(SEEN, name=name)))
        await store.write(rows.assign(name, ["vc1", "vc2"]))

    await store.write(rows.forget_grants("vc1"))

    assert await store.read(rows.all_assigned()) == {"alice": ["vc2"], "bob": ["vc2"]}


async def test_a_namesake_of_a_forgotten_user_has_nothing(store: SqlStore) -> None:
    await store.write(rows.note(SEEN))
    await store.write(rows.assign("alice", ["vc1"]))

    await store.write(rows.forget("ALICE"))
    after = await store.write(rows.note(evolve(SEEN, at=7000)))

    assert after.epoch == 7000
    assert await store.read(rows.assigned("alice")) == frozenset()


async def test_two_gateways_that_note_one_user_at_once_both_have_it(
    postgresql_database: Database, tmp_path: Path
) -> None:
    inserted, go_on = threading.Event(), threading.Event()

    def first(connection: Connection) -> None:
        rows.note(SEEN)(connection)
        inserted.set()
        go_on.wait(20)

    async with (
        postgresql_database.open() as ours,
        postgresql_database.open() as theirs,
        town(ours, tmp_path) as here,
        anyio.create_task_group() as group,
    ):
        group.start_soon(theirs.write, first)
        await anyio.to_thread.run_sync(inserted.wait, 20)
        noted: list[Account] = []

        async def second() -> None:
            noted.append(await here.accounts.note(Identity("ldap", "alice", admin=True)))

        group.start_soon(second)
        with anyio.fail_after(20):
            while not await ours.read(_somebody_waits):
                await anyio.lowlevel.checkpoint()
        go_on.set()

    assert [account.admin for account in noted] == [True]
    assert noted[0].epoch > SEEN.at


def _somebody_waits(connection: Connection) -> bool:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    return bool(connection.execute(query).scalar())
