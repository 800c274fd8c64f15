"""What a storage promises of folders: making, listing, moving, removing, bits, counting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.errors import NotFound
from jobyard.seams.storage import AlreadyExists, FileKind, NotAFolder, NotEmpty, NotPermitted
from jobyard.testing.storage_place import Place, StorageCase

_AT_ONCE = 16
_PAGE = 97  # divides no round number


async def _each(items: list[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do something for all, a few at a time: a storage may be far away."""
    limit = anyio.Semaphore(_AT_ONCE)

    async def one(item: str) -> None:
        async with limit:
            await work(item)

    async with anyio.create_task_group() as group:
        for item in items:
            group.start_soon(one, item)


class StorageFolders(StorageCase):
    """Test making, listing, moving, removing, bits and counting."""

    async def test_a_folder_is_described(self, place: Place) -> None:
        """A folder has no size, and the number of its entries."""
        await place.mkdirs("folder")
        await place.put("folder/a")
        await place.mkdirs("folder/b/c")

        status = await place.stat("folder")

        assert (status.name, status.kind, status.size) == ("folder", FileKind.FOLDER, 0)
        assert status.children == 2

    async def test_the_root_is_a_folder_without_a_name(self, place: Place) -> None:
        """The root can be described and listed."""
        status = await place.storage.stat("/", as_user=SYSTEM)
        names = await Place(place.storage, "").names()

        assert (status.name, status.kind) == ("", FileKind.FOLDER)
        assert self.folder.split("/")[1] in names

    async def test_making_a_folder_again_is_good(self, place: Place) -> None:
        """A folder that exists stays as it is, with its bits and what lies in it."""
        await place.mkdirs("a/b", mode=0o700)
        await place.put("a/b/file")

        await place.mkdirs("a/b", mode=0o755)
        await place.storage.mkdirs("/", as_user=SYSTEM)

        assert (await place.stat("a/b")).mode == 0o700
        assert await place.names("a/b") == ["file"]

    async def test_no_folder_is_made_over_or_below_a_file(self, place: Place) -> None:
        """A file in the way is told, and stays."""
        await place.put("file")

        with pytest.raises(AlreadyExists):
            await place.mkdirs("file")
        for name in ("file/x", "file/x/y"):
            with pytest.raises(NotAFolder):
                await place.mkdirs(name)

        assert await place.tree() == {"file": b"data"}

    async def test_entries_come_in_the_order_of_their_names_bytes(self, place: Place) -> None:
        """Order is by UTF-8 bytes: capitals first, then small letters, then the rest."""
        expected = ["10", "9", "B", "a", "a b", "aa", "b", "ä", "\ue000", "\U00010000"]
        for name in reversed(expected):
            await place.put(name)

        assert await place.names() == expected

    async def test_a_listing_goes_on_after_a_name(self, place: Place) -> None:
        """A page ends with what continues it; what follows is counted; ``after`` is left out."""
        for name in ("a", "b", "c", "d", "e"):
            await place.put(name)

        async def page(after: str | None, limit: int) -> tuple[list[str], str | None, int]:
            got = await place.storage.list(place.path(), after, limit, as_user=SYSTEM)
            return [entry.name for entry in got.entries], got.next_after, got.remaining

        assert await page(None, 2) == (["a", "b"], "b", 3)
        assert await page("b", 2) == (["c", "d"], "d", 1)
        assert await page("d", 2) == (["e"], None, 0)
        assert await page(None, 5) == (["a", "b", "c", "d", "e"], None, 0)
        assert await page("bb", 1) == (["c"], "c", 2)
        assert await page("e", 2) == ([], None, 0)

    async def test_a_large_folder_is_listed_whole_and_nothing_twice(self, place: Place) -> None:
        """A thousand entries come in pages, each once, in order."""
        expected = [f"{number:05}" for number in range(self.entries)]
        await _each(expected, lambda name: place.put(name, name.encode()))

        found = await place.entries(page=_PAGE)

        assert [entry.name for entry in found] == expected
        assert {entry.size for entry in found} == {5}
        assert (await place.stat()).children == self.entries

    async def test_an_entry_is_what_a_description_of_it_is(self, place: Place) -> None:
        """Listing a folder says of each entry what describing the entry says."""
        await place.put("file", b"12345", mode=0o640)
        await place.put("folder/below")

        for entry in await place.entries():
            alone = await place.stat(entry.name)
            assert (entry.name, entry.kind, entry.size, entry.mode, entry.owner) == (
                alone.name,
                alone.kind,
                alone.size,
                alone.mode,
                alone.owner,
            )

    async def test_a_file_is_listed_as_itself(self, place: Place) -> None:
        """The listing of a file is one entry, the file."""
        await place.put("file", b"12345")

        entries = await place.entries("file")
        after = await place.storage.list(place.path("file"), "file", 9, as_user=SYSTEM)

        assert [(entry.name, entry.kind, entry.size) for entry in entries] == [
            ("file", FileKind.FILE, 5)
        ]
        assert after.entries == ()

    async def test_an_empty_folder_has_no_entries(self, place: Place) -> None:
        """Nothing is listed where nothing is."""
        assert await place.names() == []
        assert (await place.stat()).children == 0

    async def test_listing_what_is_not_there_is_not_found(self, place: Place) -> None:
        """Nothing, and what would lie below a file, is ``NotFound``."""
        await place.put("file")

        for name in ("nothing", "file/below"):
            with pytest.raises(NotFound):
                await place.names(name)

    async def test_a_file_is_moved(self, place: Place) -> None:
        """A file goes under its new name with its content and bits."""
        await place.put("file", b"moved", mode=0o640)
        await place.mkdirs("folder")

        assert await place.rename("file", "folder/other")

        assert await place.tree() == {"folder": None, "folder/other": b"moved"}
        assert (await place.stat("folder/other")).mode == 0o640

    async def test_a_folder_is_moved_with_all_below_it(self, place: Place) -> None:
        """A folder goes whole."""
        await place.put("a/b/file")
        await place.put("a/b/c/file", b"deep")

        assert await place.rename("a", "z")

        assert await place.tree() == {
            "z": None,
            "z/b": None,
            "z/b/file": b"data",
            "z/b/c": None,
            "z/b/c/file": b"deep",
        }

    async def test_a_folder_takes_what_is_moved_to_it(self, place: Place) -> None:
        """A target that is a folder takes the source into it."""
        await place.put("file")
        await place.mkdirs("source")
        await place.mkdirs("folder")

        assert await place.rename("file", "folder")
        assert await place.rename("source", "folder")

        assert await place.names("folder") == ["file", "source"]

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            ("nothing", "x"),
            ("other/below", "x"),
            ("file", "other"),
            ("folder", "other"),
            ("file", "taken"),
            ("file", "missing/x"),
            ("file", "other/x"),
            ("folder", "folder"),
            ("folder", "folder/into/itself"),
            ("folder", "folder/sub/x"),
        ],
    )
    async def test_a_move_that_cannot_be_is_false_and_changes_nothing(
        self, place: Place, source: str, target: str
    ) -> None:
        """No source, a taken target, no folder above it, a folder into itself: ``False``."""
        await place.put("file", b"file")
        await place.put("other", b"other")
        await place.put("taken/file", b"taken")
        await place.mkdirs("folder/sub")
        before = await place.tree()

        assert await place.rename(source, target) is False

        assert await place.tree() == before

    async def test_the_root_is_not_moved(self, place: Place) -> None:
        """Moving the root is ``False``."""
        assert await place.storage.rename("/", place.path("x"), as_user=SYSTEM) is False
        assert await place.tree() == {}

    async def test_a_file_that_is_moved_to_itself_stays(self, place: Place) -> None:
        """A file whose new name is its old one is there, and the answer is ``True``."""
        await place.put("file")

        assert await place.rename("file", "file") is True

        assert await place.tree() == {"file": b"data"}

    async def test_a_file_is_removed(self, place: Place) -> None:
        """A file goes, and what was removed is nothing: ``False``."""
        await place.put("file")
        await place.put("kept")

        assert await place.remove("file") is True
        assert await place.remove("file") is False
        assert await place.remove("kept/below") is False

        assert await place.tree() == {"kept": b"data"}

    async def test_a_folder_with_entries_is_not_removed_unasked(self, place: Place) -> None:
        """Without ``recursive`` an empty folder goes, and a full one is ``NotEmpty``."""
        await place.put("full/file")
        await place.mkdirs("empty")

        with pytest.raises(NotEmpty):
            await place.remove("full")
        assert await place.remove("empty")

        assert await place.tree() == {"full": None, "full/file": b"data"}

    async def test_a_folder_is_removed_with_all_below_it(self, place: Place) -> None:
        """With ``recursive`` everything below goes, and nothing beside it."""
        await place.put("a/b/c/file")
        await place.put("a/file")
        await place.put("ab")

        assert await place.remove("a", recursive=True) is True
        assert await place.remove("a", recursive=True) is False

        assert await place.tree() == {"ab": b"data"}
        await place.put("a", b"the name is free")

    async def test_the_root_is_not_removed(self, place: Place) -> None:
        """Nobody may remove the root."""
        with pytest.raises(NotPermitted):
            await place.storage.remove("/", recursive=False, as_user=SYSTEM)

    async def test_bits_are_set_and_shown(self, place: Place) -> None:
        """The bits are what they were set to; content stays."""
        await place.put("file")
        await place.mkdirs("folder", mode=0o755)

        await place.chmod("file", 0o600)
        await place.chmod("folder", 0o1777)

        assert (await place.stat("file")).mode == 0o600
        assert (await place.stat("folder")).mode == 0o1777
        with pytest.raises(NotFound):
            await place.chmod("nothing", 0o600)

    @pytest.mark.parametrize("mode", [0o700, 0o755, 0o777, 0o1777])
    async def test_a_folder_has_the_mode_that_it_was_made_with(
        self, place: Place, mode: int
    ) -> None:
        """The mode is exact, whatever the umask."""
        await place.mkdirs("above/folder", mode=mode)

        assert (await place.stat("above/folder")).mode == mode

    async def test_a_summary_counts_files_folders_and_bytes(self, place: Place) -> None:
        """All below counts, and the path itself."""
        await place.put("d/a", b"12")
        await place.put("d/e/b", b"345")
        await place.mkdirs("d/f")

        of_folder = await place.storage.summary(place.path("d"), as_user=SYSTEM)
        of_file = await place.storage.summary(place.path("d/a"), as_user=SYSTEM)
        with pytest.raises(NotFound):
            await place.storage.summary(place.path("nothing"), as_user=SYSTEM)

        assert (of_folder.files, of_folder.folders, of_folder.length) == (2, 3, 5)
        assert (of_file.files, of_file.folders, of_file.length) == (1, 0, 2)
