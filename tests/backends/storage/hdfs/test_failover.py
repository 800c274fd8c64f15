"""A pair of NameNodes and two DataNodes, of which some die: nothing is lost, or done twice."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel
import pytest
from anyio import to_thread

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import Unavailable
from jobyard.seams.storage import FileStatus, StorageFull
from jobyard.testing.storage_files import noise
from jobyard.testing.storage_place import Place
from jobyard.testing.subject import opened
from tests.backends.storage.hdfs.conftest import PROVIDER
from tests.hadoop import SUPERUSER, Hdfs, running_hdfs

pytestmark = pytest.mark.anyio

_LARGE: Final = 24_000_000
_ENTRIES: Final = 20_000 if os.environ.get("JOBYARD_LONG") == "1" else 1000
_AT_ONCE: Final = 1000


@pytest.fixture(scope="module")
def pair() -> Iterator[Hdfs]:
    with running_hdfs(name_nodes=2, data_nodes=2) as hdfs:
        yield hdfs


@pytest.fixture
def hdfs(pair: Hdfs) -> Hdfs:
    """The pair, whole, whatever the test before did to it."""
    pair.start()
    return pair


@pytest.fixture
async def place(hdfs: Hdfs, tmp_path: Path) -> AsyncIterator[Place]:
    """A folder of the test's own, in a storage that is patient."""
    settings = {
        "name-nodes": hdfs.addresses,
        "user": SUPERUSER,
        "timeouts": {"failover": 40, "answer": 10},
    }
    async with opened(PROVIDER, settings, tmp_path) as subject:
        place = Place(subject.backend, f"/{tmp_path.name}")
        await place.mkdirs("")
        yield place


def _active(hdfs: Hdfs) -> int:
    return [hdfs.state(address) for address in hdfs.addresses].index("active")


def fail_over(hdfs: Hdfs) -> None:
    """Kill the active NameNode, and make the other one active."""
    active = _active(hdfs)
    hdfs.name_nodes[active].crash()
    hdfs.activate(1 - active, by_force=True)


async def _meanwhile(work: Callable[[], object]) -> None:
    await to_thread.run_sync(work)


async def _staged(hdfs: Hdfs) -> str:
    return await to_thread.run_sync(lambda: hdfs.fs("-ls", "/.jobyard"))


