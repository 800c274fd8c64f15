import http.client
import re
import signal
import socket
import ssl
import stat
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

import jobyard
from tests.core.cli.process import TIMEOUT, fetch, running, serve_arguments

BUSY = (
    "Another gateway on this database is running 'x', which only one may. Stop that gateway first."
)
# An application of a test's own; Python that stands before the command.
STUB = """
from starlette.applications import Starlette

class Stub(Starlette):
    def leave(self):
        print("leaving", flush=True)
"""
FAILING = (
    STUB
    + """
from contextlib import asynccontextmanager
import anyio
import jobyard.cli.running as running
from jobyard.database.instance import DatabaseBusy
from jobyard.errors import ConfigError, LoadError, Problem, Unavailable

@asynccontextmanager
async def lifespan(app):
    async with anyio.create_task_group():
        print("opening", flush=True)
        {statement}
        yield

running.create_app = lambda *arguments, **more: Stub(lifespan=lifespan)
"""
)
RACING = (
    STUB
    + """
import socket
from contextlib import asynccontextmanager
from urllib.parse import urlsplit
import jobyard.cli.running as running

def create_app(*arguments, address, **more):
    @asynccontextmanager
    async def lifespan(app):
        with socket.create_server(("127.0.0.1", urlsplit(address).port)):
            yield
    return Stub(lifespan=lifespan)

running.create_app = create_app
"""
)
STREAMING = (
    STUB
    + """
import anyio
import jobyard.cli.running as running
from pathlib import Path
from starlette.responses import StreamingResponse
from starlette.routing import Route

async def slow(request):
    async def chunks():
        yield b"first"
        while not Path("go").exists():
            await anyio.sleep(0.01)
        yield b"second"
    return StreamingResponse(chunks())

running.create_app = lambda *arguments, **more: Stub(routes=[Route("/slow", slow)])
"""
)


def test_a_gateway_says_where_it_listens_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path, *serve_arguments(tmp_path / "state")) as process:
        address = process.address()
        status, _ = fetch(f"{address}/api/v1/")
        code = process.end()

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
    assert (status, code) == (200, 0)
    assert process.out.count(f"Jobyard {jobyard.__version__} listens on {address}\n") == 1
    assert process.words == []


def test_the_log_is_json_and_has_access_lines_with_their_ids(tmp_path: Path) -> None:
    with running(tmp_path, *serve_arguments(tmp_path / "state")) as process:
        request = urllib.request.Request(f"{process.address()}/healthz")
        request.add_header("X-Request-ID", "mine-1")
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            response.read()
        process.end()

    (line,) = [each for each in process.log if each["logger"] == "jobyard.access"]
    assert line["request_id"] == "mine-1"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/healthz", 200)


def test_the_state_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "--port", "0") as process:
        process.address()
        process.end()

    assert stat.S_IMODE((tmp_path / "xdg" / "jobyard").stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_gateway_with_0(tmp_path: Path, number: int) -> None:
    script = FAILING.format(statement="pass")
    with running(tmp_path, *serve_arguments(tmp_path / "s"), script=script) as process:
        process.address()

        assert process.end(number) == 0


def test_a_signal_while_it_starts_ends_it_with_0_too(tmp_path: Path) -> None:
    script = FAILING.format(statement="await anyio.sleep_forever()")
    with running(tmp_path, *serve_arguments(tmp_path / "s"), script=script) as process:
        process.wait_for(re.compile("opening"))

        assert process.end() == 0
    assert "listens" not in process.out


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        (
            "raise ConfigError('f', [Problem('a', 'b', 1, 2), Problem('c', 'd', 3, 4)])",
            2,
            ["f:1:2: a: b", "f:3:4: c: d"],
        ),
        ("raise LoadError('x', 'broken')", 2, ["jobyard: broken"]),
        ("raise DatabaseBusy('x')", 2, [f"jobyard: {BUSY}"]),
        ("raise Unavailable('no answer', detail='why')", 1, ["jobyard: no answer (why)"]),
        (
            "raise ValueError('oops')",
            1,
            ["jobyard: The gateway failed with ValueError; the log has more."],
        ),
    ],
)
def test_what_cannot_start_says_why_in_a_line_and_ends(
    tmp_path: Path, statement: str, code: int, words: list[str]
) -> None:
    script = FAILING.format(statement=statement)
    with running(tmp_path, *serve_arguments(tmp_path / "s"), script=script) as process:
        assert code == process.code()

    assert words == process.words
    assert "listens" not in process.out
    assert ("Traceback" in process.err) is ("ValueError" in statement)


