"""The output of tasks, read from its files, also while it grows."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from jobyard.errors import NotFound
from jobyard.seams.scheduling import ByteRange, LogSlice, Tail

_CHUNK: Final = 64 * 1024
_LOOK_AGAIN: Final = 0.25
"""Seconds between two looks at a log that does not grow."""


class LogReader:
    """Read logs, a few at a time; a follower holds neither a thread nor a file."""

    def __init__(self) -> None:
        self._threads = CapacityLimiter(4)

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

        Raises:
            NotFound: The task never started.
        """
        try:
            size = (await anyio.Path(path).stat()).st_size
        except FileNotFoundError as error:
            if launched:
                # Its keeper is about to make the file.
                return LogSlice(0, 0, self._chunks(path, 0, None if follow else 0, over))
            message = "the task has no log: it has not started"
            raise NotFound(message) from error
        start, limit = _bounds(span, size)
        if not follow:
            limit = max(0, min(size - start, size if limit is None else limit))
        return LogSlice(start, size, self._chunks(path, start, limit, over))

    async def _chunks(
        self, path: Path, start: int, limit: int | None, over: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        position = start
        end = None if limit is None else start + limit
        while end is None or position < end:
            # Asked before the look: what was written before the end is then still read.
            last = over()
            most = _CHUNK if end is None else min(_CHUNK, end - position)
            work = partial(_read, path, position, most)
            data = await to_thread.run_sync(work, limiter=self._threads)
            if data:
                position += len(data)
                yield data
            elif last:
                return
            else:
                await anyio.sleep(_LOOK_AGAIN)


def _bounds(span: ByteRange | Tail, size: int) -> tuple[int, int | None]:
    if isinstance(span, Tail):
        return max(0, size - span.size), None
    return span.offset, span.limit


def _read(path: Path, offset: int, most: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, most, offset)
    finally:
        os.close(descriptor)
