"""What a storage promises when much happens at once, is cancelled, large, or cut off."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import anyio
import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.errors import Conflict
from jobyard.resilience import closed
from jobyard.seams.storage import LARGEST_CHUNK, AlreadyExists
from jobyard.testing.probes import Kind, cancelled_at_each_await, leaks, never_blocks
from jobyard.testing.storage_calls import AFTER, ALL, BEFORE, CHANGES, LOOKS, prepare
from jobyard.testing.storage_files import noise
from jobyard.testing.storage_place import Place, SourceFailed, StorageCase, breaking

_MANY: Final = 8
_PIECE: Final = 64 * 1024
_MOST_MEMORY: Final = 8 * LARGEST_CHUNK
_MUCH: Final = 3 * _MOST_MEMORY


async def _large(size: int) -> AsyncIterator[bytes]:
    piece = noise(_PIECE)
    for _ in range(size // _PIECE):
        yield piece


async def _at_once(calls: Sequence[Callable[[], Awaitable[object]]]) -> list[object]:
    """Make calls at once, and give what each came to, in their order."""
    results: list[object] = [None] * len(calls)

    async def one(number: int, call: Callable[[], Awaitable[object]]) -> None:
        try:
            results[number] = await call()
        except Conflict as error:
            results[number] = error

    async with anyio.create_task_group() as group:
        for number, call in enumerate(calls):
            group.start_soon(one, number, call)
    return results


@contextmanager
def _little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = f"{peak >> 20} MiB were held at once, and {_MOST_MEMORY >> 20} MiB is the most"
    assert peak <= _MOST_MEMORY, message


class _Gate:
    """Hold back the data of several writes until each has begun to ask for it, or has ended."""

    def __init__(self, expected: int) -> None:
        self._missing = expected
        self._open = anyio.Event()

    def passed(self) -> None:
        """Count one that has come so far."""
        self._missing -= 1
        if self._missing == 0:
            self._open.set()

    async def write(self, place: Place, number: int, *, overwrite: bool) -> bytes:
        """Write a file of its own content, and give that."""
        begun = False
        data = _content(number)

        async def chunks() -> AsyncIterator[bytes]:
            nonlocal begun
            begun = True
            self.passed()
            await self._open.wait()
            yield data[:1000]
            yield data[1000:]

        path = place.path("file")
        try:
            await place.storage.write(path, chunks(), overwrite=overwrite, as_user=SYSTEM)
        finally:
            if not begun:
                self.passed()
        return data


def _content(number: int) -> bytes:
    return noise(300_000 + number)


class StorageTraffic(StorageCase):
    """Test what happens at once, is cancelled, is large, or is cut off."""

    async def test_it_answers_that_it_works(self, place: Place) -> None:
        """``ping`` returns, and leaves nothing."""
        await place.storage.ping()

        assert await place.tree() == {}

    async def test_of_many_writers_of_one_name_one_wins(self, place: Place) -> None:
        """Without ``overwrite`` one file is written, whole, and all others are told."""
        gate = _Gate(_MANY)

        results = await _at_once(
            [partial(gate.write, place, n, overwrite=False) for n in range(_MANY)]
        )

        written = [each for each in results if isinstance(each, bytes)]
        assert len(written) == 1
        assert all(isinstance(each, AlreadyExists | bytes) for each in results)
        assert await place.tree() == {"file": written[0]}

    async def test_of_many_who_replace_a_file_one_is_the_last(self, place: Place) -> None:
        """With ``overwrite`` the file is that of one of those who were told that they wrote it."""
        await place.put("file", b"old")
        gate = _Gate(_MANY)

        results = await _at_once(
            [partial(gate.write, place, n, overwrite=True) for n in range(_MANY)]
        )

        tree = await place.tree()
        assert tree.keys() == {"file"}
        assert tree["file"] in [each for each in results if isinstance(each, bytes)]

    async def test_of_many_who_append_none_loses_what_it_wrote(self, place: Place) -> None:
        """Each appended piece lies in the file whole, unless its writer was told of a conflict."""
        await place.put("file", b"start")
        texts = [f"<{number}>".encode() * 20_000 for number in range(_MANY)]

        results = await _at_once([partial(place.append, "file", text) for text in texts])

        content = await place.content("file")
        kept = [text for text, each in zip(texts, results, strict=True) if each is None]
        assert kept
        assert all(text in content for text in kept)
        assert len(content) == len(b"start") + sum(map(len, kept))

    async def test_a_folder_that_many_make_is_made(self, place: Place) -> None:
        """Making one folder at once, or files in it, is nobody's failure."""
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: place.mkdirs("a/b/c"),
            lambda: place.mkdirs("a/b/d"),
        ] * 4
        calls += [partial(place.put, f"a/b/{number}") for number in range(_MANY)]

        assert {*await _at_once(calls)} == {None}

        assert await place.names("a/b") == sorted(["c", "d", *map(str, range(_MANY))])

    async def test_of_many_moves_to_one_name_one_is_done(self, place: Place) -> None:
        """A name is given once, and what was not moved stays where it was."""
        for number in range(_MANY):
            await place.put(f"{number}", f"{number}".encode())

        results = await _at_once(
            [partial(place.rename, f"{number}", "target") for number in range(_MANY)]
        )

        assert sorted(map(str, results)) == ["False"] * (_MANY - 1) + ["True"]
        winner = f"{results.index(True)}"
        left = {f"{n}": f"{n}".encode() for n in range(_MANY) if f"{n}" != winner}
        assert await place.tree() == {**left, "target": winner.encode()}

    async def test_of_many_moves_of_one_file_one_is_done(self, place: Place) -> None:
        """A file goes to one place."""
        await place.put("file")

        results = await _at_once(
            [partial(place.rename, "file", f"{number}") for number in range(_MANY)]
        )

        assert sorted(map(str, results)) == ["False"] * (_MANY - 1) + ["True"]
        assert await place.tree() == {f"{results.index(True)}": b"data"}

    async def test_of_many_removals_one_removes(self, place: Place) -> None:
        """One is told that there was something."""
        await place.put("folder/file")

        results = await _at_once([partial(place.remove, "folder", recursive=True)] * _MANY)

        assert sorted(map(str, results)) == ["False"] * (_MANY - 1) + ["True"]
        assert await place.tree() == {}

    @pytest.mark.parametrize("call", sorted(ALL))
    async def test_a_call_that_is_cancelled_ends_so_and_all_works(
        self, place: Place, call: str
    ) -> None:
        """Cancelled at any await, a call ends, and what it was to change happened or did not."""

        async def cancelled() -> None:
            await ALL[call](place)

        async def still_works() -> None:
            left = await place.tree()
            if call in CHANGES or call in LOOKS:
                # Of the folders above a file some may be there.
                left = {name: left[name] for name in left if left[name] is not None}
                good = [BEFORE, AFTER.get(call, BEFORE)]
                assert left in [{n: t[n] for n in t if t[n] is not None} for t in good]
            else:
                assert left.keys() == BEFORE.keys()
                content = left["file"] or b""
                assert content.startswith(b"old")
                assert b"oldnewer".startswith(content)
            await prepare(place)

        await prepare(place)
        assert await cancelled_at_each_await(cancelled, still_works=still_works) > 0

    @pytest.mark.parametrize("overwrite", [True, False])
    async def test_a_write_that_is_cancelled_while_it_waits_leaves_nothing(
        self, place: Place, overwrite: bool
    ) -> None:
        """A sender who goes away in the middle leaves neither a part nor a lock."""
        name = "old" if overwrite else "new"
        await place.put("old", b"old")
        async with anyio.create_task_group() as group:

            async def waiting() -> AsyncIterator[bytes]:
                yield noise(600_000)
                group.cancel_scope.cancel()
                await anyio.sleep_forever()

            await place.storage.write(
                place.path(name), waiting(), overwrite=overwrite, as_user=SYSTEM
            )

        assert await place.tree() == {"old": b"old"}
        await place.put(name, b"again", overwrite=overwrite)

    async def test_readers_that_stop_early_hold_nothing(self, place: Place) -> None:
        """A stream that is closed in the middle leaves no file, task or thread, and no lock."""
        await place.put("file", noise(3 * LARGEST_CHUNK))
        await place.content("file", 0, 1)

        async with leaks(outliving=(Kind.SOCKET,)):  # a connection may be kept for the next call
            for _ in range(20):
                stream = place.storage.read(place.path("file"), as_user=SYSTEM)
                await anext(stream)
                await closed(stream)

        await place.put("file", b"new", overwrite=True)
        assert await place.remove("file")

    async def test_writers_whose_source_fails_hold_nothing(self, place: Place) -> None:
        """A write that breaks off leaves no file, task or thread open."""
        await place.put("file")

        async with leaks(outliving=(Kind.SOCKET,)):
            for _ in range(20):
                with suppress(SourceFailed):
                    await place.storage.write(
                        place.path("new"), breaking(noise(600_000)), overwrite=True, as_user=SYSTEM
                    )

    async def test_a_large_file_does_not_block_the_event_loop(self, place: Place) -> None:
        """Writing, reading and summing a large file leave the loop to everybody else."""
        path = place.path("file")

        async def write() -> None:
            await place.storage.write(path, _large(self.large), overwrite=True, as_user=SYSTEM)

        async def read() -> None:
            async for _ in place.storage.read(path, as_user=SYSTEM):
                pass

        await never_blocks(write)
        await never_blocks(read)
        await never_blocks(lambda: place.storage.checksum(path, as_user=SYSTEM))

    @pytest.mark.parametrize("call", sorted(ALL))
    async def test_a_call_does_not_block_the_event_loop(self, place: Place, call: str) -> None:
        """No call keeps the loop from others."""

        async def once() -> None:
            await prepare(place)
            await ALL[call](place)

        await never_blocks(once)

    async def test_writing_holds_little_of_the_file_in_memory(self, place: Place) -> None:
        """Memory does not grow with what is written."""
        with _little_memory():
            await place.storage.write(
                place.path("file"), _large(_MUCH), overwrite=False, as_user=SYSTEM
            )

        assert (await place.stat("file")).size == _MUCH

    async def test_reading_holds_little_of_the_file_in_memory(self, place: Place) -> None:
        """Memory does not grow with what is read."""
        path = place.path("file")
        await place.storage.write(path, _large(_MUCH), overwrite=False, as_user=SYSTEM)

        read = 0
        with _little_memory():
            async for chunk in place.storage.read(path, as_user=SYSTEM):
                read += len(chunk)

        assert read == _MUCH
