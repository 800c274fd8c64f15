"""What users' folders hold, and that it is no more than they may."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobyard.domain.identity import SYSTEM
from jobyard.errors import BackendError, Unavailable
from jobyard.seams.storage import StorageFull
from jobyard_backends.storage.local import open_backend
from jobyard_backends.storage.local.looking import CHUNK
from jobyard_backends.storage.local.ownership import Segments, owner_of
from jobyard_backends.storage.local.quota import COUNTED_AGAIN, REFUSED_BY, Quota
from jobyard_backends.storage.local.storage import LocalStorage
from tests.backends.storage.conftest import ALICE, ROOT, Later, content, pieces, put

T = TypeVar("T")

LIMIT = 1000
HOMES = ("user", "Output", "Container")


def held_on_disk(root: Path, owner: str) -> int:
    """Count by a walk of the test's own."""
    homes = [root / home / owner for home in HOMES]
    below = [each for home in homes for each in (home, *home.rglob("*"))]
    return sum(each.stat().st_size for each in below if each.is_file())


@pytest.fixture
async def limited(root: Path, later: Later) -> AsyncIterator[LocalStorage]:
    async with open_backend(root, later, LIMIT) as opened:
        yield opened


async def test_what_would_be_more_is_refused_and_changes_nothing(
    limited: LocalStorage, root: Path
) -> None:
    await put(limited, "/user/alice/first", bytes(600), actor=ALICE)
    await put(limited, "/Output/alice/second", bytes(400), actor=ROOT)

    for writer in (ALICE, ROOT, SYSTEM):
        with pytest.raises(StorageFull, match="quota of alice, 1000 bytes, is used up: /user/al"):
            await put(limited, "/user/alice/third", b"1", actor=writer)
        with pytest.raises(StorageFull):
            await limited.append("/user/alice/first", pieces(b"1"), as_user=writer)

    assert held_on_disk(root, "alice") == LIMIT
    assert not (root / "user" / "alice" / "third").exists()
    assert (root / "user" / "alice" / "first").stat().st_size == 600


async def test_others_and_what_nobody_owns_are_not_held_to_it(limited: LocalStorage) -> None:
    await put(limited, "/user/alice/full", bytes(LIMIT), actor=ALICE)

    await put(limited, "/user/bob/full", bytes(LIMIT), actor=ROOT)
    await put(limited, "/shared/much", bytes(5 * LIMIT), actor=ROOT)
    await put(limited, "/user/alice/empty", b"", actor=ALICE)
    await limited.mkdirs("/Output/alice/job", as_user=SYSTEM)


async def test_a_file_may_be_replaced_by_one_that_is_as_large(limited: LocalStorage) -> None:
    await put(limited, "/user/alice/full", bytes(LIMIT), actor=ALICE)

    await put(limited, "/user/alice/full", b"x" * LIMIT, actor=ALICE, overwrite=True)
    with pytest.raises(StorageFull):
        await put(limited, "/user/alice/full", bytes(LIMIT + 1), actor=ALICE, overwrite=True)

    assert await content(limited, "/user/alice/full") == b"x" * LIMIT


@pytest.mark.parametrize("path", ["/user/alice/a/b/file", "/user/alice/a", "/user/alice", "/user"])
async def test_what_is_removed_is_free_at_once(limited: LocalStorage, path: str) -> None:
    await put(limited, "/user/alice/a/b/file", bytes(LIMIT), actor=ALICE)

    assert await limited.remove(path, recursive=True, as_user=ROOT)

    await put(limited, "/Output/alice/file", bytes(LIMIT), actor=ALICE)


