"""The output of a fake task, read while it may still grow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from jobyard.seams.scheduling import ByteRange, LogSlice, Tail


def slice_of(
    output: Callable[[], bytes],
    span: ByteRange | Tail,
    *,
    follow: bool,
    over: Callable[[], bool],
    news: Callable[[], Awaitable[None]],
) -> LogSlice:
    """Give a part of an output; with ``follow`` it goes on until ``over``, waiting for ``news``."""
    size = len(output())
    if isinstance(span, Tail):
        start, end = max(0, size - span.size), None
    else:
        start, end = span.offset, None if span.limit is None else span.offset + span.limit
    if not follow:
        end = size if end is None else min(end, size)
    return LogSlice(start, size, _chunks(output, start, end, over, news))


async def _chunks(
    output: Callable[[], bytes],
    position: int,
    end: int | None,
    over: Callable[[], bool],
    news: Callable[[], Awaitable[None]],
) -> AsyncIterator[bytes]:
    while end is None or position < end:
        last = over()
        data = output()[position:end]
        if data:
            position += len(data)
            yield data
        elif last:
            return
        else:
            await news()
