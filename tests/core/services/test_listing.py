from __future__ import annotations

from typing import cast

import anyio
import orjson
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.domain.job import FrameworkName
from jobyard.domain.status import JobSummary
from jobyard.seams.scheduling import Snapshot
from jobyard.services import listing
from jobyard.services.listing import EVERYTHING, Query, View
from jobyard.services.ordering import Order
from jobyard.services.overlay import Overlay
from jobyard.services.roster import Roster
from jobyard.services.selection import Selection

NAMES = st.integers(0, 40).map(lambda number: FrameworkName("alice", f"j{number}"))
SETS = st.frozensets(NAMES, max_size=25)
TIMES = st.dictionaries(NAMES, st.integers(0, 4))


def job(name: FrameworkName, at: int = 0) -> JobSummary:
    return JobSummary(name, None, name.namespace, created_at=at)


def names(body: bytes) -> list[str]:
    return [item["name"] for item in orjson.loads(body)]


class Lists:
    """A board's lists, as the jobs come and go."""

    def __init__(self, *jobs: JobSummary) -> None:
        self._roster = Roster(Overlay())
        self._version = 0
        self.show(*jobs)

    def show(self, *jobs: JobSummary) -> None:
        self._version += 1
        self._roster.take(Snapshot(str(self._version), 0, jobs))
        self.view = View(str(self._version), self._roster.orders)


@given(
    there=SETS,
    coming_and_going=st.lists(SETS, max_size=8),
    times=TIMES,
    order=st.sampled_from([Order.NEWEST, Order.NAME]),
    reverse=st.booleans(),
    limit=st.integers(1, 6),
)
@settings(max_examples=200)
async def test_pages_have_each_job_that_was_there_throughout_once_and_in_order(
    *,
    there: frozenset[FrameworkName],
    coming_and_going: list[frozenset[FrameworkName]],
    times: dict[FrameworkName, int],
    order: Order,
    reverse: bool,
    limit: int,
) -> None:
    def jobs(others: frozenset[FrameworkName]) -> list[JobSummary]:
        return [job(name, times.get(name, 0)) for name in there | others]

    lists = Lists(*jobs(frozenset()))
    query = Query(order=order, reverse=reverse, limit=limit)
    told: list[str] = []
    shown = iter(coming_and_going)
    while True:
        page = await lists.view.page(query)
        told += names(page.packed.body)
        if page.end is None:
            break
        query = evolve(query, after=page.end)
        lists.show(*jobs(next(shown, frozenset())))

    steady = sorted(jobs(frozenset()), key=order.key, reverse=reverse)
    of_them = {each.name.job for each in steady}
    assert [name for name in told if name in of_them] == [each.name.job for each in steady]
    assert len(told) == len(set(told))


@given(jobs=SETS, limit=st.integers(1, 6), order=st.sampled_from(Order))
async def test_pages_joined_are_the_list(
    jobs: frozenset[FrameworkName], limit: int, order: Order
) -> None:
    view = Lists(*map(job, jobs)).view
    whole = await view.page(Query(order=order))
    query, told = Query(order=order, limit=limit), list[object]()
    while True:
        page = await view.page(query)
        told += orjson.loads(page.packed.body)
        if page.end is None:
            break
        assert len(orjson.loads(page.packed.body)) == limit
        query = evolve(query, after=page.end)

    assert told == orjson.loads(whole.packed.body)


async def test_a_version_stays_as_it_is() -> None:
    one, two = FrameworkName("alice", "one"), FrameworkName("alice", "two")
    lists = Lists(job(one))
    view = lists.view
    lists.show(job(two))

    assert names(view.whole().body) == ["one"]
    assert names(lists.view.whole().body) == ["two"]
    assert view.jobs == (job(one),)


async def test_the_wanted_fields_alone_are_given_in_the_lists_own_order() -> None:
    legacy = JobSummary(FrameworkName(None, "old"), None, "alice", created_at=1)
    view = Lists(job(FrameworkName("alice", "new"), 2), legacy).view
    fields = ("name", "createdTime", "legacy")

    for query in (Query(fields=fields), Query(fields=fields, limit=5)):
        page = await view.page(query)
        assert orjson.loads(page.packed.body) == [
            {"name": "new", "createdTime": 2},
            {"name": "old", "createdTime": 1, "legacy": True},
        ]


async def test_a_list_is_made_once_for_all_who_read_a_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = 0
    array = listing._array

    def counted(items: list[bytes]) -> bytes:
        nonlocal made
        made += 1
        return array(items)

    monkeypatch.setattr(listing, "_array", counted)
    view = Lists(*(job(FrameworkName("alice", f"j{number}")) for number in range(5000))).view
    queries = (
        EVERYTHING,
        Query(limit=50),
        Query(fields=("name",)),
        Query(Selection(username="alice")),
    )
    async with anyio.create_task_group() as group:
        for query in queries * 20:
            group.start_soon(view.page, query)

    assert made == len(queries)


async def test_only_so_many_bytes_of_lists_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_ROOM", 1000)
    view = Lists(job(FrameworkName("alice", "one"))).view
    queries = [Query(Selection(before=before)) for before in range(1, 20)]
    first = [await view.page(query) for query in queries]
    again = [await view.page(query) for query in queries]

    assert [each.packed.body for each in first] == [each.packed.body for each in again]
    kept = [a.packed.body for a, b in zip(first, again, strict=True) if a is b]
    assert 0 < sum(map(len, kept)) <= 1000 < sum(len(each.packed.body) for each in first)
    assert view.whole() is view.whole()


async def test_others_have_their_turns_while_a_long_list_is_made() -> None:
    view = Lists(*(job(FrameworkName("alice", f"j{number}")) for number in range(9000))).view
    turns = 0
    done = anyio.Event()

    async def turning() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(turning)
        await anyio.lowlevel.checkpoint()
        page = await view.page(Query(fields=("name",)))
        done.set()

    assert len(cast("list[object]", orjson.loads(page.packed.body))) == 9000
    assert turns >= 4
