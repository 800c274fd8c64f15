"""Writes that do not come to their end."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.errors import BackendError, NotFound, Rejected, Unavailable
from jobyard.seams.storage import InvalidPath, NotPermitted, StorageFull
from jobyard_backends.storage.local import changing, open_backend
from jobyard_backends.storage.local.failures import failure
from jobyard_backends.storage.local.looking import CHUNK
from jobyard_backends.storage.local.storage import LocalStorage
from tests.backends.storage.conftest import Later, content, left_over, pieces, put, tree


class SenderFailed(Exception):
    pass


async def breaking(before: bytes = b"half of it") -> AsyncIterator[bytes]:
    yield before
    raise SenderFailed


async def test_a_write_whose_data_breaks_off_leaves_what_was_there(
    storage: LocalStorage, root: Path
) -> None:
    await put(storage, "/old", b"old")

    for path in ("/old", "/new/file"):
        with pytest.raises(SenderFailed):
            await storage.write(path, breaking(b"x" * CHUNK * 2), overwrite=True, as_user=SYSTEM)

    assert tree(root) == {"old": b"old"}
    assert left_over(root) == []


@pytest.mark.parametrize("name", ["file", "folder"])
async def test_who_is_late_for_a_removal_finds_nothing(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await put(storage, "/file", b"x")
    await put(storage, "/folder/file", b"x")
    take = changing._take

    def late(*arguments: Any, **more: Any) -> changing.Removed:
        take(*arguments, **more)  # somebody else, just before
        return take(*arguments, **more)

    monkeypatch.setattr(changing, "_take", late)

    assert await storage.remove(f"/{name}", recursive=True, as_user=SYSTEM) is False


async def test_an_append_whose_data_breaks_off_is_undone(storage: LocalStorage) -> None:
    await put(storage, "/f", b"old")

    with pytest.raises(SenderFailed):
        await storage.append("/f", breaking(b"x" * CHUNK * 2), as_user=SYSTEM)
    await storage.append("/f", pieces(b" and new"), as_user=SYSTEM)

    assert await content(storage, "/f") == b"old and new"


async def test_a_write_that_is_cancelled_leaves_nothing(storage: LocalStorage, root: Path) -> None:
    reached = anyio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * CHUNK
        reached.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:

        async def write() -> None:
            await storage.write("/f", endless(), overwrite=False, as_user=SYSTEM)

        group.start_soon(write)
        await reached.wait()
        assert len(left_over(root)) == 1
        group.cancel_scope.cancel()

    assert tree(root) == {}
    assert left_over(root) == []


WRITER = """
import anyio, sys
from pathlib import Path
from jobyard.domain.identity import SYSTEM
from jobyard_backends.storage.local import changing, open_backend
from tests.backends.storage.conftest import Later

async def endless():
    yield b"x" * 600_000
    print("written", flush=True)
    await anyio.sleep_forever()

async def main():
    async with open_backend(Path(sys.argv[1]), Later()) as storage:
        await storage.write("/f", endless(), overwrite=True, as_user=SYSTEM)

anyio.run(main)
"""


def start_writer(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(root)], stdout=subprocess.PIPE)


async def test_a_killed_writer_leaves_the_old_file_and_the_rest_is_swept(
    root: Path, later: Later
) -> None:
    async with open_backend(root, later) as storage:
        await put(storage, "/f", b"old")
    later.waiting.clear()
    writer = start_writer(root)
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"written\n"
        async with open_backend(root, later) as storage:
            await later.run()
            kept = left_over(root)  # of a storage that is in use nothing is swept
        writer.send_signal(signal.SIGKILL)
        writer.wait()

    async with open_backend(root, later) as storage:
        page = await storage.list("/", None, 9, as_user=SYSTEM)
        await later.run()

        assert [entry.name for entry in page.entries] == ["f"]
        assert await content(storage, "/f") == b"old"
    assert len(kept) == 1
    assert left_over(root) == []
    assert list((root / ".jobyard").iterdir()) == []


async def test_what_was_removed_and_not_yet_deleted_is_deleted_after_the_next_opening(
    root: Path, later: Later
) -> None:
    async with open_backend(root, later) as storage:
        await put(storage, "/d/e/f")
        assert await storage.remove("/d", recursive=True, as_user=SYSTEM)
    later.waiting.clear()
    assert len(left_over(root)) == 1

    async with open_backend(root, later):
        await later.run()

    assert list((root / ".jobyard").iterdir()) == []


async def test_no_more_than_one_piece_is_held_in_memory(storage: LocalStorage) -> None:
    total = 64 * CHUNK

    async def many() -> AsyncIterator[bytes]:
        for _ in range(total // 1024):
            yield bytes(1024)

    tracemalloc.start()
    try:
        await storage.write("/f", many(), overwrite=False, as_user=SYSTEM)
        largest, read = 0, 0
        async for chunk in storage.read("/f", as_user=SYSTEM):
            largest, read = max(largest, len(chunk)), read + len(chunk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (largest, read) == (CHUNK, total)
    assert peak < 8 * CHUNK


async def test_a_file_that_grows_too_large_is_told_and_leaves_nothing(
    storage: LocalStorage, root: Path
) -> None:
    await put(storage, "/f", b"x" * 9_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(StorageFull):
            await put(storage, "/g", b"x" * 10_001)
        with pytest.raises(StorageFull):
            await storage.append("/f", pieces(b"x" * 2_000), as_user=SYSTEM)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert tree(root) == {"f": b"x" * 9_000}
    assert left_over(root) == []


async def test_a_full_disk_is_told_and_leaves_nothing(
    storage: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("jobyard_backends.storage.local.upload.os.write", full)
    with pytest.raises(StorageFull, match="No room is left on the storage: /f was not written"):
        await put(storage, "/f")
    with pytest.raises(StorageFull):
        await storage.ping()
    monkeypatch.undo()

    assert tree(root) == {}
    assert left_over(root) == []


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EIO, Unavailable),
        (errno.EROFS, Unavailable),
        (errno.EMFILE, Unavailable),
        (errno.ESTALE, Unavailable),
        (errno.EDQUOT, StorageFull),
        (errno.ENAMETOOLONG, InvalidPath),
        (errno.EACCES, NotPermitted),
        (errno.EXDEV, Rejected),
        (errno.ENOENT, NotFound),
    ],
)
def test_the_system_s_errors_are_translated_and_name_the_user_s_path(
    number: int, kind: type[BackendError]
) -> None:
    error = failure(OSError(number, os.strerror(number), "/srv/disk/f"), "/user/f")

    assert type(error) is kind
    assert "/user/f" in error.message
    assert "/srv" not in error.message
