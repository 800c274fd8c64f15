"""Sending a body while listening.

A DataNode that refuses says so at once and closes the connection, with most of the body unread. A
client that reads after it has sent finds the connection reset, and never learns why.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import AsyncIterable
from contextlib import aclosing, suppress
from typing import Final

import anyio
import h11
import httpx
from anyio.abc import ByteStream, SocketAttribute
from anyio.lowlevel import checkpoint

from jobyard_backends.storage.hdfs.webhdfs.name_nodes import Timeouts

_READ: Final = 64 * 1024
_LARGEST_ANSWER: Final = 1024 * 1024
_HTTPS: Final = "https"


async def upload(
    method: str,
    url: httpx.URL,
    body: AsyncIterable[bytes],
    *,
    trusted: ssl.SSLContext,
    timeouts: Timeouts,
) -> httpx.Response:
    """Send a body in chunks, and give the answer, which may come before the body's end.

    Raises:
        httpx.TransportError: The connection could not be made, broke, or was silent for too long.
            What the body raises comes out as it is.
    """
    stream = await _connected(url, trusted, timeouts.connect)
    async with aclosing(stream):
        return await _Exchange(stream, timeouts.transfer).run(method, url, body)


async def _connected(url: httpx.URL, trusted: ssl.SSLContext, seconds: float) -> ByteStream:
    encrypted = url.scheme == _HTTPS
    port = url.port or (443 if encrypted else 80)
    try:
        with anyio.fail_after(seconds):
            if not encrypted:
                return await anyio.connect_tcp(url.host, port)
            return await anyio.connect_tcp(
                url.host, port, ssl_context=trusted, tls_standard_compatible=False
            )
    except TimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except (OSError, ssl.SSLError, anyio.BrokenResourceError) as error:
        raise httpx.ConnectError(str(error)) from error


class _Exchange:
    """Be one request and its answer on a connection of its own."""

    def __init__(self, stream: ByteStream, patience: float) -> None:
        self._stream = stream
        self._patience = patience
        self._http = h11.Connection(h11.CLIENT)
        self._listening = anyio.CancelScope()
        self._failed: Exception | None = None
        self._arrived = select.poll()
        raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not that of Django
        self._arrived.register(raw, select.POLLIN)

    async def run(self, method: str, url: httpx.URL, body: AsyncIterable[bytes]) -> httpx.Response:
        head = h11.Request(
            method=method.encode(),
            target=url.raw_path,
            headers=[
                (b"Host", url.netloc),
                (b"Content-Type", b"application/octet-stream"),
                (b"Transfer-Encoding", b"chunked"),
                (b"Connection", b"close"),
            ],
        )
        answer: httpx.Response | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._send, head, body)
            with self._listening:
                answer = await self._answer()
            group.cancel_scope.cancel()
        if answer is not None:
            answer.request = httpx.Request(method, url)
            return answer
        raise self._failed or httpx.ReadTimeout("no answer to what was sent")

    async def _send(self, head: h11.Request, body: AsyncIterable[bytes]) -> None:
        try:
            await self._write(head)
            async for chunk in body:
                await self._write(h11.Data(data=chunk))
            await self._write(h11.EndOfMessage())
        except Exception as error:  # noqa: BLE001 - a group would wrap it: run() raises it
            self._failed = error
            self._listening.cancel()
        self._listening.deadline = anyio.current_time() + self._patience

    async def _write(self, event: h11.Event) -> None:
        data = self._http.send(event)
        # An answer that is here already is read first: to write into a reset throws it away.
        while self._arrived.poll(0):
            await checkpoint()
        try:
            with anyio.fail_after(self._patience):
                # A node that closed has answered, or not: whoever listens knows.
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await self._stream.send(data or b"")
        except TimeoutError as error:
            raise httpx.WriteTimeout("what was sent is not taken") from error

    async def _answer(self) -> httpx.Response | None:
        """Read the answer; ``None`` where none comes, which is then known why."""
        head: h11.Response | None = None
        content = bytearray()
        while True:
            try:
                event = await self._next_event()
            except (h11.RemoteProtocolError, anyio.BrokenResourceError) as error:
                self._failed = httpx.ReadError(str(error) or "the connection was reset")
                return None
            if isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                content += event.data
                if len(content) > _LARGEST_ANSWER:
                    self._failed = httpx.RemoteProtocolError("the answer is too large")
                    return None
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return httpx.Response(head.status_code, content=bytes(content))
            elif isinstance(event, h11.ConnectionClosed):
                self._failed = httpx.ReadError("the connection was closed")
                return None

    async def _next_event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Event):
                return event
            try:
                data = await self._stream.receive(_READ)
            except anyio.EndOfStream:
                data = b""
            self._http.receive_data(data)
