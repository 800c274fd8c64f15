from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.database.ports import SqlPortLedger, choose_ports
from jobyard.database.store import SqlStore
from jobyard.seams.context import PortConflict, PortLease, PortNeed
from tests.databases import Database

PORTS = st.integers(1, 40)
NEEDS = st.lists(
    st.builds(PortNeed, st.text("abc", min_size=1), st.integers(0, 30), st.integers(1, 4)),
    max_size=5,
    unique_by=lambda need: need.key,
)


@given(NEEDS, st.sets(PORTS), st.lists(PORTS))
def test_chosen_ports_are_free_distinct_and_what_was_asked_for(
    needs: list[PortNeed], held: set[int], free: list[int]
) -> None:
    before = set(held)
    try:
        leases = choose_ports(needs, held, free)
    except PortConflict:
        leases = None
    assert held == before
    if leases is None:
        assert conflicting(needs, held, free)
        return

    numbers = [number for lease in leases for number in lease.numbers]
    assert len(numbers) == len(set(numbers))
    assert held.isdisjoint(numbers)
    assert [lease.key for lease in leases] == sorted(need.key for need in needs)
    by_key = {lease.key: lease.numbers for lease in leases}
    for need in needs:
        assert len(by_key[need.key]) == need.count
        if need.begin_at:
            assert by_key[need.key] == tuple(range(need.begin_at, need.begin_at + need.count))
        else:
            assert set(by_key[need.key]) <= set(free)


def conflicting(needs: list[PortNeed], held: set[int], free: list[int]) -> bool:
    """Tell, by counting, whether no choice can satisfy all needs."""
    fixed = [
        port
        for need in needs
        if need.begin_at
        for port in range(need.begin_at, need.begin_at + need.count)
    ]
    if len(fixed) != len(set(fixed)) or not held.isdisjoint(fixed):
        return True
    wanted = sum(need.count for need in needs if not need.begin_at)
    return wanted > len(set(free) - held - set(fixed))


def test_a_port_beyond_the_last_does_not_exist() -> None:
    assert choose_ports([PortNeed("a", 65_535, 1)], set(), [])[0].numbers == (65_535,)
    with pytest.raises(PortConflict, match="65536"):
        choose_ports([PortNeed("a", 65_535, 2)], set(), [])


def test_free_ports_are_taken_in_their_order() -> None:
    assert choose_ports([PortNeed("a", 0, 2)], {9}, [9, 7, 8, 7]) == (PortLease("a", (7, 8)),)


async def test_a_lease_is_given_again_to_its_owner(store: SqlStore) -> None:
    ledger = SqlPortLedger(store)
    needs = [PortNeed("b", 0, 2), PortNeed("a", 100, 3)]

    first = await ledger.lease("host", "job", needs, free=[30, 10, 20])
    again = await ledger.lease("host", "job", needs, free=[1, 2, 3])

    assert first == (PortLease("a", (100, 101, 102)), PortLease("b", (30, 10)))
    assert again == first
    assert await ledger.held("host") == {100, 101, 102, 30, 10}
    assert await ledger.held("elsewhere") == frozenset()


async def test_what_is_given_back_is_free_again(store: SqlStore) -> None:
    ledger = SqlPortLedger(store)
    await ledger.lease("host", "one", [PortNeed("a", 5, 1)], free=[])
    with pytest.raises(PortConflict, match="Port 5 is taken"):
        await ledger.lease("host", "two", [PortNeed("a", 5, 1)], free=[])
    assert await ledger.held("host") == {5}

    await ledger.release("one")
    await ledger.release("one")

    await ledger.lease("host", "two", [PortNeed("a", 5, 1)], free=[])


async def test_a_lease_is_made_whole_or_not_at_all(store: SqlStore) -> None:
    ledger = SqlPortLedger(store)

    with pytest.raises(PortConflict):
        await ledger.lease("host", "job", [PortNeed("a", 5, 1), PortNeed("b", 0, 3)], free=[1, 2])

    assert await ledger.held("host") == frozenset()


async def test_leases_of_two_gateways_at_once_never_overlap(database: Database) -> None:
    free = range(1000, 1100)
    leases: dict[str, tuple[PortLease, ...]] = {}
    refused: list[str] = []
    async with database.open() as one, database.open() as other:
        ledgers = (SqlPortLedger(one), SqlPortLedger(other))

        async def lease(owner: str, ledger: SqlPortLedger) -> None:
            needs = [PortNeed("http", 0, 1), PortNeed("ssh", 0, 2)]
            try:
                leases[owner] = await ledger.lease("host", owner, needs, free=free)
            except PortConflict:
                refused.append(owner)

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(lease, str(number), ledgers[number % 2])

    taken = [port for each in leases.values() for lease in each for port in lease.numbers]
    assert len(taken) == len(set(taken)) == 3 * len(leases)
    assert len(leases) + len(refused) == 20
    assert leases
