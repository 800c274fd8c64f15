from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import anyio
import pytest

from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.errors import DeadlineExceeded, NotFound, Unavailable
from jobyard.resilience import Guarded
from jobyard.seams.storage import Storage
from jobyard.services.guarded_storage import GuardedStorage

ALICE = Actor("alice")


class OneFile:
    """A storage of one file, which may fall silent before a chunk."""

    def __init__(self, *, silent_at: int | None = None) -> None:
        self.content = [b"a", b"b", b"c"]
        self.silent_at = silent_at

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        if path != "/file":
            raise NotFound(f"{path} is not there")
        for number, chunk in enumerate(self.content):
            if number == self.silent_at:
                await anyio.sleep_forever()
            yield chunk

    async def write(self, path: str, chunks: AsyncIterable[bytes], **_: object) -> None:
        self.content = []
        async for chunk in chunks:
            if len(self.content) == self.silent_at:
                await anyio.sleep_forever()
            self.content.append(chunk)


def guarded(storage: OneFile | None, *, timeout: float = 5.0) -> GuardedStorage:
    guard = Guarded[Storage]("storage.test", SystemClock(), timeout=timeout)
    if storage is not None:
        guard.opened(cast("Storage", storage))
    return GuardedStorage(guard)


async def all_of(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await anyio.lowlevel.checkpoint()
        yield chunk


async def test_a_file_is_streamed_through() -> None:
    assert await all_of(guarded(OneFile()).read("/file", as_user=ALICE)) == b"abc"


async def test_an_error_comes_with_the_first_chunk() -> None:
    with pytest.raises(NotFound):
        await all_of(guarded(OneFile()).read("/other", as_user=ALICE))


async def test_a_storage_that_falls_silent_in_a_download_is_given_up() -> None:
    with pytest.raises(DeadlineExceeded, match=r"storage\.test did not answer in time"):
        await all_of(guarded(OneFile(silent_at=1), timeout=0.05).read("/file", as_user=ALICE))


async def test_a_storage_that_falls_silent_in_an_upload_is_given_up() -> None:
    target = guarded(OneFile(silent_at=1), timeout=0.05)
    with pytest.raises(DeadlineExceeded):
        await target.write("/file", chunks_of(b"x", b"y"), overwrite=True, as_user=ALICE)


async def test_a_sender_may_take_longer_than_the_storage_may_be_silent() -> None:
    storage = OneFile()
    timeout = 0.05

    async def slow() -> AsyncIterator[bytes]:
        for chunk in (b"x", b"y"):
            await anyio.sleep(2 * timeout)  # what is tested is that this much time passes
            yield chunk

    await guarded(storage, timeout=timeout).write("/file", slow(), overwrite=True, as_user=ALICE)

    assert storage.content == [b"x", b"y"]


async def test_a_storage_that_is_not_open_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not open"):
        await all_of(guarded(None).read("/file", as_user=ALICE))


async def test_an_error_of_the_sender_is_not_the_storages() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise EOFError

    with pytest.raises(EOFError):
        await guarded(OneFile()).write("/file", broken(), overwrite=True, as_user=ALICE)
