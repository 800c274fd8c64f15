"""Nothing leads out of the root."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.domain.identity import SYSTEM
from jobyard.errors import BackendError, NotFound
from jobyard.seams.storage import AlreadyExists, NotAFolder
from jobyard_backends.storage.local import open_backend
from jobyard_backends.storage.local.storage import LocalStorage
from tests.backends.storage.conftest import Later, content, pieces, put, tree

Step = Callable[[LocalStorage, str, str], Awaitable[object]]

STEPS: dict[str, Step] = {
    "stat": lambda s, a, _: s.stat(a, as_user=SYSTEM),
    "list": lambda s, a, _: s.list(a, None, 10, as_user=SYSTEM),
    "read": lambda s, a, _: content(s, a),
    "write": lambda s, a, _: put(s, a, b"w", overwrite=True),
    "append": lambda s, a, _: s.append(a, pieces(b"a"), as_user=SYSTEM),
    "mkdirs": lambda s, a, _: s.mkdirs(a, as_user=SYSTEM),
    "rename": lambda s, a, b: s.rename(a, b, as_user=SYSTEM),
    "remove": lambda s, a, _: s.remove(a, recursive=True, as_user=SYSTEM),
    "chmod": lambda s, a, _: s.chmod(a, 0o777, as_user=SYSTEM),
    "summary": lambda s, a, _: s.summary(a, as_user=SYSTEM),
    "checksum": lambda s, a, _: s.checksum(a, as_user=SYSTEM),
}


def surroundings(folder: Path) -> Path:
    """Put something beside and around the root that must stay as it is."""
    outside = folder / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "folder" / "secret").write_bytes(b"secret")
    (outside / "secret").write_bytes(b"secret")
    return outside


def state(outside: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(each): (each.lstat().st_mode, each.read_bytes() if each.is_file() else None)
        for each in [outside, *outside.rglob("*")]
        if "root" not in each.parts
    }


def links(root: Path, outside: Path) -> None:
    (root / "to-folder").symlink_to(outside / "folder")
    (root / "to-file").symlink_to(outside / "secret")
    (root / "to-nothing").symlink_to(outside / "new")
    (root / "up").symlink_to("..")
    (root / "around").symlink_to(root)
    os.mkfifo(root / "pipe")


names = st.one_of(
    st.sampled_from(
        ["..", ".", "", "...", "a", "b", "to-folder", "to-file", "to-nothing", "up", "around"]
    ),
    st.sampled_from(
        ["pipe", "secret", "folder", "..\\", "~", "%2e%2e", "\udcff", "\0", ".jobyard"]
    ),
    st.text(max_size=5),
)
paths = st.lists(names, max_size=6).map(lambda each: "/" + "/".join(each))


@given(steps=st.lists(st.tuples(st.sampled_from(sorted(STEPS)), paths, paths), max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_path_reads_or_changes_what_lies_outside(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    outside = surroundings(tmp_path_factory.mktemp("confined"))
    before = state(outside)

    async def run() -> list[object]:
        results: list[object] = []
        async with open_backend(outside / "root", Later()) as storage:
            links(outside / "root", outside)
            for step, one, other in steps:
                with suppress(BackendError):
                    results.append(await STEPS[step](storage, one, other))
        return results

    results = anyio.run(run)

    assert state(outside) == before
    assert b"secret" not in results


@pytest.mark.parametrize("name", ["to-folder", "to-file", "to-nothing", "up", "around", "pipe"])
async def test_links_and_pipes_do_not_exist_and_nothing_takes_their_place(
    storage: LocalStorage, root: Path, name: str
) -> None:
    outside = surroundings(root.parent)
    links(root, outside)
    before = state(outside)

    for step in ("stat", "list", "read", "append", "chmod", "summary", "checksum"):
        with pytest.raises(NotFound):
            await STEPS[step](storage, f"/{name}", "/x")
    for step in ("stat", "list", "read", "summary"):
        with pytest.raises(NotFound):
            await STEPS[step](storage, f"/{name}/secret", "/x")
    assert not await storage.rename(f"/{name}", "/x", as_user=SYSTEM)
    assert not await storage.remove(f"/{name}", recursive=True, as_user=SYSTEM)
    with pytest.raises(AlreadyExists):
        await put(storage, f"/{name}", overwrite=True)
    with pytest.raises(AlreadyExists):
        await storage.mkdirs(f"/{name}", as_user=SYSTEM)
    with pytest.raises(NotAFolder):
        await put(storage, f"/{name}/new")
    assert (await storage.list("/", None, 10, as_user=SYSTEM)).entries == ()
    assert state(outside) == before


async def test_links_go_with_their_folder_and_what_they_point_to_stays(
    storage: LocalStorage, root: Path, later: Later
) -> None:
    outside = surroundings(root.parent)
    await storage.mkdirs("/d/e", as_user=SYSTEM)
    links(root / "d" / "e", outside)
    before = state(outside)

    assert await storage.remove("/d", recursive=True, as_user=SYSTEM)
    await later.run()

    assert state(outside) == before
    assert tree(root) == {}


async def test_names_that_are_not_utf_8_are_not_shown(storage: LocalStorage, root: Path) -> None:
    (root / os.fsdecode(b"\xff")).touch()
    await put(storage, "/f")

    page = await storage.list("/", None, 10, as_user=SYSTEM)

    assert [entry.name for entry in page.entries] == ["f"]


async def test_a_folder_that_turns_into_a_link_again_and_again_leads_nowhere(
    storage: LocalStorage, root: Path
) -> None:
    """A thread exchanges a folder for a link to the outside while files are written below it."""
    outside = surroundings(root.parent)
    before = state(outside)
    (root / "real").mkdir()
    done = threading.Event()

    def exchange() -> None:
        while not done.is_set():
            with suppress(OSError):
                (root / "d").symlink_to(outside / "folder")
            with suppress(OSError):
                (root / "d").unlink()
            with suppress(OSError):
                (root / "real").rename(root / "d")
            with suppress(OSError):
                (root / "d").rename(root / "real")

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for number in range(150):
            for step in ("write", "read", "append", "chmod", "remove"):
                with suppress(BackendError):
                    result = await STEPS[step](storage, f"/d/{number % 3}", "")
                    assert result != b"secret"
            with suppress(BackendError):
                assert await content(storage, "/d/secret") != b"secret"
    finally:
        done.set()
        thread.join()

    assert state(outside) == before


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (kind, step)
        for kind in ("file", "folder")
        for step in ("read", "append", "checksum", "chmod")
    ]
    + [("folder", "list"), ("folder", "summary")],
)
async def test_what_turns_into_a_link_right_after_a_look_is_not_followed(
    storage: LocalStorage, root: Path, step: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = surroundings(root.parent)
    before = state(outside)
    target = outside / "secret" if kind == "file" else outside / "folder"
    await (put(storage, "/d") if kind == "file" else storage.mkdirs("/d", as_user=SYSTEM))
    look = storage._tree.status

    def exchanged(*arguments: Any) -> os.stat_result:
        found = look(*arguments)
        (root / "d").rename(root / "moved")
        (root / "d").symlink_to(target)
        return found

    monkeypatch.setattr(storage._tree, "status", exchanged)
    with suppress(BackendError):
        result = await STEPS[step](storage, "/d", "")
        assert result is None  # of chmod: a link has no bits

    assert state(outside) == before