async def test_an_upload_is_refused_when_it_passes_the_limit_and_not_at_its_end(
    root: Path, later: Later
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += CHUNK
            yield bytes(CHUNK)

    async with open_backend(root, later, 3 * CHUNK) as storage:
        with pytest.raises(StorageFull):
            await storage.write("/user/alice/f", endless(), overwrite=False, as_user=ALICE)

    assert sent == 4 * CHUNK
    assert held_on_disk(root, "alice") == 0


async def test_uploads_at_once_do_not_pass_it_together(limited: LocalStorage, root: Path) -> None:
    outcomes: list[bool] = []
    waiting, go = 0, anyio.Event()

    async def together() -> AsyncIterator[bytes]:
        nonlocal waiting
        waiting += 1
        if waiting == 10:
            go.set()
        await go.wait()
        yield bytes(300)

    async def upload(number: int) -> None:
        path = f"/user/alice/{number}"
        try:
            await limited.write(path, together(), overwrite=False, as_user=ALICE)
        except StorageFull:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(upload, number)

    assert sum(outcomes) == 3
    assert held_on_disk(root, "alice") == 900


async def test_what_is_moved_to_a_user_has_to_have_room_there(limited: LocalStorage) -> None:
    await put(limited, "/shared/folder/file", bytes(600), actor=ROOT)
    await put(limited, "/user/alice/file", bytes(500), actor=ALICE)

    with pytest.raises(StorageFull):
        await limited.rename("/shared/folder", "/user/alice/folder", as_user=ROOT)
    assert await limited.rename("/user/alice/file", "/shared/file", as_user=ROOT)
    assert await limited.rename("/shared/folder", "/user/alice/folder", as_user=ROOT)

    with pytest.raises(StorageFull):
        await put(limited, "/user/alice/more", bytes(401), actor=ALICE)
    await put(limited, "/user/alice/more", bytes(400), actor=ALICE)


CRASHING = """
import anyio, os, sys
from pathlib import Path
from jobyard.domain.identity import SYSTEM
from jobyard_backends.storage.local import open_backend
from tests.backends.storage.conftest import Later, put

async def dying():
    yield bytes(600_000)
    os.kill(os.getpid(), 9)

async def main():
    async with open_backend(Path(sys.argv[1]), Later(), 1_000_000) as storage:
        await put(storage, "/user/alice/whole", bytes(300_000))
        await storage.write("/user/alice/half", dying(), overwrite=True, as_user=SYSTEM)

anyio.run(main)
"""


async def test_after_a_crash_what_is_there_counts_and_nothing_else(
    root: Path, later: Later
) -> None:
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", CRASHING, str(root)], check=False, timeout=60
    )
    assert done.returncode == -9

    async with open_backend(root, later, 1_000_000) as storage:
        with pytest.raises(StorageFull):
            await put(storage, "/user/alice/more", bytes(700_001))
        await put(storage, "/user/alice/more", bytes(700_000))


