"""What answers badly, or not at all, becomes one of our errors that names no address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import pytest
from anyio.abc import SocketStream

from jobyard.domain import capacity
from jobyard.errors import BackendError, DeadlineExceeded, NotSupported, Rejected, Unavailable
from jobyard_backends.scheduling.yarn.resource_manager import (
    ResourceManagers,
    ResourceManagerSettings,
    VirtualClusters,
    opened,
)
from jobyard_backends.scheduling.yarn.resource_manager.client import Question

pytestmark = pytest.mark.anyio

_CLUSTER: Final = {
    "scheduler": {
        "schedulerInfo": {
            "type": "capacityScheduler",
            "queues": {"queue": {"queueName": "default", "capacity": 100.0}},
        }
    }
}
_STANDBY: Final = "This is standby RM. The redirect url is: /ws/v1/cluster/scheduler\n"


def _answer(status: str, body: str, kind: str = "application/json", *headers: str) -> bytes:
    lines = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    )
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


@asynccontextmanager
async def _answering(*answers: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answer one request after the other, the last answer for ever; give the requests too."""
    left, requests = list(answers), list[bytes]()

    async def handle(stream: SocketStream) -> None:
        async with stream:
            requests.append(await stream.receive())
            answer = left.pop(0) if len(left) > 1 else left[0]
            await stream.send(answer)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(listener.serve, handle)
        yield f"http://127.0.0.1:{port}", requests
        group.cancel_scope.cancel()


@asynccontextmanager
async def _managers(*addresses: str) -> AsyncIterator[ResourceManagers]:
    settings = ResourceManagerSettings(addresses, connect=5, answer=5, failover=0.2)
    async with opened(settings) as managers:
        yield managers


async def _failure(*answers: bytes, path: str = "/x") -> BackendError:
    async with _answering(*answers) as (address, _), _managers(address) as managers:
        with pytest.raises(BackendError) as raised:
            await managers.read(path)
    assert "127.0.0.1" not in raised.value.message
    return raised.value


@pytest.mark.parametrize(
    "answer",
    [
        _answer("200 OK", "<html>Welcome</html>", "text/html"),
        _answer("200 OK", '{"cut": '),
        _answer("500 Server Error", "<html>oops</html>", "text/html"),
        _answer("503 Service Unavailable", ""),
        _answer("404 Not Found", "<html>No such page</html>", "text/html"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"\x16\x03\x01 garbage\r\n\r\n",
        _answer("200 OK", "x", "application/json", "Content-Encoding: gzip"),
    ],
)
async def test_nonsense_is_unavailable(answer: bytes) -> None:
    assert isinstance(await _failure(answer), Unavailable)


async def test_nobody_is_unavailable() -> None:
    async with _answering(b"") as (address, _):
        pass
    async with _managers(address) as managers:
        with pytest.raises(Unavailable, match=r"No ResourceManager can be reached\."):
            await managers.read("/x")


async def test_a_refusal_is_its_first_line() -> None:
    trace = "java.lang.Exception: Only admins can do this.\n\tat org.apache.Hadoop(X.java:1)"
    body = json.dumps({"RemoteException": {"exception": "BadRequestException", "message": trace}})
    refused = await _failure(_answer("400 Bad Request", body))
    assert isinstance(refused, Rejected)
    assert (refused.status, refused.message) == (400, "Only admins can do this.")

    plain = _answer("400 Bad Request", "Illegal capacity sum\n at x", "text/plain")
    assert (await _failure(plain)).message == "Illegal capacity sum"


async def test_who_is_not_let_in_is_told_in_our_words() -> None:
    unknown = await _failure(_answer("401 Unauthorized", "<html/>", "text/html"))
    assert isinstance(unknown, Rejected)
    assert "does not accept" in unknown.message
    forbidden = await _failure(_answer("403 Forbidden", "no"))
    assert isinstance(forbidden, Rejected)
    assert forbidden.status == 403
    assert "yarn" in forbidden.message


@pytest.mark.parametrize(
    "headers",
    [("Location: http://elsewhere:8088/ws",), ("Refresh: 3;url=http://elsewhere:8088/ws",)],
)
async def test_a_standby_is_passed_over_and_the_active_one_remembered(
    headers: Sequence[str],
) -> None:
    standby = _answer(
        "307 Temporary Redirect" if "Location" in headers[0] else "200 OK",
        _STANDBY,
        "text/plain",
        *headers,
    )
    async with (
        _answering(standby) as (one, asked),
        _answering(_answer("200 OK", "{}")) as (other, _),
        _managers(one, other) as managers,
    ):
        assert await managers.read("/x") == {}
        assert await managers.read("/x") == {}
        assert len(asked) == 1


async def test_standbys_alone_are_unavailable() -> None:
    standby = _answer("307 Temporary Redirect", _STANDBY, "text/plain", "Location: http://x/")
    failure = await _failure(standby)
    assert failure.message == "No ResourceManager is active."


async def test_what_must_not_happen_twice_is_sent_once() -> None:
    async with (
        _answering(b"") as (one, asked),
        _answering(_answer("200 OK", "{}")) as (other, others),
        _managers(one, other) as managers,
    ):
        with pytest.raises(Unavailable):
            await managers.ask(Question("PUT", "/x", {}, repeatable=False))
    assert (len(asked), len(others)) == (1, 0)


async def test_silence_is_late() -> None:
    async def silent(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(listener.serve, silent)
        settings = ResourceManagerSettings((f"http://127.0.0.1:{port}",), answer=0.05, failover=0.1)
        async with opened(settings) as managers:
            with pytest.raises(DeadlineExceeded):
                await managers.read("/x")
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    "answer",
    [
        _answer(
            "400 Bad Request",
            "Configuration change only supported by mutable configuration store.",
        ),
        _answer("404 Not Found", "no such thing", "text/plain"),
    ],
)
async def test_a_yarn_that_changes_nothing_is_not_supported(answer: bytes) -> None:
    state = _answer("200 OK", json.dumps(_CLUSTER))
    async with (
        _answering(state, state, answer, state) as (address, _),
        _managers(address) as managers,
    ):
        clusters = VirtualClusters(managers)
        plan = capacity.updated(await clusters.quotas(), "vc1", 10, 10)
        with pytest.raises(NotSupported, match=r"store\.class"):
            await clusters.apply(plan)


async def test_shares_that_are_no_percentages_cannot_be_changed() -> None:
    queue = {"queueName": "default", "capacity": 100.0, "mode": "weight"}
    info = {"type": "capacityScheduler", "queues": {"queue": [queue]}}
    answer = json.dumps({"scheduler": {"schedulerInfo": info}})
    async with (
        _answering(_answer("200 OK", answer)) as (address, _),
        _managers(address) as managers,
    ):
        clusters = VirtualClusters(managers)
        plan = capacity.updated(await clusters.quotas(), "vc1", 10, 10)
        with pytest.raises(NotSupported, match="weights"):
            await clusters.apply(plan)