async def test_the_active_name_node_dies_in_the_middle_of_a_write(hdfs: Hdfs, place: Place) -> None:
    data = noise(_LARGE)

    async def source() -> AsyncIterator[bytes]:
        yield data[: _LARGE // 2]
        await _meanwhile(partial(fail_over, hdfs))
        yield data[_LARGE // 2 :]

    await place.storage.write(place.path("file"), source(), overwrite=False, as_user=SYSTEM)

    assert await place.tree() == {"file": data}
    assert await _staged(hdfs) == ""


async def test_the_active_name_node_dies_in_the_middle_of_a_read(hdfs: Hdfs, place: Place) -> None:
    data = noise(_LARGE)
    await place.put("file", data)
    stream = place.storage.read(place.path("file"), as_user=SYSTEM)
    read = [await anext(stream)]

    await _meanwhile(partial(fail_over, hdfs))
    read += [chunk async for chunk in stream]

    assert b"".join(read) == data


async def test_the_active_name_node_dies_in_the_middle_of_a_listing(
    hdfs: Hdfs, place: Place
) -> None:
    names = [f"{number:05}" for number in range(_ENTRIES)]
    for start in range(0, _ENTRIES, _AT_ONCE):
        paths = [place.path(f"many/{name}") for name in names[start : start + _AT_ONCE]]
        await _meanwhile(partial(hdfs.fs, "-mkdir", "-p", *paths))

    found: list[FileStatus] = []
    after: str | None = None
    while True:
        page = await place.storage.list(place.path("many"), after, 250, as_user=SYSTEM)
        found += page.entries
        if (after := page.next_after) is None:
            break
        if len(found) == _ENTRIES // 2:
            await _meanwhile(partial(fail_over, hdfs))

    assert [entry.name for entry in found] == names


async def test_moves_and_removals_during_a_failover_are_done_once(hdfs: Hdfs, place: Place) -> None:
    count = 60
    for number in range(count):
        await place.mkdirs(f"{number}/below")
    results: dict[int, bool] = {}

    async def change(number: int) -> None:
        if number % 2:
            results[number] = await place.rename(f"{number}", f"moved-{number}")
        else:
            results[number] = await place.remove(f"{number}", recursive=True)

    async with anyio.create_task_group() as group:
        group.start_soon(_meanwhile, partial(fail_over, hdfs))
        for number in range(count):
            group.start_soon(change, number)
            await anyio.lowlevel.checkpoint()

    assert results == dict.fromkeys(range(count), True)
    moved = [f"moved-{number}" for number in range(1, count, 2)]
    assert await place.names() == sorted(moved)


async def test_a_standby_is_left_for_the_active_one(hdfs: Hdfs, place: Place) -> None:
    """Both live on, and have changed their roles."""
    await place.put("file", b"before")
    active = _active(hdfs)

    def change_roles() -> None:
        hdfs.step_down(active)
        hdfs.activate(1 - active)

    await _meanwhile(change_roles)

    assert await place.content("file") == b"before"
    await place.put("file", b"after", overwrite=True)
    assert await place.content("file") == b"after"


async def test_in_safe_mode_files_are_read_and_nothing_changes(
    hdfs: Hdfs, place: Place, tmp_path: Path
) -> None:
    await place.put("file", b"kept")
    hdfs.safe_mode(on=True)
    try:
        settings = {
            "name-nodes": hdfs.addresses,
            "user": SUPERUSER,
            "timeouts": {"failover": 0.3},
        }
        impatient = tmp_path / "impatient"
        impatient.mkdir()
        async with opened(PROVIDER, settings, impatient) as subject:
            there = Place(subject.backend, place.folder)
            assert await there.content("file") == b"kept"
            for change in (
                there.put("file", b"new", overwrite=True),
                there.append("file", b"more"),
                there.mkdirs("folder"),
                there.remove("file"),
                there.rename("file", "other"),
                there.chmod("file", 0o600),
                subject.backend.ping(),
            ):
                with pytest.raises(Unavailable):
                    await change
    finally:
        hdfs.safe_mode(on=False)

    assert await place.tree() == {"file": b"kept"}
    await place.put("file", b"new", overwrite=True)


async def test_a_data_node_dies_in_the_middle_of_a_read(hdfs: Hdfs, place: Place) -> None:
    data = noise(_LARGE)
    await place.put("file", data)
    stream = place.storage.read(place.path("file"), as_user=SYSTEM)
    read = [await anext(stream)]

    for node in hdfs.data_nodes:  # whichever it is that sends
        node.crash()
        read.append(await anext(stream))
        node.start()
        await _meanwhile(partial(hdfs.wait, hdfs.ready))
    read += [chunk async for chunk in stream]

    assert b"".join(read) == data


async def test_a_data_node_that_just_died_is_passed_over(hdfs: Hdfs, place: Place) -> None:
    """A NameNode goes on naming it for minutes."""
    await place.put("file", b"data")
    hdfs.data_nodes[0].crash()

    for number in range(6):
        assert await place.content("file") == b"data"
        await place.put(f"new-{number}", b"data")

    assert len(await place.names()) == 7


async def test_with_no_data_node_callers_are_told_and_nothing_is_left(
    hdfs: Hdfs, place: Place
) -> None:
    await place.put("file", noise(100_000))
    for node in hdfs.data_nodes:
        node.crash()

    with pytest.raises(Unavailable):
        await place.put("new", b"data")
    with pytest.raises(Unavailable):
        await place.storage.ping()
    assert await place.names() == ["file"]

    hdfs.start()
    assert await place.content("file") == noise(100_000)


async def test_a_full_quota_is_no_room(hdfs: Hdfs, place: Place) -> None:
    alice = Place(place.storage, "/user/alice", Actor("alice"))
    await alice.put("file", b"data")
    staged = await _staged(hdfs)
    hdfs.admin("-setQuota", "3", "/user/alice")
    try:
        await alice.put("last", b"data")
        with pytest.raises(StorageFull, match="/user/alice"):
            await alice.put("more", b"data")
        with pytest.raises(StorageFull):
            await alice.mkdirs("folder")
        await alice.put("last", b"replaced", overwrite=True)
    finally:
        hdfs.admin("-clrQuota", "/user/alice")

    assert await alice.tree() == {"file": b"data", "last": b"replaced"}
    assert await _staged(hdfs) == staged
