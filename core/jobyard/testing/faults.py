"""Faults: a TCP proxy on the loopback through which a server looks as on a bad day.

    async with FaultProxy.to("127.0.0.1", 389) as proxy:
        ...  # the backend is configured with proxy.host and proxy.port
        await proxy.set(Silent())

A rule holds for the connections that are made under it: setting another breaks the older ones
off, so that none that a pool has kept escapes it.
"""

from __future__ import annotations

import enum
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol

import anyio
from anyio.abc import SocketAttribute, SocketStream, TaskGroup, TaskStatus
from attrs import frozen

LOOPBACK: Final = "127.0.0.1"

_CLOSE_BY_RESET: Final = struct.pack("ii", 1, 0)
_GONE: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Direction(enum.StrEnum):
    """Name a direction of a connection: what the client sends, or what the server does."""

    REQUEST = "request"
    ANSWER = "answer"


class BrokenOff(Exception):
    """Break a connection off, after ``last`` was passed on; ``reset`` is the rude way."""

    def __init__(self, last: bytes, *, reset: bool) -> None:
        super().__init__("by rule")
        self.last = last
        self.reset = reset


Passage = Callable[[bytes], Awaitable[bytes]]
"""What becomes of a piece of one direction; it may raise ``BrokenOff``."""


class Rule(Protocol):
    """Be what happens to a connection; a suite may bring rules of its own."""

    async def serve(self, wire: Wire) -> None:
        """Serve one connection until it ends; returning closes it in good order."""
        ...


@frozen
class Pass:
    """Pass everything on."""

    async def serve(self, wire: Wire) -> None:
        """Relay until both sides are done."""
        await wire.relay()


@frozen
class Refuse:
    """Refuse connections, as a machine does on which nobody listens."""

    async def serve(self, wire: Wire) -> None:
        """Reset what came in between."""
        wire.reset()


@frozen
class Silent:
    """Accept connections, and say nothing for ever."""

    async def serve(self, wire: Wire) -> None:
        """Wait until the rule is another; ``wire`` is left as it is."""
        del wire
        await anyio.sleep_forever()


@frozen
class Delay:
    """Pass everything on, each piece of an answer so many seconds late."""

    seconds: float

    async def serve(self, wire: Wire) -> None:
        """Relay slowly."""
        await wire.relay(answer=self._late)

    async def _late(self, piece: bytes) -> bytes:
        await anyio.sleep(self.seconds)
        return piece


@frozen
class Cut:
    """Reset a connection after so many bytes of one direction; 0 is with the first of them."""

    after: int
    direction: Direction = Direction.ANSWER

    async def serve(self, wire: Wire) -> None:
        """Relay up to there."""
        passed = 0

        async def counted(piece: bytes) -> bytes:
            nonlocal passed
            left = self.after - passed
            passed += len(piece)
            if passed >= self.after:
                raise BrokenOff(piece[:left], reset=True)
            return piece

        if self.direction is Direction.REQUEST:
            await wire.relay(request=counted)
        else:
            await wire.relay(answer=counted)


@frozen
class CloseMidway:
    """Pass half of the first piece of an answer on, and close in good order."""

    async def serve(self, wire: Wire) -> None:
        """Relay up to there."""
        await wire.relay(answer=self._half)

    @staticmethod
    async def _half(piece: bytes) -> bytes:
        raise BrokenOff(piece[: len(piece) // 2], reset=False)


@frozen
class Garbage:
    """Answer the first bytes of a client with others than the server's, and close."""

    content: bytes = b"\x00\xff\x15garbage\r\n\r\n" * 8

    async def serve(self, wire: Wire) -> None:
        """Wait to be asked, and answer; the server never hears of it."""
        await wire.client.receive()
        await wire.client.send(self.content)


class Wire:
    """Be one connection of a client, and the way to the server behind."""

    def __init__(self, client: SocketStream, host: str, port: int) -> None:
        self.client = client
        self._host = host
        self._port = port

    async def relay(self, *, request: Passage | None = None, answer: Passage | None = None) -> None:
        """Connect to the server and carry bytes both ways, until both are done or one is gone."""
        server = await anyio.connect_tcp(self._host, self._port)
        async with server, anyio.create_task_group() as pumps:
            pumps.start_soon(self._pump, self.client, server, request, pumps)
            pumps.start_soon(self._pump, server, self.client, answer, pumps)

    def reset(self) -> None:
        """Let the client's connection be closed by a reset."""
        raw: socket.socket = self.client.extra(SocketAttribute.raw_socket)  # noqa: S610 - no SQL
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _CLOSE_BY_RESET)

    async def _pump(
        self, source: SocketStream, sink: SocketStream, passage: Passage | None, pumps: TaskGroup
    ) -> None:
        try:
            async for piece in source:
                await sink.send(piece if passage is None else await passage(piece))
            await sink.send_eof()
        except BrokenOff as end:
            with suppress(*_GONE):
                await sink.send(end.last)
            if end.reset:
                self.reset()
            pumps.cancel_scope.cancel()
        except _GONE:
            pumps.cancel_scope.cancel()


class FaultProxy:
    """Stand between a backend and its server, and do harm by rule; begins with ``Pass``.

    ``host`` and ``port`` are where it listens, ``rule`` what it does now, ``connections`` how
    many were accepted so far.
    """

    def __init__(self, host: str, port: int, own: int, tasks: TaskGroup) -> None:
        self.host: Final = LOOPBACK
        self.port: Final = own
        self.rule: Rule = Refuse()
        self.connections = 0
        self._server = host, port
        self._tasks = tasks
        self._serving: tuple[anyio.CancelScope, anyio.Event] | None = None

    @classmethod
    @asynccontextmanager
    async def to(cls, host: str, port: int) -> AsyncIterator[FaultProxy]:
        """Open a proxy to a server, on a free port that stays its own."""
        async with AsyncExitStack() as stack:
            # Bound and not listening, it keeps the port while connections are refused.
            keeper = stack.enter_context(socket.socket())
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            keeper.bind((LOOPBACK, 0))
            tasks = await stack.enter_async_context(anyio.create_task_group())
            proxy = cls(host, port, keeper.getsockname()[1], tasks)
            await proxy.set(Pass())
            try:
                yield proxy
            finally:
                tasks.cancel_scope.cancel()

    @property
    def url(self) -> str:
        """Give the proxy's address as an HTTP URL without a path."""
        return f"http://{self.host}:{self.port}"

    async def set(self, rule: Rule) -> None:
        """Let another rule hold from here on, for every connection."""
        if self._serving is not None:
            scope, ended = self._serving
            scope.cancel()
            await ended.wait()
            self._serving = None
        self.rule = rule
        if not isinstance(rule, Refuse):
            await self._tasks.start(self._serve, rule)

    async def _serve(self, rule: Rule, *, task_status: TaskStatus[None]) -> None:
        ended = anyio.Event()
        try:
            with anyio.CancelScope() as scope:
                listener = await anyio.create_tcp_listener(
                    local_host=LOOPBACK, local_port=self.port, reuse_port=True
                )
                async with listener, anyio.create_task_group() as connections:
                    self._serving = scope, ended
                    task_status.started()
                    await listener.serve(partial(self._connection, rule), connections)
        finally:
            ended.set()

    async def _connection(self, rule: Rule, client: SocketStream) -> None:
        self.connections += 1
        async with client:
            with suppress(*_GONE):
                await rule.serve(Wire(client, *self._server))
