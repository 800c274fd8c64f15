"""What a task is told reaches its command byte for byte, and never becomes code of the script."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

import jobyard_backends.scheduling.yarn.services as package

_SCRIPT: Final = files(package).joinpath("start.sh")
_TOKEN: Final = "the.token-of_the.job"
# What the kernel can hold: no NUL. A name that a shell or the script itself uses is nobody's.
_values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
_names = st.from_regex(r"[A-Z][A-Za-z0-9_.~]{0,12}", fullmatch=True).map("JOB_{}".format)


@define
class Door:
    """Be a front door: what lies behind it, and who knocked with what."""

    address: str = ""
    held: dict[str, bytes] = field(factory=dict)
    refuse: list[int] = field(factory=list)
    tokens: set[str | None] = field(factory=set)


@contextmanager
def _open_door() -> Iterator[Door]:
    door = Door()

    class Handler(BaseHTTPRequestHandler):
        def _name(self) -> str:
            door.tokens.add(self.headers["Authorization"])
            return unquote(urlsplit(self.path).path)

        def _say(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            found = door.held.get(self._name())
            if door.refuse:
                self._say(door.refuse.pop())
            elif found is None:
                self._say(404)
            else:
                self._say(200, found)

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            name = self._name()
            if door.refuse:
                self._say(door.refuse.pop())
                return
            door.held[name] = body
            self._say(201)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        door.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield door
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    with _open_door() as door:
        yield door


def _go(
    command: str,
    environment: Mapping[str, str] | None = None,
    ports: Sequence[int] = (),
    code: str = "",
) -> bytes:
    pairs = [f"{name}={value}" for name, value in (environment or {}).items()]
    parts = [" ".join(map(str, ports)), code, command, *pairs]
    return b"".join(part.encode() + b"\0" for part in parts)


def _run(door: Door, folder: Path, go: bytes) -> subprocess.CompletedProcess[bytes]:
    door.held = {name: held for name, held in door.held.items() if name.startswith("/code")}
    door.held["/a/go.r0-0"] = go
    return subprocess.run(
        ["bash", "-c", _SCRIPT.read_text(), "start.sh", "r0-0", "container_1"],
        cwd=folder,
        check=False,
        capture_output=True,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "NM_HOST": "127.0.0.1",
            "NM_HTTP_PORT": "8042",
            "JOBYARD_FOLDER": f"{door.address}/a",
            "JOBYARD_TOKEN": _TOKEN,
            "JOBYARD_START": "unused",
        },
    )


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(_names, _values, max_size=4), _values)
def test_values_are_never_code(environment: dict[str, str], said: str) -> None:
    quoted = said.replace("'", "'\\''")
    command = f"env -0; printf 'SAID=%s' '{quoted}'"
    with _open_door() as door, TemporaryDirectory() as folder:
        done = _run(door, Path(folder), _go(command, environment))

    assert done.returncode == 0, done.stderr
    found = done.stdout.decode().split("\0")
    assert {f"{name}={value}" for name, value in environment.items()} <= set(found)
    assert found[-1] == f"SAID={said}"
    assert done.stderr == b""
    assert door.held["/a/started.r0-0"] == b"127.0.0.1 container_1 127.0.0.1:8042\n"
    assert door.held["/a/ended.r0-0"] == b"0 \n"
    assert door.tokens == {f"Bearer {_TOKEN}"}


def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(
        ["shellcheck", "--shell", "bash", "-"],
        input=_SCRIPT.read_bytes(),
        check=False,
        capture_output=True,
    )
    assert done.stdout.decode() == ""
    assert done.returncode == 0


def test_a_command_has_neither_the_token_nor_words_of_the_script(
    door: Door, tmp_path: Path
) -> None:
    done = _run(door, tmp_path, _go("env; cat /dev/stdin; exit 7", {"A": "1"}))

    assert done.returncode == 7
    assert b"JOBYARD" not in done.stdout
    assert _TOKEN.encode() not in done.stdout
    assert door.held["/a/ended.r0-0"] == b"7 \n"


def test_a_signal_is_128_and_its_number(door: Door, tmp_path: Path) -> None:
    _run(door, tmp_path, _go("kill -KILL $$"))
    assert door.held["/a/ended.r0-0"] == b"137 \n"


def test_a_port_that_is_taken_is_a_conflict(door: Door, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = _run(door, tmp_path, _go("echo ran", ports=[port]))

    assert done.stdout == b""
    said = f"-7103 port {port} is taken on 127.0.0.1\n"
    assert door.held["/a/ended.r0-0"] == said.encode()
    done = _run(door, tmp_path / "..", _go("echo ran", ports=[port]))
    assert done.stdout == b"ran\n"


def test_code_lies_where_the_command_starts(door: Door, tmp_path: Path) -> None:
    odd = "it's $(odd) `one`.py"
    door.held["/code/main.py"] = b"#!/bin/sh\necho code\n"
    door.held[f"/code/{odd}"] = b"print('odd')\n"
    lines = [
        f"700\t{door.address}/code/main.py\tcode/main.py",
        f"600\t{door.address}/code/it%27s%20%24%28odd%29%20%60one%60.py\tcode/{odd}",
    ]
    command = "code/main.py; ls code; stat -c %a code/*"
    done = _run(door, tmp_path, _go(command, code="\n".join(lines)))

    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == ["code", odd, "main.py", "600", "700"]
    gone = f"600\t{door.address}/code/gone\tcode/gone"
    with TemporaryDirectory() as folder:
        _run(door, Path(folder), _go("echo ran", code=gone))
    assert door.held["/a/ended.r0-0"] == b"-7251 code/gone of the job's code is gone\n"


def test_a_door_that_fails_is_knocked_at_again(door: Door, tmp_path: Path) -> None:
    door.refuse = [503, 500]
    done = _run(door, tmp_path, _go("echo ran"))
    assert done.stdout == b"ran\n"
    assert door.refuse == []


def test_a_job_that_is_gone_ends_at_once(door: Door, tmp_path: Path) -> None:
    door.refuse = [401]
    done = _run(door, tmp_path, _go("echo ran"))
    assert (done.returncode, done.stdout) == (1, b"")
