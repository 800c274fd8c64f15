"""The output of tasks, read from its files, also while it grows.

All who follow one log share one look at its end, and the bytes that it found.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread
from attrs import define, field

from jobyard.errors import NotFound
from jobyard.seams.scheduling import ByteRange, LogSlice, Tail
from jobyard_backends.scheduling.local import log_file

_CHUNK: Final = 64 * 1024
_LOOK_AGAIN: Final = 0.25
"""Seconds between two looks at a log that does not grow."""

_SHARED: Final = 4 * _CHUNK
"""Bytes of a log's end that are kept for all who follow it."""


@define(eq=False)
class _End:
    """Be the end of a log that somebody follows: its newest bytes, and when they were looked for.

    ``looked_at`` is in seconds of the event loop's clock.
    """

    start: int = 0
    data: bytes = b""
    looked_at: float = float("-inf")
    followers: int = 0
    lock: anyio.Lock = field(factory=anyio.Lock)

    @property
    def position(self) -> int:
        return self.start + len(self.data)


class LogReader:
    """Read logs, a few at a time; a follower holds neither a thread nor a file."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(4)
        self._ends: dict[Path, _End] = {}
        self.reads = 0
        """How often a file was read so far."""

    async def open(
        self,
        path: Path,
        span: ByteRange | Tail,
        *,
        follow: bool,
        launched: bool,
        over: Callable[[], bool],
    ) -> LogSlice:
        """Open a log; a followed one goes on until ``over`` and everything was given.

        It begins where it was asked to, or with the first byte that is kept.

        Raises:
            NotFound: The task never started.
        """
        try:
            there = await to_thread.run_sync(log_file.extent, path, limiter=self._threads)
        except FileNotFoundError as error:
            if launched:
                # Its keeper is about to make the file.
                return LogSlice(0, 0, self._follow(path, 0, None, over) if follow else _nothing())
            message = "the task has no log: it has not started"
            raise NotFound(message) from error
        start, limit = _bounds(span, there.end)
        first = max(start, there.start)
        end = None if limit is None else max(first, start + limit)
        if follow:
            return LogSlice(first, there.end, self._follow(path, first, end, over))
        end = there.end if end is None else min(end, there.end)
        return LogSlice(first, there.end, self._part(path, first, end))

    async def _part(self, path: Path, position: int, end: int) -> AsyncIterator[bytes]:
        while position < end:
            at, data = await self._read(path, position, min(_CHUNK, end - position))
            data = data[: max(0, end - at)]
            if not data:
                return
            yield data
            position = at + len(data)

    async def _follow(
        self, path: Path, position: int, end: int | None, over: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        with self._followed(path) as shared:
            while end is None or position < end:
                # Asked before the look: what was written before the end is then still read.
                last = over()
                at, data = await self._next(path, shared, position, last=last)
                data = data if end is None else data[: max(0, end - at)]
                if data:
                    position = at + len(data)
                    yield data
                elif last or (end is not None and at >= end):
                    return
                else:
                    await anyio.sleep(_LOOK_AGAIN)

    @contextmanager
    def _followed(self, path: Path) -> Iterator[_End]:
        shared = self._ends.setdefault(path, _End())
        shared.followers += 1
        try:
            yield shared
        finally:
            shared.followers -= 1
            if not shared.followers:
                del self._ends[path]

    async def _next(
        self, path: Path, shared: _End, position: int, *, last: bool
    ) -> tuple[int, bytes]:
        """Give what follows a position, from what is shared where it is there."""
        if not shared.start <= position <= shared.position:
            at, data = await self._read(path, position, _CHUNK)
            if not data or shared.position < at:
                shared.start, shared.data = at, data
            return at, data
        if position == shared.position:
            async with shared.lock:
                if position == shared.position:
                    await self._grow(path, shared, last=last)
        if not shared.start <= position:
            return await self._read(path, position, _CHUNK)
        begin = position - shared.start
        return position, shared.data[begin : begin + _CHUNK]

    async def _grow(self, path: Path, shared: _End, *, last: bool) -> None:
        """Look for new bytes, unless somebody did a moment ago."""
        now = anyio.current_time()
        if not last and now - shared.looked_at < _LOOK_AGAIN:
            return
        at, data = await self._read(path, shared.position, _CHUNK)
        shared.looked_at = float("-inf") if data else now
        if at != shared.position:
            shared.start, shared.data = at, data
        elif data:
            kept = (shared.data + data)[-_SHARED:]
            shared.start, shared.data = at + len(data) - len(kept), kept

    async def _read(self, path: Path, offset: int, most: int) -> tuple[int, bytes]:
        self.reads += 1
        work = partial(log_file.read, path, offset, most)
        return await to_thread.run_sync(work, limiter=self._threads)


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


def _bounds(span: ByteRange | Tail, size: int) -> tuple[int, int | None]:
    if isinstance(span, Tail):
        return max(0, size - span.size), None
    return span.offset, span.limit
