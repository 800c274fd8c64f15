"""Who may do what."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.seams.storage import NotPermitted
from jobyard_backends.storage.local.storage import LocalStorage
from tests.backends.storage.conftest import ALICE, BOB, ROOT, content, pieces, put


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(NotPermitted) as caught:
        await work
    return caught.value.message


@pytest.mark.parametrize("home", ["/user", "/Output", "/Container"])
async def test_a_user_writes_below_the_own_folders_which_are_made_on_the_way(
    storage: LocalStorage, home: str
) -> None:
    await put(storage, f"{home}/alice/a/b", b"mine", actor=ALICE)
    await storage.mkdirs(f"{home}/alice/c", as_user=ALICE)

    status = await storage.stat(f"{home}/alice/a/b", as_user=BOB)
    assert (status.owner, status.mode) == ("alice", 0o644)
    assert (await storage.stat(home, as_user=BOB)).owner == "jobyard"
    assert (await storage.stat(f"{home}/alice", as_user=BOB)).owner == "alice"
    assert await content(storage, f"{home}/alice/a/b", BOB) == b"mine"


@pytest.mark.parametrize("path", ["/x", "/user/bob/x", "/user/x", "/elsewhere/alice/x", "/user"])
async def test_a_user_writes_nowhere_else(storage: LocalStorage, path: str) -> None:
    await put(storage, "/user/bob/theirs", b"theirs", actor=BOB)

    if path != "/user":
        await refused(put(storage, path, actor=ALICE))
    await refused(storage.mkdirs(f"{path}/d", as_user=ALICE))
    assert "user=alice, access=WRITE_EXECUTE" in await refused(
        storage.rename("/user/bob/theirs", "/user/bob/mine", as_user=ALICE)
    )


async def test_bits_keep_others_out(storage: LocalStorage) -> None:
    await put(storage, "/user/bob/private/f", actor=BOB)
    await put(storage, "/user/bob/secret", actor=BOB, mode=0o600)
    await storage.chmod("/user/bob/private", 0o700, as_user=BOB)

    await refused(content(storage, "/user/bob/secret", ALICE))
    await refused(storage.checksum("/user/bob/secret", as_user=ALICE))
    await refused(content(storage, "/user/bob/private/f", ALICE))
    await refused(storage.stat("/user/bob/private/f", as_user=ALICE))
    await refused(storage.list("/user/bob/private", None, 9, as_user=ALICE))
    await refused(storage.summary("/user/bob", as_user=ALICE))
    assert (await storage.stat("/user/bob/secret", as_user=ALICE)).size == 4
    for actor in (BOB, ROOT, SYSTEM):
        assert await content(storage, "/user/bob/private/f", actor) == b"data"
        assert (await storage.summary("/user/bob", as_user=actor)).files == 2


async def test_a_shared_folder_is_shared_by_all(storage: LocalStorage) -> None:
    await storage.mkdirs("/open", mode=0o777, as_user=ROOT)
    await put(storage, "/open/d/f", b"a", actor=ALICE)

    await storage.append("/open/d/f", pieces(b"b"), as_user=BOB)

    assert await content(storage, "/open/d/f", ALICE) == b"ab"
    assert await storage.remove("/open/d", recursive=True, as_user=BOB)
    await refused(storage.chmod("/open", 0o755, as_user=ALICE))


async def test_in_a_sticky_folder_what_is_there_stays(storage: LocalStorage) -> None:
    await storage.mkdirs("/open", mode=0o1777, as_user=ROOT)
    await put(storage, "/open/f", actor=ALICE)

    await refused(storage.remove("/open/f", recursive=False, as_user=BOB))
    await refused(storage.rename("/open/f", "/open/g", as_user=ALICE))
    assert await storage.remove("/open/f", recursive=False, as_user=ROOT)


async def test_nobody_becomes_an_owner_by_moving(storage: LocalStorage) -> None:
    await put(storage, "/user/bob/open/secret", actor=BOB, mode=0o600)
    await storage.chmod("/user/bob/open", 0o777, as_user=BOB)
    await storage.mkdirs("/user/alice", as_user=ALICE)

    message = await refused(
        storage.rename("/user/bob/open/secret", "/user/alice/mine", as_user=ALICE)
    )

    assert message == (
        "Permission denied: user=alice does not own /user/bob/open/secret "
        "and may not move it to another owner; copy it instead"
    )
    assert await storage.rename("/user/bob/open/secret", "/user/alice/mine", as_user=ROOT)


async def test_a_user_who_is_called_like_the_gateway_owns_nothing_of_it(
    storage: LocalStorage,
) -> None:
    namesake = Actor(SYSTEM.account)

    await refused(put(storage, "/x", actor=namesake))
    await refused(storage.chmod("/", 0o777, as_user=namesake))
    await put(storage, f"/user/{SYSTEM.account}/x", actor=namesake)


async def test_bits_that_keep_the_gateway_itself_out_keep_nobody_from_deleting(
    storage: LocalStorage,
) -> None:
    await put(storage, "/user/bob/d/e/f", actor=BOB)
    await storage.chmod("/user/bob/d/e", 0, as_user=BOB)
    await storage.chmod("/user/bob/d", 0, as_user=BOB)

    assert await storage.remove("/user/bob/d", recursive=True, as_user=BOB)


async def test_the_bits_of_the_root_itself_hold_nobody_up(
    storage: LocalStorage,
) -> None:
    await put(storage, "/user/bob/f", actor=BOB)
    await storage.chmod("/", 0o700, as_user=ROOT)

    assert await content(storage, "/user/bob/f", ALICE) == b"data"
    await refused(storage.list("/", None, 9, as_user=ALICE))
