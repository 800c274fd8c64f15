"""What a storage promises of files: reading, writing, appending, describing, checksums."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest
from attrs import evolve

from jobyard.domain.identity import SYSTEM
from jobyard.errors import NotFound
from jobyard.seams.storage import (
    LARGEST_CHUNK,
    AlreadyExists,
    FileKind,
    IsAFolder,
    NotAFolder,
)
from jobyard.testing.conformance import Reopen
from jobyard.testing.storage_place import Place, SourceFailed, StorageCase, breaking, pieces

_YEAR_2001 = 10**12
_YEAR_2286 = 10**13


def noise(size: int) -> bytes:
    """Give bytes of which no two parts are alike, the same each time."""
    return random.Random(size).randbytes(size)  # noqa: S311 - a pattern, not a secret


class StorageFiles(StorageCase):
    """Test reading, writing, appending, describing and checksums."""

    @pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_001])
    async def test_what_was_written_is_read(self, place: Place, size: int) -> None:
        """A file has the bytes that it was written with, however they were cut."""
        data = noise(size)
        cut = [data[start : start + 70_001] for start in range(0, size, 70_001)]

        await place.put("file", *cut, b"")

        assert await place.content("file") == data
        assert (await place.stat("file")).size == size

    async def test_a_file_is_described(self, place: Place) -> None:
        """A description has the name, the kind, the size, the bits, and times in milliseconds."""
        await place.put("file", b"hello", mode=0o640)

        status = await place.stat("file")

        assert (status.name, status.kind, status.size) == ("file", FileKind.FILE, 5)
        assert (status.mode, status.children) == (0o640, 0)
        assert status.owner
        assert _YEAR_2001 < status.modified_at < _YEAR_2286

    @pytest.mark.parametrize("mode", [0o600, 0o644, 0o666])
    async def test_a_file_has_the_mode_that_it_was_written_with(
        self, place: Place, mode: int
    ) -> None:
        """The mode is exact, whatever the umask."""
        await place.put("file", mode=mode)

        assert (await place.stat("file")).mode == mode

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [
            (0, None, b"0123456789"),
            (0, 10, b"0123456789"),
            (0, 9, b"012345678"),
            (3, 4, b"3456"),
            (3, None, b"3456789"),
            (9, 1, b"9"),
            (8, 100, b"89"),
            (0, 0, b""),
            (4, 0, b""),
            (10, 1, b""),
            (10, None, b""),
            (99, None, b""),
            (99, 5, b""),
        ],
    )
    async def test_a_range_is_cut_at_the_end_of_the_file(
        self, place: Place, offset: int, length: int | None, expected: bytes
    ) -> None:
        """A range gives its bytes, as many as there are."""
        await place.put("file", b"0123456789")

        assert await place.content("file", offset, length) == expected

    async def test_a_range_may_lie_anywhere_in_a_large_file(self, place: Place) -> None:
        """Ranges begin and end across the limits of chunks and blocks."""
        data = noise(3_000_001)
        await place.put("file", data)

        for exponent in (16, 18, 20, 21):
            limit = 2**exponent
            for offset in (limit - 1, limit, limit + 1):
                for length in (1, 2, limit, None):
                    end = len(data) if length is None else offset + length
                    assert await place.content("file", offset, length) == data[offset:end]

    async def test_chunks_are_bounded(self, place: Place) -> None:
        """No chunk is larger than the seam allows."""
        await place.put("file", noise(3 * LARGEST_CHUNK))

        chunks = place.storage.read(place.path("file"), as_user=SYSTEM)

        assert max([len(chunk) async for chunk in chunks]) <= LARGEST_CHUNK

    async def test_reading_what_is_not_there_is_not_found(self, place: Place) -> None:
        """Nothing, and what would lie below a file, is ``NotFound``, at the first chunk."""
        await place.put("file")

        for name in ("nothing", "nothing/below", "file/below"):
            stream = place.storage.read(place.path(name), as_user=SYSTEM)
            with pytest.raises(NotFound):
                await anext(stream)
            with pytest.raises(NotFound):
                await place.stat(name)

    async def test_a_folder_is_not_read_as_a_file(self, place: Place) -> None:
        """Reading a folder, and asking for its checksum, is ``IsAFolder``."""
        await place.mkdirs("folder")

        with pytest.raises(IsAFolder):
            await place.content("folder")
        with pytest.raises(IsAFolder):
            await place.storage.checksum(place.path("folder"), as_user=SYSTEM)

    async def test_a_file_is_not_replaced_unasked(self, place: Place) -> None:
        """Without ``overwrite`` a file stays as it is, and the writer is told."""
        await place.put("file", b"old")

        with pytest.raises(AlreadyExists):
            await place.put("file", b"new")

        assert await place.content("file") == b"old"

    async def test_a_file_is_replaced_when_asked(self, place: Place) -> None:
        """With ``overwrite`` nothing is left of what was there, be it longer."""
        await place.put("file", noise(300_000))

        await place.put("file", b"new", overwrite=True)

        assert await place.content("file") == b"new"
        assert (await place.stat("file")).size == 3

    @pytest.mark.parametrize("overwrite", [True, False])
    async def test_a_folder_is_never_replaced_by_a_file(
        self, place: Place, overwrite: bool
    ) -> None:
        """Writing to a folder's path is ``IsAFolder``, whatever was asked."""
        await place.put("folder/kept")

        for storage_path in (place.path("folder"), "/"):
            with pytest.raises(IsAFolder):
                await place.storage.write(
                    storage_path, pieces(b"x"), overwrite=overwrite, as_user=SYSTEM
                )

        assert await place.tree() == {"folder": None, "folder/kept": b"data"}

    async def test_writing_makes_the_folders_above(self, place: Place) -> None:
        """Folders that are missing above a file are made."""
        await place.put("a/b/file")

        assert await place.tree() == {"a": None, "a/b": None, "a/b/file": b"data"}

    async def test_nothing_is_written_below_a_file(self, place: Place) -> None:
        """A file in the place of a folder is ``NotAFolder``, and stays."""
        await place.put("file")

        for name in ("file/x", "file/x/y"):
            with pytest.raises(NotAFolder):
                await place.put(name, overwrite=True)

        assert await place.tree() == {"file": b"data"}

    async def test_nothing_shows_before_all_is_written(self, place: Place) -> None:
        """With ``only_whole`` nobody sees a file grow, neither a new one nor one replaced."""
        await place.put("old", b"old")
        before = await place.tree()

        async def watching() -> AsyncIterator[bytes]:
            for _ in range(4):
                yield noise(300_000)
                assert await place.tree() == before

        for name in ("old", "new"):
            await place.storage.write(place.path(name), watching(), overwrite=True, as_user=SYSTEM)
            assert len(await place.content(name)) == 4 * 300_000
            before = await place.tree()

    @pytest.mark.parametrize("pieces_before", [0, 1, 5])
    async def test_a_write_whose_source_fails_leaves_all_as_it_was(
        self, place: Place, pieces_before: int
    ) -> None:
        """The source's own error comes out; neither a part nor a hidden rest stays."""
        await place.put("old", b"old")

        for name in ("old", "new"):
            source = breaking(*[noise(300_000)] * pieces_before)
            with pytest.raises(SourceFailed):
                await place.storage.write(place.path(name), source, overwrite=True, as_user=SYSTEM)

        assert await place.tree() == {"old": b"old"}

    async def test_a_write_that_need_not_be_whole_is_there_at_its_end(self, place: Place) -> None:
        """Without ``only_whole`` the file has all its bytes once the call returns."""
        await place.storage.write(
            place.path("file"),
            pieces(b"one", b"two"),
            overwrite=False,
            only_whole=False,
            as_user=SYSTEM,
        )

        assert await place.content("file") == b"onetwo"

    async def test_appending_goes_on_at_the_end(self, place: Place) -> None:
        """Every appended byte lies behind those that were there."""
        await place.put("file", b"one")

        await place.append("file", b" two", b" three")
        await place.append("file")
        await place.append("file", noise(300_000))

        assert await place.content("file") == b"one two three" + noise(300_000)

    async def test_appending_needs_a_file(self, place: Place) -> None:
        """Nothing is ``NotFound``, a folder ``IsAFolder``; neither becomes a file."""
        await place.mkdirs("folder")
        await place.put("file")

        for name in ("nothing", "file/below"):
            with pytest.raises(NotFound):
                await place.append(name, b"x")
        with pytest.raises(IsAFolder):
            await place.append("folder", b"x")

        assert await place.tree() == {"folder": None, "file": b"data"}

    async def test_an_append_whose_source_fails_spoils_nothing(self, place: Place) -> None:
        """The old bytes stay, with a part of the new ones behind them at most."""
        await place.put("file", b"old")
        new = noise(600_000)

        with pytest.raises(SourceFailed):
            await place.storage.append(place.path("file"), breaking(new), as_user=SYSTEM)
        left = await place.content("file")
        await place.append("file", b" end")

        assert left.startswith(b"old")
        assert (b"old" + new).startswith(left)
        assert await place.content("file") == left + b" end"

    async def test_a_checksum_is_that_of_the_content(self, place: Place) -> None:
        """Equal content has an equal checksum under any name, and other content another."""
        data = noise(300_000)
        for name, content in {"a": data, "b": data, "c": data[:-1], "e": b""}.items():
            await place.put(name, content)
        await place.put("changed", data)
        await place.put("changed", data[::-1], overwrite=True)

        sums = [
            await place.storage.checksum(place.path(name), as_user=SYSTEM)
            for name in ("a", "b", "c", "e", "changed")
        ]

        assert sums[0] == sums[1]
        assert len({each.digest for each in sums}) == 4
        assert all(each.algorithm for each in sums)

    async def test_a_checksum_needs_a_file(self, place: Place) -> None:
        """The checksum of nothing is ``NotFound``."""
        with pytest.raises(NotFound):
            await place.storage.checksum(place.path("nothing"), as_user=SYSTEM)

    async def test_files_outlive_the_closing(self, reopen: Reopen) -> None:
        """What was there is there when the storage is opened again: files, folders, bits."""
        async with reopen() as first:
            place = self.place_in(first.backend)
            await place.put("folder/file", b"kept", mode=0o640)
            await place.mkdirs("empty", mode=0o700)
            before = await place.tree()

        async with reopen() as again:
            place = evolve(place, storage=again.backend)
            after = await place.tree()
            modes = [(await place.stat(name)).mode for name in sorted(after)]
            await place.cleared()

        assert after == before == {"folder": None, "folder/file": b"kept", "empty": None}
        assert modes[::2] == [0o700, 0o640]
