from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.errors import Conflict, NotFound, Unavailable
from jobyard.seams.storage import (
    AlreadyExists,
    FileKind,
    InvalidPath,
    IsAFolder,
    NotEmpty,
    NotPermitted,
)
from jobyard_backends.storage.local import open_backend
from jobyard_backends.storage.local.storage import LocalStorage
from tests.backends.storage.conftest import Later, content, left_over, pieces, put, tree


async def names(storage: LocalStorage, path: str) -> list[str]:
    page = await storage.list(path, None, 1000, as_user=SYSTEM)
    return [entry.name for entry in page.entries]


async def test_what_is_written_is_read_and_described(storage: LocalStorage) -> None:
    await put(storage, "/a/b/file", b"hello")

    status = await storage.stat("/a/b/file", as_user=SYSTEM)
    assert await content(storage, "/a/b/file") == b"hello"
    assert (status.name, status.kind, status.size) == ("file", FileKind.FILE, 5)
    assert (status.owner, status.group, status.mode) == ("jobyard", "jobyard", 0o644)


async def test_reading_needs_a_file(storage: LocalStorage) -> None:
    await storage.mkdirs("/folder", as_user=SYSTEM)

    with pytest.raises(IsAFolder, match="Path is not a file: /folder"):
        await content(storage, "/folder")
    with pytest.raises(IsAFolder):
        await content(storage, "/")
    with pytest.raises(NotFound, match="File does not exist: /nothing"):
        await content(storage, "/nothing")


async def test_writing_replaces_only_when_asked_to(storage: LocalStorage) -> None:
    await put(storage, "/f", b"old")

    with pytest.raises(AlreadyExists, match="/f already exists"):
        await put(storage, "/f", b"new")
    assert await content(storage, "/f") == b"old"
    await put(storage, "/f", b"new", overwrite=True)
    assert await content(storage, "/f") == b"new"


async def test_a_file_that_was_made_meanwhile_is_not_replaced(storage: LocalStorage) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"late"
        await put(storage, "/f", b"first")

    with pytest.raises(AlreadyExists):
        await storage.write("/f", slow(), overwrite=False, as_user=SYSTEM)

    assert await content(storage, "/f") == b"first"


async def test_a_reader_keeps_the_file_that_it_opened(storage: LocalStorage) -> None:
    await put(storage, "/f", b"a" * 600_000)
    stream = storage.read("/f", as_user=SYSTEM)
    first = await anext(stream)
    await put(storage, "/f", b"b" * 600_000, overwrite=True)

    rest = b"".join([chunk async for chunk in stream])

    assert first + rest == b"a" * 600_000


async def test_one_appends_at_a_time(storage: LocalStorage) -> None:
    await put(storage, "/f", b"start")

    async def meddling() -> AsyncIterator[bytes]:
        with pytest.raises(Conflict):
            await storage.append("/f", pieces(b"other"), as_user=SYSTEM)
        yield b" end"

    await storage.append("/f", meddling(), as_user=SYSTEM)

    assert await content(storage, "/f") == b"start end"


async def test_making_a_folder_again_is_good(storage: LocalStorage) -> None:
    await storage.mkdirs("/a/b", mode=0o700, as_user=SYSTEM)
    await storage.mkdirs("/a/b", as_user=SYSTEM)
    await storage.mkdirs("/", as_user=SYSTEM)

    assert (await storage.stat("/a/b", as_user=SYSTEM)).mode == 0o700
    assert (await storage.stat("/a", as_user=SYSTEM)).mode == 0o755


async def test_modes_are_what_was_asked_for_whatever_the_umask(storage: LocalStorage) -> None:
    before = os.umask(0o077)
    try:
        await storage.mkdirs("/a", as_user=SYSTEM)
        await put(storage, "/a/f")
        await put(storage, "/a/g", mode=0o666)
    finally:
        os.umask(before)

    modes = [(await storage.stat(path, as_user=SYSTEM)).mode for path in ("/a", "/a/f", "/a/g")]
    assert modes == [0o755, 0o644, 0o666]


async def test_removing(storage: LocalStorage, root: Path, later: Later) -> None:
    await put(storage, "/d/e/file")
    await put(storage, "/f")

    assert await storage.remove("/f", recursive=False, as_user=SYSTEM)
    assert not await storage.remove("/f", recursive=False, as_user=SYSTEM)
    with pytest.raises(NotEmpty, match="`/d is non empty': Directory is not empty"):
        await storage.remove("/d", recursive=False, as_user=SYSTEM)
    assert await storage.remove("/d", recursive=True, as_user=SYSTEM)
    with pytest.raises(NotPermitted):
        await storage.remove("/", recursive=True, as_user=SYSTEM)
    assert tree(root) == {}
    await later.run()
    assert left_over(root) == []


