"""What several callers ask at once is done together, and each is told of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from jobyard.domain.identity import SYSTEM
from jobyard_backends.storage.local.changing import NewFolder, make_folders
from jobyard_backends.storage.local.gathering import Gathering
from jobyard_backends.storage.local.tree import Tree

pytestmark = pytest.mark.anyio


class Work:
    """Fail for odd numbers, and note what came together."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    async def __call__(self, wanted: Sequence[int]) -> list[Exception | None]:
        await anyio.lowlevel.checkpoint()
        self.calls.append([*wanted])
        return [LookupError(str(each)) if each % 2 else None for each in wanted]


async def test_what_comes_at_once_is_one_piece_of_work_and_each_gets_its_own_error() -> None:
    work = Work()
    gathering = Gathering(work)
    told: dict[int, str] = {}

    async def ask(number: int) -> None:
        try:
            await gathering.done(number)
        except LookupError as error:
            told[number] = str(error)
        else:
            told[number] = "done"

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(ask, number)
    await ask(4)

    assert work.calls == [[0, 1, 2, 3], [4]]
    assert told == {0: "done", 1: "1", 2: "done", 3: "3", 4: "done"}


async def test_what_fails_as_a_whole_fails_for_everybody() -> None:
    async def broken(_: Sequence[int]) -> list[Exception | None]:
        raise LookupError("whole")

    gathering = Gathering(broken)
    told: list[str] = []

    async def ask(number: int) -> None:
        try:
            await gathering.done(number)
        except LookupError as error:
            told.append(str(error))

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(ask, number)

    assert told == ["whole"] * 3


@pytest.mark.parametrize("impatient", [0, 1], ids=["who leads", "who follows"])
async def test_who_is_cancelled_holds_up_nobody_and_is_done_all_the_same(impatient: int) -> None:
    work = Work()
    gathering = Gathering(work)
    done: list[int] = []
    scope = anyio.CancelScope()

    async def ask(number: int) -> None:
        if number == impatient:
            with scope:
                await gathering.done(2 * number)
        else:
            await gathering.done(2 * number)
            done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(ask, number)
        await anyio.lowlevel.checkpoint()
        scope.cancel()

    assert work.calls == [[0, 2, 4]]
    assert done == [number for number in range(3) if number != impatient]


def test_folders_that_are_made_together_wait_for_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    root = os.open(tmp_path, os.O_PATH)
    try:
        wanted = [NewFolder(("Output", "alice", f"{number}"), None, SYSTEM) for number in range(9)]
        assert make_folders(Tree(root), wanted) == [None] * 9
    finally:
        os.close(root)

    places = [tmp_path, tmp_path / "Output", tmp_path / "Output" / "alice"]
    assert sorted(synced) == sorted(place.stat().st_ino for place in places)
    assert len([*places[-1].iterdir()]) == 9
