"""Sending a file's bytes to a DataNode, which is told properly where they break off."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from jobyard_backends.storage.hdfs.webhdfs import WebHdfsFailure

_PIECE: Final = 128 * 1024
_ENDED_WITHIN: Final = 3.0

Send = Callable[[AsyncIterable[bytes]], Awaitable[int]]


async def send_to_the_end(chunks: AsyncIterable[bytes], send: Send) -> int:
    """Send chunks, and give how many bytes that were.

    Where the chunks fail or the call is cancelled, the DataNode sees an end all the same, and its
    answer is waited for: it would hold the file open for a while else, and write what it has.

    Raises:
        WebHdfsFailure: What ``send`` raised. What the chunks raise comes out as it is.
    """
    feed, fed = anyio.create_memory_object_stream[bytes](0)
    sending = _Sending(send, fed)
    failed: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(sending.run)
        try:
            with feed:
                await _feed(chunks, feed)
        except Exception as error:  # noqa: BLE001 - the chunks' own, which comes out as it is
            failed = error
            sending.hurry()
        except BaseException:
            sending.hurry()
            raise
    if failed is not None:
        raise failed
    return sending.result()


class _Sending:
    """Be the task that sends; no cancellation reaches it, but it is bounded after one."""

    def __init__(self, send: Send, fed: MemoryObjectReceiveStream[bytes]) -> None:
        self._send = send
        self._fed = fed
        self._scope = anyio.CancelScope(shield=True)
        self._sent = 0
        self._failure: WebHdfsFailure | None = None

    async def run(self) -> None:
        with self._scope, self._fed:
            try:
                self._sent = await self._send(self._fed)
            except WebHdfsFailure as error:
                self._failure = error

    def hurry(self) -> None:
        """Let it go on for a moment at most."""
        self._scope.deadline = anyio.current_time() + _ENDED_WITHIN

    def result(self) -> int:
        if self._failure is not None:
            raise self._failure
        return self._sent


async def _feed(chunks: AsyncIterable[bytes], feed: MemoryObjectSendStream[bytes]) -> None:
    # The task that sends may have ended: what came of it says why.
    with suppress(anyio.BrokenResourceError):
        async for chunk in _gathered(chunks):
            await feed.send(chunk)


async def _gathered(chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Make larger pieces of small ones: each costs a turn of the connection."""
    piece = bytearray()
    async for chunk in chunks:
        piece += chunk
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece = bytearray()
    if piece:
        yield bytes(piece)