async def test_a_very_deep_folder_can_be_removed(
    storage: LocalStorage, root: Path, later: Later
) -> None:
    half = "/d" * 600
    for path in (half, "/e" * 600):
        (root / path[1:]).mkdir(parents=True)
    await put(storage, "/e" * 600 + "/file")
    assert await storage.rename("/e", half, as_user=SYSTEM)

    assert await storage.remove("/d", recursive=True, as_user=SYSTEM)
    await later.run()

    assert left_over(root) == []


async def test_permission_bits_are_set_and_shown(storage: LocalStorage) -> None:
    await put(storage, "/f")
    await storage.mkdirs("/d", as_user=SYSTEM)

    await storage.chmod("/f", 0o600, as_user=SYSTEM)
    await storage.chmod("/d", 0o1777, as_user=SYSTEM)
    await storage.chmod("/", 0o755, as_user=SYSTEM)

    modes = [(await storage.stat(path, as_user=SYSTEM)).mode for path in ("/f", "/d", "/")]
    assert modes == [0o600, 0o1777, 0o755]
    with pytest.raises(NotFound):
        await storage.chmod("/nothing", 0o600, as_user=SYSTEM)


async def test_a_summary_counts_files_folders_and_bytes(storage: LocalStorage) -> None:
    await put(storage, "/d/a", b"12")
    await put(storage, "/d/e/b", b"345")
    await storage.mkdirs("/d/f", as_user=SYSTEM)

    of_folder = await storage.summary("/d", as_user=SYSTEM)
    of_file = await storage.summary("/d/a", as_user=SYSTEM)
    of_root = await storage.summary("/", as_user=SYSTEM)

    assert (of_folder.files, of_folder.folders, of_folder.length) == (2, 3, 5)
    assert (of_file.files, of_file.folders, of_file.length) == (1, 0, 2)
    assert (of_root.files, of_root.folders, of_root.length) == (2, 4, 5)


async def test_equal_content_has_an_equal_checksum(storage: LocalStorage) -> None:
    data = b"x" * 600_000
    await put(storage, "/a", data)
    await put(storage, "/b", data)
    await put(storage, "/c", data[1:])

    sums = [await storage.checksum(path, as_user=SYSTEM) for path in ("/a", "/b", "/c")]

    assert sums[0].algorithm == "MD5-of-0MD5-of-512CRC32"
    assert (sums[0], True) == (sums[1], sums[0] != sums[2])


async def test_names_may_be_odd_and_255_bytes_long(storage: LocalStorage) -> None:
    odd = ["sp ace+plus%pct", "a:b", "-rf", "\n", "\x7f", "é" * 127 + "x", "*?[", "...", ".hidden"]
    for name in odd:
        await put(storage, f"/odd/{name}", name.encode())

    assert await names(storage, "/odd") == sorted(odd)
    assert [await content(storage, f"/odd/{name}") for name in odd] == [n.encode() for n in odd]
    with pytest.raises(InvalidPath):
        await put(storage, "/odd/" + "é" * 128)
    with pytest.raises(InvalidPath):
        await put(storage, "/odd/nul\0")
    with pytest.raises(InvalidPath):
        await storage.mkdirs("/d" * 1001, as_user=SYSTEM)


async def test_the_storages_own_folder_is_nobodys(storage: LocalStorage, root: Path) -> None:
    assert (root / ".jobyard").is_dir()
    assert await names(storage, "/") == []
    assert (await storage.stat("/", as_user=SYSTEM)).children == 0
    with pytest.raises(NotPermitted):
        await storage.stat("/.jobyard", as_user=SYSTEM)
    with pytest.raises(NotPermitted):
        await storage.remove("/x/../.jobyard", recursive=True, as_user=SYSTEM)
    with pytest.raises(NotPermitted):
        await put(storage, "/.jobyard/x")
    await put(storage, "/d/.jobyard/x")  # below the root the name means nothing
    assert await names(storage, "/d") == [".jobyard"]


async def test_it_answers_that_it_works(storage: LocalStorage, root: Path) -> None:
    await storage.ping()

    assert left_over(root) == []


async def test_a_closed_storage_does_nothing_more(root: Path, later: Later) -> None:
    async with open_backend(root, later) as storage:
        pass

    with pytest.raises(Unavailable):
        await put(storage, "/f")
    assert tree(root) == {}


async def test_a_root_that_cannot_be_used_says_why_and_not_where(
    tmp_path: Path, later: Later
) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(Unavailable) as caught:
        async with open_backend(tmp_path / "file", later):
            pass

    assert caught.value.message == "The root of the local storage cannot be used: File exists"
    assert str(tmp_path) in (caught.value.detail or "")
