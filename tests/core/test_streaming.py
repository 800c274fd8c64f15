"""Streams are closed however their answer ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import anyio
import anyio.lowlevel
from starlette.requests import Request
from starlette.types import Message, Scope

from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.front import Front
from jobyard.resilience import Guarded
from jobyard.routes.dispatch import Dispatcher
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint


class Stream:
    """Give three pieces, and remember being closed."""

    def __init__(self, *, endless: bool = False, broken: bool = False) -> None:
        self.left = 3
        self.closed = False
        self.endless = endless
        self.broken = broken

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            if self.broken:
                raise OSError
            if self.endless:
                await anyio.sleep_forever()
            raise StopAsyncIteration
        self.left -= 1
        return b"piece"

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()  # it gets its time, also while everything is cancelled
        self.closed = True


async def nobody(_: str | None) -> Actor:
    raise AssertionError


async def nothing(_: Request, __: Mapping[str, object]) -> tuple[object, bool]:
    raise AssertionError


def front(stream: Stream) -> Front:
    async def give(_: Call) -> Answer:
        return Answer(chunks=stream, endless=stream.endless)

    endpoint = Endpoint("GET", "/stream", give, "Give", "test", Access.PUBLIC, rooted=False)
    dispatcher = Dispatcher([endpoint], authenticate=nobody, anonymous_read=True, read_body=nothing)
    return Front(dispatcher, SystemClock(), timeout=5)


def scope(method: str) -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": "/stream",
        "raw_path": b"/stream",
        "query_string": b"",
        "headers": [],
    }


async def silence() -> Message:
    """Be a client that sends nothing more, and does not leave."""
    await anyio.sleep_forever()
    raise AssertionError


async def test_a_stream_that_was_sent_is_closed() -> None:
    stream = Stream()
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await front(stream)(scope("GET"), silence, send)

    assert [message.get("body", b"") for message in sent] == [
        b"",
        b"piece",
        b"piece",
        b"piece",
        b"",
    ]
    assert stream.closed


async def test_an_endless_stream_is_broken_off_when_the_gateway_leaves() -> None:
    stream = Stream(endless=True)
    target = front(stream)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 4:
            target.leave()

    with anyio.fail_after(5):
        await target(scope("GET"), silence, send)

    assert all(message.get("more_body", True) for message in sent)
    assert stream.closed


async def test_a_stream_that_breaks_is_left_without_its_last_chunk() -> None:
    stream = Stream(broken=True)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await front(stream)(scope("GET"), silence, send)

    assert len(sent) == 4
    assert all(message.get("more_body", True) for message in sent)
    assert stream.closed


async def test_a_stream_that_nobody_takes_any_more_is_closed() -> None:
    stream = Stream()
    stuck = anyio.Event()

    async def receive() -> Message:
        await stuck.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message.get("body"):
            stuck.set()
            await anyio.sleep_forever()

    await front(stream)(scope("GET"), receive, send)

    assert stream.left == 2
    assert stream.closed


async def test_a_stream_that_nobody_asked_for_is_closed() -> None:
    stream = Stream()

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        assert not message.get("body")

    await front(stream)(scope("HEAD"), receive, send)

    assert stream.left == 3
    assert stream.closed


async def test_a_download_that_is_closed_closes_what_the_backend_gave() -> None:
    stream = Stream()
    guard = Guarded[Stream]("storage.test", SystemClock(), timeout=5)
    guard.opened(stream)

    download = guard.download("read", lambda backend: backend)
    first = await anext(download)
    await download.aclose()  # type: ignore[attr-defined] # it is a generator

    assert first == b"piece"
    assert stream.closed
