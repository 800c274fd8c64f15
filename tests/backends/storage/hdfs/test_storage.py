"""What HDFS adds to the seam's promises: users, order, kept places, broken transfers."""

from __future__ import annotations

import pytest

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import NotFound, Rejected, Unavailable
from jobyard.seams.storage import InvalidPath, NotPermitted, Storage
from jobyard.testing.storage_files import noise
from jobyard.testing.storage_place import Place
from tests.fault_proxy import Proxy
from tests.hadoop import SUPERUSER, Hdfs

pytestmark = pytest.mark.anyio

ALICE = Actor("alice")
ROOT = Actor("root", admin=True)


@pytest.mark.parametrize("path", ["/.jobyard", "/.jobyard/x", "/.reserved/raw", "/.reserved"])
async def test_what_is_kept_for_hdfs_and_the_gateway_is_not_there(
    storage: Storage, path: str
) -> None:
    with pytest.raises(NotFound):
        await storage.stat(path, as_user=ROOT)
    for actor in (ROOT, ALICE):
        with pytest.raises(NotPermitted):
            await storage.mkdirs(path, as_user=actor)
        with pytest.raises(NotPermitted):
            await storage.remove(path, recursive=True, as_user=actor)


async def test_the_gateways_folder_is_not_listed(storage: Storage) -> None:
    await storage.mkdirs("/shown", as_user=SYSTEM)

    page = await storage.list("/", None, 100, as_user=SYSTEM)
    root = await storage.stat("/", as_user=SYSTEM)

    names = [entry.name for entry in page.entries]
    assert "shown" in names
    assert ".jobyard" not in names
    assert root.children == len(names)
    await storage.remove("/shown", recursive=True, as_user=SYSTEM)


async def test_nothing_stays_in_the_gateways_folder(storage: Storage, hdfs_cluster: Hdfs) -> None:
    before = hdfs_cluster.fs("-ls", "/.jobyard")  # outages may have left some

    await Place(storage, "/user/alice", ALICE).put("a", b"data", overwrite=True)
    await storage.ping()

    assert hdfs_cluster.fs("-ls", "/.jobyard") == before


@pytest.mark.parametrize("name", ["hdfs", "yarn", SUPERUSER])
async def test_nobody_becomes_a_superuser_by_an_accounts_name(storage: Storage, name: str) -> None:
    with pytest.raises(NotPermitted, match=name):
        await storage.stat("/", as_user=Actor(name))


async def test_a_user_whom_hdfs_cannot_have_is_told_so(storage: Storage) -> None:
    with pytest.raises(Rejected, match="HDFS takes no user of that name"):
        await storage.stat("/", as_user=Actor("1digit"))


async def test_what_an_administrator_makes_is_the_administrators(storage: Storage) -> None:
    place = Place(storage, "/user/root", ROOT)
    await place.put("folder/file", b"data")
    await place.mkdirs("made")

    owners = [(await place.stat(each)).owner for each in ("", "folder", "folder/file", "made")]

    assert owners == ["root"] * 4
    await place.cleared()


async def test_a_users_folder_is_made_where_not_even_the_one_above_is(storage: Storage) -> None:
    await storage.remove("/Container", recursive=True, as_user=SYSTEM)

    await storage.mkdirs("/Container/alice", as_user=ALICE)

    assert (await storage.stat("/Container/alice", as_user=ALICE)).owner == "alice"
    assert (await storage.stat("/Container", as_user=ALICE)).owner == SUPERUSER


async def test_a_colon_is_refused_before_anything_is_made(storage: Storage) -> None:
    with pytest.raises(InvalidPath):
        await Place(storage, "/colons").put("a:b/file", b"data")
    with pytest.raises(NotFound):
        await storage.stat("/colons", as_user=SYSTEM)


async def test_pages_are_in_order_wherever_a_name_leaves_ascii(storage: Storage) -> None:
    """HDFS has what is not ASCII first, at every byte of a name."""
    place = Place(storage, "/order")
    names = ["a", "aa", "ab", "aé", "aéa", "b", "ba", "bé", "é", "éa", "éé", "\U00010000"]
    for name in names:
        await place.mkdirs(name)

    for size in (1, 2, 5, 100):
        assert [entry.name for entry in await place.entries(page=size)] == sorted(names)
    await place.cleared()


async def test_a_reading_goes_on_where_a_connection_broke(storage: Storage, network: Proxy) -> None:
    place = Place(storage, "/broken")
    data = noise(3_000_000)
    await place.put("file", data)

    network.tell("cut", 1, 1_000_000)

    assert await place.content("file") == data
    network.tell("cut", 1, 500_000)
    assert await place.content("file", 10, 2_000_000) == data[10:2_000_010]
    await place.cleared()


async def test_a_reading_never_goes_on_in_another_file(storage: Storage, network: Proxy) -> None:
    place = Place(storage, "/replaced")
    await place.put("file", noise(8_000_000))
    stream = storage.read(place.path("file"), as_user=SYSTEM)
    await anext(stream)
    await place.put("file", noise(8_000_001), overwrite=True)
    network.tell("down", 1)
    network.tell("up", 1)

    with pytest.raises(Unavailable, match="replaced"):
        async for _ in stream:
            pass
    await place.cleared()


async def test_a_write_that_loses_its_answer_is_told_and_leaves_nothing(
    storage: Storage, network: Proxy
) -> None:
    place = Place(storage, "/unanswered")
    await place.mkdirs("")
    network.tell("lose", 1, 1)

    with pytest.raises(Unavailable):
        await place.put("file", b"data")

    assert await place.tree() == {}
    await place.put("file", b"data")
    await place.cleared()
