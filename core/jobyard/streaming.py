"""Answers that are sent while they come to be."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import anyio
from starlette.requests import Request
from starlette.types import Receive, Send

from jobyard.resilience import closed
from jobyard.routes.endpoint import Answer

LOG: Final = logging.getLogger("jobyard.front")

Headers = list[tuple[bytes, bytes]]

WHOLE_ANSWER: Final = "jobyard.answer"
"""The extension of the scope by which a server takes an answer that is there as a whole.

Its ``send`` is called with the status, the headers and the body, and gives ``False`` where it sent
nothing.
"""


async def send_stream(
    request: Request,
    answer: Answer,
    headers: Headers,
    receive: Receive,
    send: Send,
    *,
    leaving: anyio.Event | None,
) -> None:
    """Send an answer's chunks until they end, the caller leaves, or ``leaving`` is set.

    What is broken off on our side is left without its last chunk, so that the server cuts the
    connection and the caller knows that something is missing.
    """
    chunks = answer.chunks
    if chunks is None:
        return
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if request.method == "HEAD":
            await send({"type": "http.response.body"})
        else:
            await _send_chunks(chunks, receive, send, leaving)
    finally:
        await closed(chunks)


async def _send_chunks(
    chunks: AsyncIterator[bytes], receive: Receive, send: Send, leaving: anyio.Event | None
) -> None:
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(_end, group.cancel_scope, gone)
        if leaving is not None:
            group.start_soon(_end, group.cancel_scope, leaving.wait)
        try:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body"})
        except Exception as error:  # noqa: BLE001 - the head is sent: there is nobody to tell
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        LOG.error("an answer was broken off in the middle", exc_info=failure)


async def _end(scope: anyio.CancelScope, event: Callable[[], Awaitable[None]]) -> None:
    await event()
    scope.cancel()
