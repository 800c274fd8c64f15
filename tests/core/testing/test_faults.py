"""The proxy does the harm that each rule says, and no other."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from jobyard.testing.faults import (
    LOOPBACK,
    CloseMidway,
    Cut,
    Delay,
    Direction,
    FaultProxy,
    Garbage,
    Pass,
    Refuse,
    Rule,
    Silent,
    Wire,
)

RESET = (anyio.BrokenResourceError, ConnectionResetError)
SHORT = 0.1


class Echo:
    """Send what comes in back in capitals."""

    def __init__(self) -> None:
        self.port = 0
        self.heard = b""
        self.gone = anyio.Event()

    async def serve(self, client: SocketStream) -> None:
        async with client:
            with suppress(*RESET):
                async for piece in client:
                    self.heard += piece
                    await client.send(piece.upper())
        self.gone.set()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    server = Echo()
    async with (
        await anyio.create_tcp_listener(local_host=LOOPBACK) as listener,
        anyio.create_task_group() as tasks,
    ):
        server.port = listener.extra(SocketAttribute.local_port)
        tasks.start_soon(listener.serve, server.serve)
        yield server
        tasks.cancel_scope.cancel()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[FaultProxy]:
    async with FaultProxy.to(LOOPBACK, echo.port) as opened:
        yield opened


async def _ask(proxy: FaultProxy, question: bytes = b"hello") -> bytes:
    """Ask one question on a connection of its own, and read until the end of the answer."""
    answer = b""
    with anyio.fail_after(5):
        async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
            await connection.send(question)
            while len(answer) < len(question):
                try:
                    answer += await connection.receive()
                except anyio.EndOfStream:
                    break
    return answer


async def test_at_first_everything_passes(proxy: FaultProxy) -> None:
    assert await _ask(proxy) == b"HELLO"
    assert (proxy.rule, proxy.connections) == (Pass(), 1)
    assert proxy.url == f"http://127.0.0.1:{proxy.port}"


async def test_much_passes_whole(proxy: FaultProxy) -> None:
    question = bytes(range(97, 123)) * 20_000
    answer = b""
    with anyio.fail_after(10):
        async with (
            await anyio.connect_tcp(proxy.host, proxy.port) as connection,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(connection.send, question)
            while len(answer) < len(question):
                answer += await connection.receive()

    assert answer == question.upper()


async def test_the_end_of_one_direction_passes(proxy: FaultProxy, echo: Echo) -> None:
    with anyio.fail_after(5):
        async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
            await connection.send(b"bye")
            await connection.send_eof()
            answer = b"".join([piece async for piece in connection])

    assert (answer, echo.heard) == (b"BYE", b"bye")


async def test_refused_connections_are_refused(proxy: FaultProxy) -> None:
    await proxy.set(Refuse())
    for _ in range(2):
        with pytest.raises(OSError, match=r"All connection attempts failed|refused"):
            await anyio.connect_tcp(proxy.host, proxy.port)


async def test_the_port_stays_its_own_while_it_refuses(proxy: FaultProxy) -> None:
    await proxy.set(Refuse())
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((proxy.host, proxy.port))


async def test_silence_answers_nothing(proxy: FaultProxy, echo: Echo) -> None:
    await proxy.set(Silent())
    async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
        await connection.send(b"hello")
        with anyio.move_on_after(SHORT) as scope:
            await connection.receive()

    assert scope.cancelled_caught
    assert echo.heard == b""


async def test_a_delayed_answer_comes_whole_and_not_before(proxy: FaultProxy, echo: Echo) -> None:
    await proxy.set(Delay(SHORT))
    begin = anyio.current_time()

    assert await _ask(proxy) == b"HELLO"
    assert anyio.current_time() - begin >= SHORT


@pytest.mark.parametrize("after", [0, 1, 4, 5])
async def test_an_answer_is_cut_by_a_reset(proxy: FaultProxy, after: int) -> None:
    await proxy.set(Cut(after))
    async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
        await connection.send(b"hello")
        answer = await _until_reset(connection)

    assert answer == b"HELLO"[:after]


@pytest.mark.parametrize("after", [0, 3])
async def test_a_request_is_cut_by_a_reset(proxy: FaultProxy, echo: Echo, after: int) -> None:
    await proxy.set(Cut(after, Direction.REQUEST))
    async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
        await connection.send(b"hello")
        await _until_reset(connection)
    with anyio.fail_after(5):
        await echo.gone.wait()

    assert echo.heard == b"hello"[:after]


async def test_cuts_count_the_bytes_of_a_connection_and_not_of_a_piece(proxy: FaultProxy) -> None:
    await proxy.set(Cut(8))
    async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
        await connection.send(b"hello")
        first = await connection.receive()
        await connection.send(b"world")
        rest = await _until_reset(connection)

    assert (first, rest) == (b"HELLO", b"WOR")


async def test_every_connection_is_cut_for_itself(proxy: FaultProxy) -> None:
    await proxy.set(Cut(6))

    assert [await _ask(proxy), await _ask(proxy)] == [b"HELLO", b"HELLO"]


async def test_half_an_answer_ends_in_good_order(proxy: FaultProxy) -> None:
    await proxy.set(CloseMidway())

    assert await _ask(proxy) == b"HE"


async def test_garbage_is_the_answer_to_anything(proxy: FaultProxy, echo: Echo) -> None:
    await proxy.set(Garbage(b"\x00\xff"))

    assert await _ask(proxy) == b"\x00\xff"
    assert echo.heard == b""


@pytest.mark.parametrize("rule", [Pass(), Silent(), Refuse()])
async def test_another_rule_breaks_older_connections_off(proxy: FaultProxy, rule: Rule) -> None:
    async with await anyio.connect_tcp(proxy.host, proxy.port) as connection:
        await connection.send(b"hello")
        await connection.receive()
        await proxy.set(rule)
        with anyio.fail_after(5), pytest.raises((anyio.EndOfStream, *RESET)):
            await connection.receive()


@pytest.mark.parametrize("rule", [Silent(), Refuse(), Garbage(), Cut(0), Delay(60)])
async def test_after_every_rule_all_can_be_well_again(proxy: FaultProxy, rule: Rule) -> None:
    await proxy.set(rule)
    await proxy.set(Pass())

    assert await _ask(proxy) == b"HELLO"


async def test_a_server_that_is_gone_is_an_end(echo: Echo) -> None:
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        async with FaultProxy.to(LOOPBACK, unused.getsockname()[1]) as proxy:
            assert await _ask(proxy) == b""


async def test_a_suite_may_bring_a_rule_of_its_own(proxy: FaultProxy) -> None:
    class Twice:
        async def serve(self, wire: Wire) -> None:
            await wire.relay(answer=self._twice)

        @staticmethod
        async def _twice(piece: bytes) -> bytes:
            return piece * 2

    await proxy.set(Twice())

    assert await _ask(proxy) == b"HELLOHELLO"


async def test_after_the_block_nobody_listens(echo: Echo) -> None:
    async with FaultProxy.to(LOOPBACK, echo.port) as proxy:
        pass
    with pytest.raises(OSError, match=r"All connection attempts failed|refused"):
        await anyio.connect_tcp(proxy.host, proxy.port)


async def _until_reset(connection: SocketStream) -> bytes:
    """Read until the connection is reset, and give what came before."""
    pieces: list[bytes] = []
    with anyio.fail_after(5):
        while True:
            try:
                pieces.append(await connection.receive())
            except RESET:
                return b"".join(pieces)
