"""Hostile bytes on connections of a real server, as each of its protocols reads them.

There is an answer of the contract's form, or a close; never a reset before an answer can be read.
Afterwards the server lives, and has as many files open as before.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil
import pytest

from jobyard.database.engines import SQLITE_FILE
from tests.e2e.processes import Process, until
from tests.hostile.wire import Reply, chunked, head, line

LARGE: Final = 10 * 1024 * 1024
HEALTH: Final = head("GET", "/healthz")
JSON: Final = "Content-Type: application/json"
CLOSE: Final = "Connection: close"
ADDRESS = tuple[str, int]


def without_httptools(folder: Path) -> dict[str, str]:
    """Give an environment in which the extra seems not to be installed."""
    (folder / "shadow").mkdir(parents=True)
    (folder / "shadow" / "httptools.py").write_text("raise ModuleNotFoundError('httptools')\n")
    paths = [str(folder / "shadow"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture(scope="module", params=["httptools", "h11"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    plain = request.param == "h11"
    process = Process(folder, environment=without_httptools(folder) if plain else {})
    process.start()
    assert process.process is not None
    maps = psutil.Process(process.process.pid).memory_maps()
    assert any("httptools" in each.path for each in maps) is not plain
    yield process
    process.end()


def held(pid: int) -> list[str]:
    """Give what a process has open, but for its connections to the database, which it keeps."""
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(each.readlink()))
    return [each for each in found if SQLITE_FILE not in each]


@pytest.fixture(scope="module")
def token(gateway: Process) -> str:
    return f"Authorization: Bearer {gateway.log_in()}"


@pytest.fixture
def address(gateway: Process, token: str) -> Iterator[ADDRESS]:
    """Where it listens; after the test it has to live, and to hold nothing of the test's."""
    assert gateway.process is not None
    where = ("127.0.0.1", gateway.port)
    process = psutil.Process(gateway.process.pid)
    until(lambda: len(process.net_connections("tcp")) == 1)
    before = len(held(process.pid))
    yield where
    until(lambda: len(held(process.pid)) <= before, lambda: str(held(process.pid)))
    with line(where) as connection:
        connection.send(HEALTH)
        assert connection.reply().status == 200
    assert gateway.process.poll() is None
    assert "Traceback" not in gateway.log


def fine(reply: Reply) -> bool:
    """Tell whether an answer is good, or an error of the contract's form and no server error."""
    return reply.status < 400 or (reply.status < 500 and bool(reply.code))


KINDS = [
    ("GET", "/healthz", 200),
    ("GET", "/api/v1/jobs", 200),
    ("POST", "/api/v1/token", 413),
    ("PUT", "/api/v1/user", 413),
    ("POST", "/api/v1/user/admin/jobs", 413),
    ("PUT", "/api/v1/virtual-clusters/a", 413),
    ("DELETE", "/api/v1/user", 413),
    ("PUT", "/webhdfs/v1/user/admin/x?op=CREATE", 307),
    ("POST", "/api/v1/nowhere", 404),
    ("OPTIONS", "/api/v1/jobs", 204),
]


