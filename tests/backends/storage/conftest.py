"""A storage in a folder of its own, and somebody to own what it does in the background."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.services.background import background
from jobyard_backends.storage.local import open_backend
from jobyard_backends.storage.local.storage import LocalStorage

ALICE = Actor("alice")
BOB = Actor("bob")
ROOT = Actor("root", admin=True)


class Later:
    """Own tasks and run them when asked."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], Awaitable[None]]] = []

    def spawn(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.waiting.append(work)

    async def run(self) -> None:
        while self.waiting:
            await self.waiting.pop(0)()


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


async def content(storage: LocalStorage, path: str, actor: Actor = SYSTEM) -> bytes:
    return b"".join([chunk async for chunk in storage.read(path, as_user=actor)])


async def put(
    storage: LocalStorage,
    path: str,
    data: bytes = b"data",
    *,
    actor: Actor = SYSTEM,
    overwrite: bool = False,
    mode: int | None = None,
) -> None:
    await storage.write(path, pieces(data), overwrite=overwrite, mode=mode, as_user=actor)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Give all below a folder, without the storage's own."""
    return {
        str(each.relative_to(folder)): each.read_bytes() if each.is_file() else None
        for each in folder.rglob("*")
        if each.relative_to(folder).parts[0] != ".jobyard"
    }


def left_over(root: Path) -> list[Path]:
    """Give what lies in the storage's own folder beyond locks and the folders they hold."""
    return [each for each in (root / ".jobyard").glob("*/*") if each.parent.name != ".jobyard"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "outside" / "root"


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
async def storage(root: Path, later: Later) -> AsyncIterator[LocalStorage]:
    async with open_backend(root, later) as opened:
        yield opened


@pytest.fixture
async def tasks() -> AsyncIterator[object]:
    async with background() as owner:
        yield owner