class Disk:
    """Be what a walk finds, and count the walks."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.walks = 0
        self.time = 1000.0
        self.while_walking: list[Coroutine[object, object, None]] = []

    async def measure(self, path: Segments) -> int:
        if path[0] != "user":
            return 0
        self.walks += 1
        if self.while_walking:
            await self.while_walking.pop(0)
        return self.size

    def quota(self) -> Quota:
        return Quota(LIMIT, self.measure, lambda: self.time)


async def write(quota: Quota, size: int, disk: Disk | None = None) -> None:
    with quota.claim(("user", "alice", "f")) as claim:
        await claim.take(size)
        with claim.change():
            if disk is not None:
                disk.size += size
            claim.settle(size)


async def test_many_changes_cost_one_walk() -> None:
    disk = Disk()
    quota = disk.quota()

    for _ in range(100):
        await write(quota, 9, disk)
        with quota.removing(("user", "alice", "f")) as claim:
            disk.size -= 9
            claim.settle(-9)

    assert disk.walks == 1


async def test_nobody_is_refused_by_an_old_count() -> None:
    disk = Disk(LIMIT)
    quota = disk.quota()
    with pytest.raises(StorageFull):
        await write(quota, 1)
    disk.size = 0  # behind the gateway's back
    with pytest.raises(StorageFull):
        await write(quota, 1)
    walks = disk.walks
    disk.time += REFUSED_BY + 1

    await write(quota, 1)

    assert (walks, disk.walks) == (1, 2)


async def test_what_others_brought_counts_in_the_end() -> None:
    disk = Disk()
    quota = disk.quota()
    await write(quota, 1)
    disk.size = LIMIT
    await write(quota, 1)
    disk.time += COUNTED_AGAIN + 1

    with pytest.raises(StorageFull):
        await write(quota, 1)


@pytest.mark.parametrize(
    "failure", [OSError, Unavailable("the disk failed"), asyncio.CancelledError]
)
async def test_a_change_that_broke_off_is_looked_at(failure: type[BaseException]) -> None:
    disk = Disk()
    quota = disk.quota()
    await write(quota, 1)

    with suppress(BaseException), quota.removing(("user", "alice", "f")):
        raise failure
    disk.size = LIMIT

    with pytest.raises(StorageFull):
        await write(quota, 1)


async def test_a_count_that_was_disturbed_is_made_again(tmp_path: Path) -> None:
    disk = Disk()
    quota = disk.quota()
    disk.while_walking = [change(quota, disk)]

    with quota.claim(("user", "alice", "f")) as claim:
        await claim.take(LIMIT - 10)
        with pytest.raises(StorageFull):
            await claim.take(1)

    assert disk.walks == 2


async def change(quota: Quota, disk: Disk) -> None:
    with quota.claim(("user", "alice", "g")) as claim, claim.change():
        disk.size += 10
        claim.settle(10)


names = st.sampled_from(["a", "b"])
homes = st.sampled_from([*((home, "alice") for home in HOMES), ("user", "bob"), ("shared",)])
paths = st.builds(lambda home, below: (*home, *below), homes, st.lists(names, max_size=2))
shallow = st.sampled_from([("user",), ("Output",), ("x",)])
sizes = st.integers(0, LIMIT + 100)


class Machine(RuleBasedStateMachine):
    """Change files as the gateway does, and behind its back, and look what is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.open()

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    def open(self) -> None:
        self.opening = open_backend(self.folder, Later(), LIMIT)
        self.storage = self.run(self.opening.__aenter__())

    def close(self) -> None:
        self.run(self.opening.__aexit__(None, None, None))

    def teardown(self) -> None:
        self.close()
        self.runner.close()
        shutil.rmtree(self.folder)

    def size(self, path: Segments) -> int:
        place = self.folder.joinpath(*path)
        if place.is_dir():
            return sum(each.stat().st_size for each in place.rglob("*") if each.is_file())
        return place.stat().st_size if place.is_file() else 0

    def full(self, path: Segments, growth: int) -> bool:
        owner = owner_of(path)
        return owner is not None and held_on_disk(self.folder, owner) + growth > LIMIT

    def expect(self, work: Coroutine[object, object, object], *, full: bool) -> None:
        """Be refused as full where that is so, or for another reason; else never as full."""
        try:
            done = self.run(work)
        except StorageFull:
            assert full
        except BackendError:
            return
        else:
            assert not full or done is False

    @rule(path=paths, size=sizes)
    def write(self, path: Segments, size: int) -> None:
        full = size > 0 and self.full(path, size - self.size(path))
        name = "/" + "/".join(path)
        self.expect(put(self.storage, name, bytes(size), overwrite=True), full=full)

    @rule(path=paths, size=sizes)
    def append(self, path: Segments, size: int) -> None:
        full = size > 0 and self.full(path, size)
        work = self.storage.append("/" + "/".join(path), pieces(bytes(size)), as_user=SYSTEM)
        self.expect(work, full=full)

    @rule(path=paths | shallow)
    def remove(self, path: Segments) -> None:
        work = self.storage.remove("/" + "/".join(path), recursive=True, as_user=SYSTEM)
        self.expect(work, full=False)

    @rule(source=paths | shallow, to=paths | shallow)
    def rename(self, source: Segments, to: Segments) -> None:
        size, other = self.size(source), owner_of(source) != owner_of(to)
        full = size > 0 and other and self.full(to, size)
        work = self.storage.rename("/" + "/".join(source), "/" + "/".join(to), as_user=SYSTEM)
        self.expect(work, full=full)

    @rule()
    def open_again(self) -> None:
        self.close()
        self.open()

    @invariant()
    def what_is_counted_is_what_is_there(self) -> None:
        for account in self.storage._quota._accounts.values():
            assert account.claimed == account.under_way == 0
            if account.held is not None:
                assert account.held == held_on_disk(self.folder, account.owner)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