def test_a_state_directory_has_one_gateway_at_a_time(tmp_path: Path) -> None:
    state = tmp_path / "state"
    script = FAILING.format(statement="pass")
    with running(tmp_path / "a", *serve_arguments(state), script=script) as first:
        first.address()
        with running(tmp_path / "b", *serve_arguments(state), script=script) as second:
            assert second.code() == 2
        (line,) = second.words
        assert line.startswith(f"jobyard: The state directory {state} is in use by process ")
        assert str(first.popen.pid) in line
        first.end()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = (*serve_arguments(tmp_path / "s")[:-1], str(port))
        with running(tmp_path, *arguments) as process:
            assert process.code() == 1

    assert process.words == [
        (
            f"jobyard: Cannot listen on 127.0.0.1 port {port}: Address already in use."
            " Name another address with --host and --port."
        )
    ]


def test_a_port_that_is_taken_while_it_starts_is_named_too(tmp_path: Path) -> None:
    with running(tmp_path, *serve_arguments(tmp_path / "s"), script=RACING) as process:
        assert process.code() == 1

    (line,) = process.words
    assert re.fullmatch(
        r"jobyard: Cannot listen on 127\.0\.0\.1 port \d+: Address .* use\. Name another .*", line
    )


def test_problems_of_the_file_are_printed_one_a_line_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("boards: {}\nrest-server: {server-port: x}\n")
    with running(tmp_path, *serve_arguments(tmp_path / "s"), "--config", "f.yaml") as process:
        assert process.code() == 2

    assert process.err == (
        "f.yaml:1:1: boards: unknown key; did you mean 'board'?\n"
        'f.yaml:2:28: rest-server.server-port: expected an integer from 0 to 65535, not "x"\n'
    )
    assert process.out == ""


def test_notices_are_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("rest-server: {jwt-secret: hunter2hunter2}\n")
    with running(tmp_path, *serve_arguments(tmp_path / "s"), "--config", "f.yaml") as process:
        process.address()
        process.end()

    events = [str(each["event"]) for each in process.log if each["level"] == "warning"]
    assert any("f.yaml:1:27: rest-server.jwt-secret" in event for event in events)
    assert "hunter2" not in process.err


def test_open_requests_end_before_the_gateway_does(tmp_path: Path) -> None:
    with running(tmp_path, *serve_arguments(tmp_path / "s"), script=STREAMING) as process:
        parts = urlsplit(process.address())
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
        connection.request("GET", "/slow")
        response = connection.getresponse()
        first = response.read(5)
        process.popen.terminate()
        wait_until_refused(parts.hostname, parts.port or 0)
        (tmp_path / "go").touch()
        rest = response.read()
        connection.close()

        assert (first, rest, process.code()) == (b"first", b"second", 0)
        assert process.out.count("leaving") == 1


def wait_until_refused(host: str, port: int) -> None:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("it goes on taking connections")


def test_a_certificate_makes_it_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    (tmp_path / "f.yaml").write_text(
        "rest-server: {tls: {certificate: certificate.pem, key: key.pem}}\n"
    )
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with running(tmp_path, *serve_arguments(tmp_path / "s"), "--config", "f.yaml") as process:
        address = process.address()
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        with opener.open(f"{address}/healthz", timeout=TIMEOUT) as response:
            status = response.status
        code = process.end()

    assert address.startswith("https://127.0.0.1:")
    assert (status, code) == (200, 0)


def test_what_is_there_at_the_start_is_looked_through_by_no_collection_again(
    tmp_path: Path,
) -> None:
    script = """
import gc
import click

echo = click.echo
click.echo = lambda text: (print("kept", gc.get_freeze_count(), *gc.get_threshold(), flush=True), echo(text))
"""
    with running(tmp_path, *serve_arguments(tmp_path / "state"), script=script) as process:
        process.address()

        # Tens of thousands of objects, and the whole of the others seldom.
        process.wait_for(re.compile(r"kept \d{5,} 2000 10 100"))
        assert process.end() == 0
