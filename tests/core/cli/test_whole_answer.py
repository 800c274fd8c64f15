"""An answer in one write is the very answer that uvicorn gives in two."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from jobyard.cli.whole_answer import SMALL, WholeAnswer

pytestmark = pytest.mark.anyio
Headers = list[tuple[bytes, bytes]]


class Wire(asyncio.Transport):
    """Note what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.writes.append(b"(closed)")


class Request:
    """Be a request that waits for its answer."""

    def __init__(self, method: str = "GET", *, keep_alive: bool = True) -> None:
        self.wire = Wire()
        self.ended = 0
        log = logging.getLogger("test")
        self.cycle = RequestResponseCycle(
            scope={"method": method},  # type: ignore[typeddict-item] # what is looked at
            transport=self.wire,
            flow=FlowControl(self.wire),
            logger=log,
            access_logger=log,
            access_log=False,
            default_headers=[(b"server", b"it")],
            message_event=asyncio.Event(),
            expect_100_continue=True,
            keep_alive=keep_alive,
            on_response=self._end,
        )

    def _end(self) -> None:
        self.ended += 1

    async def slowly(self, status: int, headers: Headers, body: bytes) -> bytes:
        """Answer as any application does."""
        await self.cycle.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.cycle.send({"type": "http.response.body", "body": body, "more_body": False})
        return b"".join(self.wire.writes)

    def state(self) -> object:
        cycle = self.cycle
        return (
            *(cycle.response_started, cycle.response_complete, cycle.keep_alive),
            *(cycle.waiting_for_100_continue, cycle.message_event.is_set(), self.ended),
        )


tokens = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).map(str.encode)
values = st.binary(max_size=20)


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT"]),
    status=st.sampled_from([200, 202, 404, 503]),
    headers=st.lists(st.tuples(tokens, values), max_size=4),
    body=st.binary(max_size=100),
)
@example(method="GET", status=200, headers=[(b"x", b"a\r\nb: c")], body=b"")
@example(method="GET", status=200, headers=[(b"connection", b"close")], body=b"")
async def test_what_is_sent_at_once_is_what_would_be_sent_in_two(
    method: str, status: int, headers: Headers, body: bytes
) -> None:
    sent = b"" if method == "HEAD" else body
    length = [(b"content-length", str(len(body)).encode())]
    headers = [pair for pair in headers if pair[0] not in (b"content-length", b"transfer-encoding")]
    fast, slow = Request(method), Request(method)

    if WholeAnswer(fast.cycle)(status, headers + length, sent):
        assert [await slow.slowly(status, headers + length, sent)] == fast.wire.writes
        assert fast.state() == slow.state()
    else:
        assert fast.wire.writes == []
        assert fast.state() == slow.state()  # neither has begun


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_says_no_length(status: int) -> None:
    fast, slow = Request(), Request()

    assert WholeAnswer(fast.cycle)(status, [(b"etag", b'"x"')], b"")
    assert [await slow.slowly(status, [(b"etag", b'"x"')], b"")] == fast.wire.writes


@pytest.mark.parametrize(
    "header", [(b"x", b"a\r\nb: c"), (b"x\r\ny", b"a"), (b"x: y", b"a"), (b"connection", b"close")]
)
async def test_what_is_out_of_the_ordinary_is_left_to_uvicorn(header: tuple[bytes, bytes]) -> None:
    request = Request()

    assert not WholeAnswer(request.cycle)(200, [header, (b"content-length", b"0")], b"")
    assert request.wire.writes == []


async def test_who_must_wait_or_is_gone_or_will_leave_is_left_to_uvicorn() -> None:
    paused, gone, begun, leaving = Request(), Request(), Request(), Request(keep_alive=False)
    paused.cycle.flow.pause_writing()
    gone.cycle.disconnected = True
    begun.cycle.response_started = True

    for request in (paused, gone, begun, leaving):
        assert not WholeAnswer(request.cycle)(200, [(b"content-length", b"0")], b"")
        assert request.wire.writes == []


async def test_a_large_body_is_not_copied() -> None:
    for size, sent in ((SMALL, True), (SMALL + 1, False)):
        length = [(b"content-length", str(size).encode())]
        assert WholeAnswer(Request().cycle)(200, length, b"x" * size) is sent