@pytest.mark.parametrize("close", [(), (CLOSE,)], ids=["kept", "closed"])
@pytest.mark.parametrize(("method", "target", "status"), KINDS, ids=str)
def test_a_body_of_10_mb_is_answered(
    address: ADDRESS,
    token: str,
    *,
    method: str,
    target: str,
    status: int,
    close: tuple[str, ...],
) -> None:
    sized = head(method, target, JSON, token, f"Content-Length: {LARGE}", *close)
    with line(address) as connection:
        connection.send(sized, b" " * LARGE)
        assert connection.last().status == status
    with line(address) as connection:
        start = head(method, target, JSON, token, "Transfer-Encoding: chunked", *close)
        connection.send(start, chunked(*[b" " * 65536] * (LARGE // 65536)))
        assert connection.last().status == status


@pytest.mark.parametrize("layers", [1, 2])
def test_a_gzip_bomb_is_too_large(address: ADDRESS, token: str, layers: int) -> None:
    bomb = b"\0" * LARGE
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    start = head("POST", "/api/v1/user/admin/jobs", JSON, token, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}")  # fmt: skip
    with line(address) as connection:
        connection.send(start, bomb)
        reply = connection.last()

    assert reply.status == (413 if layers == 1 else 400)
    assert reply.code


def test_ten_gigabytes_of_zeros_do_not_fill_the_memory(
    address: ADDRESS, token: str, gateway: Process
) -> None:
    assert gateway.process is not None
    before = psutil.Process(gateway.process.pid).memory_info().rss
    bomb = b"".join([gzip.compress(b"\0" * LARGE)] * 1000)
    start = head("POST", "/api/v1/token", JSON, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}")  # fmt: skip
    with line(address) as connection:
        connection.send(start, bomb)
        assert (reply := connection.last()).status == 413

    assert reply.code == "PayloadTooLargeError"
    assert psutil.Process(gateway.process.pid).memory_info().rss < before + 2 * LARGE


CHUNKS = [
    b"zz\r\n\r\n",
    b"-1\r\n\r\n",
    b"0x1\r\na\r\n0\r\n\r\n",
    b"f" * 17 + b"\r\n",
    b"5\r\nabc\r\n0\r\n\r\n",
    b"1\r\nab\r\n0\r\n\r\n",
    b"1;" + b"a" * 300_000 + b"\r\na\r\n0\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"\0" * 100 + b"\r\n",
    b" 1\r\na\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("body", CHUNKS, ids=lambda body: repr(body[:12]))
@pytest.mark.parametrize("target", ["/api/v1/token", "/api/v1/nowhere", "/healthz"])
def test_chunks_of_nonsense_are_answered_once(address: ADDRESS, body: bytes, target: str) -> None:
    with line(address) as connection:
        connection.send(head("POST", target, JSON, "Transfer-Encoding: chunked"), body)
        connection.socket.shutdown(socket.SHUT_WR)
        replies = list(connection.replies())

    assert len(replies) <= 2
    assert all(fine(each) for each in replies), replies


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
AMBIGUOUS = [
    ("Content-Length: 5", "Content-Length: 6"),
    ("Content-Length: 5, 6",),
    ("Content-Length: -5",),
    ("Content-Length: +5",),
    ("Content-Length: 0x5",),
    ("Content-Length: " + "9" * 40,),
    ("Content-Length: 5 5",),
    ("Transfer-Encoding: chunked", "Content-Length: 5"),
    ("Content-Length: 5", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked, identity",),
    ("Transfer-Encoding: xchunked",),
    ("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding:\x0bchunked",),
    ("Transfer-Encoding : chunked",),
]


@pytest.mark.parametrize("lines", AMBIGUOUS, ids=lambda lines: "|".join(lines)[:60])
def test_a_request_whose_end_is_ambiguous_smuggles_nothing(
    address: ADDRESS, lines: tuple[str, ...]
) -> None:
    with line(address) as connection:
        connection.send(head("POST", "/api/v1/token", JSON, *lines), b"0\r\n\r\n", SMUGGLED)
        reply = connection.reply()
        connection.socket.shutdown(socket.SHUT_WR)
        rest = list(connection.replies())

    assert (reply.status, reply.code) == (400, "InvalidParametersError")
    # Whoever sends so is not listened to any more, whatever came behind.
    assert reply.headers["connection"] == "close"
    assert rest == []


HALVES = [
    b"",
    b"\r\n",
    b"G",
    b"GET /healthz",
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A",
    head("POST", "/api/v1/token", JSON, "Content-Length: 100"),
    head("POST", "/api/v1/token", JSON, "Content-Length: 100") + b'{"a"',
    head("POST", "/api/v1/token", JSON, "Transfer-Encoding: chunked") + b"5\r\nab",
    head("POST", "/api/v1/token", JSON, "Content-Length: 9", "Expect: 100-continue"),
]


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("half", HALVES, ids=lambda half: repr(half[-12:]))
def test_a_client_that_leaves_in_the_middle_leaves_nothing(
    address: ADDRESS, half: bytes, *, reset: bool
) -> None:
    for _ in range(5):
        with line(address) as connection:
            connection.send(half)
            if reset:
                forget(connection.socket)
            else:
                connection.socket.shutdown(socket.SHUT_WR)
                assert all(fine(each) for each in connection.replies())


def forget(connection: socket.socket) -> None:
    """Close a connection by a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_requests_one_behind_another_are_answered_in_order(address: ADDRESS) -> None:
    body = b'{"username": 1}'
    post = head("POST", "/api/v1/token", JSON, f"Content-Length: {len(body)}") + body
    last = head("GET", "/api/v1/nowhere", CLOSE)
    with line(address) as connection:
        connection.send((HEALTH + post) * 50 + last + HEALTH * 3)
        statuses = [each.status for each in connection.replies()]

    assert statuses == [200, 400] * 50 + [404]


HEADS = {
    "40 KB": (head("GET", "/healthz", "X-A: " + "a" * 40_000), {431}),
    "40 KB in many": (head("GET", "/healthz", *["X-A: " + "a" * 90] * 400), {431}),
    "300 KB": (head("GET", "/healthz", "X-A: " + "a" * 300_000), {431}),
    "10,000 headers": (head("GET", "/healthz", *["a: b"] * 10_000), {431}),
    "300 KB of path": (head("GET", "/" + "a" * 300_000), {414, 431}),
    "40 KB of path": (head("GET", "/" + "a" * 40_000), {414}),
    "40 KB of query": (head("GET", "/healthz?" + "a" * 40_000), {414}),
    "a name without an end": (b"GET / HTTP/1.1\r\n" + b"a" * 1_000_000, {400, 431}),
    "a method without an end": (b"A" * 1_000_000, {400, 431}),
    "empty lines": (b"\r\n" * 500_000, {400, 431}),
    "bare line feeds": (HEALTH.replace(b"\r\n", b"\n"), {200, 400}),
    "a bare carriage return": (HEALTH.replace(b"\r\nHost", b"\rHost"), {400}),
    "no version": (b"GET /healthz\r\n\r\n", {200, 400}),
    "version 0.9": (b"GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n", {200, 400}),
    "version 2.0": (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", {200, 400}),
    "version 9.9": (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", {200, 400}),
    "version x": (b"GET /healthz HTTP/x.y\r\nHost: x\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x9a" * 500, {400}),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", {200, 400}),
    "two hosts": (head("GET", "/healthz", "Host: y"), {200, 400}),
    "NUL in a header": (head("GET", "/healthz", "X-A: a\0b"), {400}),
    "a folded header": (head("GET", "/healthz", "X-A: a", " b"), {200, 400}),
    "a header without colon": (head("GET", "/healthz", "X-A"), {400}),
    "a header of bytes": (head("GET", "/healthz", "X-A: \xff\xfe"), {200}),
    "a target of bytes": (head("GET", "/\xff\xfe"), {400, 404}),
    "NUL in the target": (head("GET", "/a\0b"), {400}),
    "an absolute target": (head("GET", "http://evil.test/healthz"), {200, 404}),
    "an absolute target of nonsense": (head("GET", "http://[::1/healthz"), {400, 404}),
    "a target of nonsense": (head("GET", "://:0/%"), {400, 404}),
    "a target without a slash": (head("GET", "healthz"), {200, 400, 404}),
    "CONNECT": (head("CONNECT", "evil.test:443"), {400, 404}),
    "a star": (head("OPTIONS", "*"), {204}),
    "a method of signs": (head("(){}", "/healthz"), {400}),
    "an upgrade": (head("GET", "/healthz", "Connection: Upgrade", "Upgrade: h2c"), {200}),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_of_any_shape_is_answered(address: ADDRESS, name: str) -> None:
    content, statuses = HEADS[name]
    with line(address) as connection:
        connection.send(content)
        reply = connection.last()

    assert reply.status in statuses, reply
    assert fine(reply)


def test_the_preface_of_http_2_is_answered(address: ADDRESS) -> None:
    with line(address) as connection:
        connection.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        first = connection.reply()

    assert first.status in {400, 404}
    assert first.code


def test_a_client_that_sends_byte_by_byte_is_heard(address: ADDRESS) -> None:
    body = b'{"username": "x"}'
    content = head("POST", "/api/v1/token", JSON, f"Content-Length: {len(body)}") + body
    with line(address) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(content)):
            connection.send(content[at : at + 1])
            with line(address) as other:
                if at % 40 == 0:
                    other.send(HEALTH)
                    assert other.reply().status == 200
        assert connection.last().status == 400


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_never_reads_a_large_answer_leaves_nothing(
    address: ADDRESS, token: str, gateway: Process, *, reset: bool
) -> None:
    large = "/webhdfs/v1/user/admin/large"
    with line(address) as connection:
        connection.send(head("PUT", f"{large}?op=CREATE&overwrite=true", token, CLOSE))
        upload = below(connection.last())
    with line(address) as connection:
        connection.send(head("PUT", upload, token, f"Content-Length: {2 * LARGE}", CLOSE))
        connection.send(b"a" * 2 * LARGE)
        assert connection.last().status == 201
    with line(address) as connection:
        connection.send(head("GET", f"{large}?op=OPEN", token, CLOSE))
        place = below(connection.last())
    for _ in range(5):
        with line(address, receives=4096) as connection:
            connection.send(head("GET", place, token))
            assert connection.socket.recv(12) == b"HTTP/1.1 200"
            if reset:
                forget(connection.socket)


def below(reply: Reply) -> str:
    """Give path and query of where an answer leads to."""
    place = urlsplit(reply.headers["location"])
    return f"{place.path}?{place.query}"


def test_a_hundred_silent_connections_keep_nobody_out(address: ADDRESS) -> None:
    silent = [socket.create_connection(address) for _ in range(100)]
    for each in silent:
        each.sendall(b"GET /healthz HTTP/1.1\r\n")
    with line(address) as connection:
        connection.send(head("GET", "/api/v1/", "Accept: application/json"))
        assert json.loads(connection.last().body)["name"]
    for each in silent:
        each.close()
