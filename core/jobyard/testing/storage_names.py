"""What a storage promises of names: each is kept as it is, and none leads anywhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

import pytest
from hypothesis import strategies as st

from jobyard.domain.identity import SYSTEM
from jobyard.errors import BackendError
from jobyard.seams.storage import (
    ContentSummary,
    FileChecksum,
    FilePage,
    FileStatus,
    InvalidPath,
    Storage,
)
from jobyard.testing.exploring import explore
from jobyard.testing.storage_place import Place, StorageCase, pieces
from jobyard.testing.supplied import supplied

LONGEST_NAME: Final = 255
"""Bytes of UTF-8 in a name."""

ODD_NAMES: Final = (
    *("sp ace", " before", "after ", "tab\t", "line\nbreak", "\r", "\x7f", "\x1b[31m"),
    *("...", "....", ".hidden", "~", "~root", "-rf", "--", "#", "a#b", "?", "a?b=c&d", "a;b"),
    *("100%", "%", "%2e%2e", "%2F", "%00", "a+b", "=", "@", "a:b", ":", "*", "*?[]", "{a,b}"),
    *("\\", "..\\", "..\\..", "c:\\", "$HOME", "${HOME}", "`id`", "$(id)", "'", '"', "|", "<>"),
    *(
        "é",
        "e\u0301",
        "ß",
        "İ",
        "\u0131",
        "日本語",
        "𐍈",
        "👩\u200d👩\u200d👧",
        "\ufeff",
        "\u202e",
        "a\u00a0b",
    ),
    *("CON", "nul", "NUL.txt", "index.html", "op=OPEN", "a" * LONGEST_NAME),
    *("é" * (LONGEST_NAME // 2), "日" * (LONGEST_NAME // 3)),
)
"""Names that something, somewhere, reads as something else."""

NAMES: Final = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=80)
    | st.sampled_from(ODD_NAMES)
).filter(lambda name: name not in {".", ".."} and len(name.encode()) <= LONGEST_NAME)
"""Names that a normalised path may hold."""

_UP: Final = "../" * 40
_SECRET: Final = b"secret" * 700

_Step = Callable[[Storage, str], Awaitable[object]]


async def _read(storage: Storage, path: str) -> bytes:
    return b"".join([chunk async for chunk in storage.read(path, as_user=SYSTEM)])


async def _moved(storage: Storage, path: str) -> bool:
    return await storage.rename(path, f"{path}-moved", as_user=SYSTEM)


_STEPS: Final[dict[str, _Step]] = {
    "stat": lambda storage, path: storage.stat(path, as_user=SYSTEM),
    "list": lambda storage, path: storage.list(path, None, 10, as_user=SYSTEM),
    "read": _read,
    "summary": lambda storage, path: storage.summary(path, as_user=SYSTEM),
    "checksum": lambda storage, path: storage.checksum(path, as_user=SYSTEM),
    "append": lambda storage, path: storage.append(path, pieces(b"added"), as_user=SYSTEM),
    "chmod": lambda storage, path: storage.chmod(path, 0o600, as_user=SYSTEM),
    "write": lambda storage, path: storage.write(
        path, pieces(b"written"), overwrite=True, as_user=SYSTEM
    ),
    "mkdirs": lambda storage, path: storage.mkdirs(f"{path}/made", as_user=SYSTEM),
    "rename": _moved,
    "remove": lambda storage, path: storage.remove(path, recursive=True, as_user=SYSTEM),
}


class StorageNames(StorageCase):
    """Test that every name is itself and nothing else."""

    async def test_odd_names_are_kept_as_they_are(self, place: Place) -> None:
        """Names that look like something else are names: written, listed, read, removed."""
        names = [name for name in ODD_NAMES if self._nameable(name)]
        for name in names:
            await place.put(name, name.encode())

        assert await place.names() == sorted(names)
        for name in names:
            assert await place.content(name) == name.encode()
            assert (await place.stat(name)).name == name
            assert await place.remove(name)
        assert await place.names() == []

    async def test_any_name_is_kept_as_it_is(self, place: Place) -> None:
        """A name of all Unicode names its own file or folder, and no other."""
        await place.put("kept", b"kept")

        async def check(name: str) -> None:
            folder = token_hex(8)
            path = f"{folder}/{name}"
            if not self._nameable(name):
                with pytest.raises(InvalidPath):
                    await place.put(f"{path}/file", b"content")
                return
            await place.put(f"{path}/{name}", b"content")
            assert await place.tree(folder) == {path: None, f"{path}/{name}": b"content"}
            assert await place.rename(path, f"{folder}-moved")
            assert await place.content(f"{folder}-moved/{name}") == b"content"
            for each in (folder, f"{folder}-moved"):
                assert await place.remove(each, recursive=True)
            assert await place.tree() == {"kept": b"kept"}

        await explore(NAMES, check, examples=self.examples)

    async def test_names_that_look_alike_are_different(self, place: Place) -> None:
        """Case, normal forms and trailing blanks make different names."""
        alike = ["a", "A", "a ", "a.", "é", "e\u0301", "ß", "ss", "K", "\u212a"]
        names = [name for name in alike if self._nameable(name)]
        for name in names:
            await place.put(name, name.encode())

        for name in names:
            assert await place.content(name) == name.encode()
        assert await place.names() == sorted(names)

    async def test_a_name_that_is_too_long_is_invalid(self, place: Place) -> None:
        """256 bytes are ``InvalidPath``, and nothing is made."""
        for name in ("a" * 256, "é" * 128, "folder/" + "日" * 86):
            with pytest.raises(InvalidPath):
                await place.put(name)
            with pytest.raises(InvalidPath):
                await place.mkdirs(name)

        assert await place.tree() == {}

    async def test_nul_and_half_characters_are_invalid(self, place: Place) -> None:
        """What no path can hold is ``InvalidPath``, not a name cut short."""
        await place.put("file")

        for name in ("file\0", "file\0.txt", "\0", "\ud800"):
            with pytest.raises(InvalidPath):
                await place.put(name, overwrite=True)
            with pytest.raises(InvalidPath):
                await place.content(name)

        assert await place.tree() == {"file": b"data"}

    async def test_dots_never_lead_out(self, place: Place) -> None:
        """A path that was not normalised is read as its normal form, or refused."""
        await place.put("folder/file", b"below")
        inner = Place(place.storage, place.path("folder"))

        for name in ("./file", "../folder/file", "x/../file", "x/./.././file"):
            with suppress(BackendError):
                assert await inner.content(name) == b"below"
        for path in (f"/{_UP}etc/passwd", inner.path(f"{_UP}etc/passwd")):
            with suppress(BackendError):
                assert b":0:0:" not in await _read(place.storage, path)
        for name in (f"{_UP}{place.folder[1:]}/x", "../x"):
            with suppress(BackendError):
                await inner.put(name, overwrite=True)

        assert {*await place.tree()} - {"x"} == {"folder", "folder/file"}

    @supplied("disk")
    @pytest.mark.parametrize("step", sorted(_STEPS))
    async def test_a_link_is_not_followed_out_of_the_root(
        self, place: Place, disk: Path, tmp_path: Path, step: str
    ) -> None:
        """Through a link in the storage nothing outside is read, described or changed."""
        outside = tmp_path / "outside"
        _surroundings(outside)
        _links(disk / place.folder[1:], outside)
        before = _state(outside)

        for name in ("to-file", "to-folder", "to-folder/secret", "up/secret", "to-nothing"):
            with suppress(BackendError):
                _tells_nothing(await _STEPS[step](place.storage, place.path(name)))

        assert _state(outside) == before

    @supplied("disk")
    async def test_links_go_with_their_folder_and_what_they_point_to_stays(
        self, place: Place, disk: Path, tmp_path: Path
    ) -> None:
        """Removing a folder with links in it removes nothing outside."""
        outside = tmp_path / "outside"
        _surroundings(outside)
        await place.mkdirs("folder/below")
        _links(disk / place.folder[1:] / "folder" / "below", outside)
        before = _state(outside)

        assert await place.remove("folder", recursive=True)

        assert await place.tree() == {}
        assert _state(outside) == before

    def _nameable(self, name: str) -> bool:
        return not set(self.unnameable) & set(name)


def _surroundings(outside: Path) -> None:
    (outside / "folder").mkdir(parents=True)
    for path in (outside / "secret", outside / "folder" / "secret"):
        path.write_bytes(_SECRET)
        path.chmod(0o644)


def _links(folder: Path, outside: Path) -> None:
    (folder / "to-file").symlink_to(outside / "secret")
    (folder / "to-folder").symlink_to(outside / "folder")
    (folder / "to-nothing").symlink_to(outside / "new")
    (folder / "up").symlink_to(Path("/".join([".."] * 40), *outside.parts[1:]))


def _state(outside: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(each): (each.lstat().st_mode, each.read_bytes() if each.is_file() else None)
        for each in outside.rglob("*")
    }


def _tells_nothing(result: object) -> None:
    """Fail where an answer holds something of the file outside."""
    if isinstance(result, FileStatus):
        assert result.size != len(_SECRET), "the link was followed to describe what it points to"
    elif isinstance(result, FilePage):
        for entry in result.entries:
            _tells_nothing(entry)
    elif isinstance(result, ContentSummary):
        assert result.length < len(_SECRET), "the link was followed to count what it points to"
    else:
        assert result != _SECRET, "the link was followed to read what it points to"
        assert not isinstance(result, FileChecksum), "the link was followed for a checksum"
