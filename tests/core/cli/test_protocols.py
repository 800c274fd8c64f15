import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jobyard.cli.refusal import LARGEST_READ
from tests.core.cli.process import TIMEOUT, running, serve_arguments

CHOOSE = """
import jobyard.cli.running as running
from jobyard.cli.{module} import {name}
running.http_protocol = lambda: {name}
"""


@pytest.fixture(
    params=[("protocols", "PlainProtocol"), ("fast_protocol", "FastProtocol")], scope="module"
)
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, int]]:
    module, name = request.param
    folder: Path = tmp_path_factory.mktemp("gateway")
    script = CHOOSE.format(module=module, name=name)
    with running(folder, *serve_arguments(folder / "state"), script=script) as process:
        parts = urlsplit(process.address())
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port
        assert process.end() == 0


def exchange(address: tuple[str, int], content: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send some bytes and read the answer."""
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        connection.sendall(content)
        with connection.makefile("rb") as answer:
            status = answer.readline().split()[1]
            lines = [line.decode().strip().lower() for line in iter(answer.readline, b"\r\n")]
            fields = dict(line.split(": ", 1) for line in lines)
            body = answer.read(int(fields["content-length"]))
    return int(status), fields, body


def head(size: int) -> bytes:
    start = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: "
    return start + b"a" * (size - len(start) - 4) + b"\r\n\r\n"


def test_a_head_of_32_kib_is_read(address: tuple[str, int]) -> None:
    assert exchange(address, head(32 * 1024 - 64))[0] == 200


@pytest.mark.parametrize("size", [40 * 1024, 200 * 1024])
def test_a_larger_head_is_refused_by_the_front(address: tuple[str, int], size: int) -> None:
    status, fields, body = exchange(address, head(size))

    assert status == 431
    assert json.loads(body)["code"] == "InvalidParametersError"
    assert "x-request-id" in fields


def test_a_large_request_line_is_refused_by_the_front(address: tuple[str, int]) -> None:
    line = b"GET /" + b"a" * 50_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert exchange(address, line)[0] == 414


@pytest.mark.parametrize("mark", [b"X-Long: ", b"X-A: b\r\n" * 100 + b"X-Long: "])
def test_a_head_without_an_end_is_refused_and_not_reset(
    address: tuple[str, int], mark: bytes
) -> None:
    start = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + mark

    status, fields, body = exchange(address, start + b"a" * (3 * LARGEST_READ))

    assert (status, fields["connection"]) == (431, "close")
    assert json.loads(body) == {
        "code": "InvalidParametersError",
        "message": f"The request's head is larger than {LARGEST_READ} bytes.",
    }


@pytest.mark.parametrize("content", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET\r\n\r\n"])
def test_what_is_no_request_is_refused_in_the_contracts_form(
    address: tuple[str, int], content: bytes
) -> None:
    status, fields, body = exchange(address, content)

    assert (status, fields["content-type"]) == (400, "application/json; charset=utf-8")
    assert json.loads(body)["code"] == "InvalidParametersError"


def test_a_large_body_is_no_large_head(address: tuple[str, int]) -> None:
    size = 2 * LARGEST_READ
    start = f"POST /api/v1/token HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n".encode()
    start += b"Content-Type: application/json\r\nConnection: close\r\n\r\n"

    status, _, body = exchange(address, start + b" " * size)

    assert (status, json.loads(body)["code"]) == (400, "InvalidParametersError")


def test_requests_behind_one_another_are_all_answered(address: tuple[str, int]) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 30_000 + b"\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        connection.sendall(one * 20 + last)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.count(b"HTTP/1.1 200") == 21


def test_a_websocket_is_answered_as_the_plain_request_that_it_is(
    address: tuple[str, int],
) -> None:
    content = (
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
    )

    assert exchange(address, content)[0] == 200


def test_an_answer_that_comes_before_the_bodys_end_is_not_overtaken_by_a_reset(
    address: tuple[str, int],
) -> None:
    size = 8 * 1024 * 1024
    start = f"PUT /webhdfs/v1/user/x/y?op=CREATE HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n"
    with socket.create_connection(address, timeout=TIMEOUT) as connection:
        connection.sendall(start.encode() + b"Connection: close\r\n\r\n" + b"a" * 1024)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(b"a" * (size - 1024))

    assert answer.startswith(b"HTTP/1.1 401 ")
