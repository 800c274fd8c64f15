"""Files in and out, through the front, over a storage in a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from starlette.requests import Request
from starlette.types import Message

from jobyard.clock import SystemClock
from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import UnknownError
from jobyard.resilience import Guarded
from jobyard.routes.file_parameters import FileRequest, Parameters
from jobyard.routes.file_transfers import Download, FileTransfers
from jobyard.seams.storage import Storage
from jobyard.services.guarded_storage import GuardedStorage
from jobyard.wire.webhdfs import WebHdfsError
from tests.backends.storage.conftest import tree
from tests.core.routes.file_gateway import Gateway


@pytest.mark.parametrize("prefix", ["/webhdfs/v1", "/webhdfs/api/v1"])
async def test_a_file_is_written_and_read_in_two_steps(gateway: Gateway, prefix: str) -> None:
    client = gateway.client
    headers = {"Authorization": "Bearer alice-token"}
    url = f"{prefix}/user/alice/a%20b"

    first = await client.put(f"{url}?op=create&permission=600", headers=headers)
    assert (first.status_code, first.content) == (307, b"")
    place = first.headers["location"]
    assert place.startswith(f"http://pai{prefix}/user/alice/a%20b?")
    written = await client.put(place, headers=headers, content=b"hello")
    assert (written.status_code, written.content) == (201, b"")
    assert written.headers["location"] == f"http://pai{url}"

    first = await client.get(f"{url}?op=OPEN", headers=headers)
    assert first.status_code == 307
    read = await client.get(first.headers["location"], headers=headers)
    assert (read.status_code, read.content) == (200, b"hello")
    assert read.headers["content-length"] == "5"
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["x-content-type-options"] == "nosniff"
    status = (await client.get(f"{url}?op=GETFILESTATUS", headers=headers)).json()["FileStatus"]
    assert (status["owner"], status["permission"]) == ("alice", "600")


async def test_the_place_of_the_second_step_can_be_asked_for_as_json(gateway: Gateway) -> None:
    await gateway.put("/f")

    for method, operation in (("PUT", "CREATE"), ("POST", "APPEND"), ("GET", "OPEN")):
        answer = await gateway.ask(method, "/f", operation, noredirect="true")
        query = parse_qs(urlsplit(answer.json()["Location"]).query)
        assert (answer.status_code, query) == (200, {"op": [operation], "step": ["data"]})


async def test_the_caller_s_parameters_go_along_and_its_header_does_not(gateway: Gateway) -> None:
    first = await gateway.ask(
        "PUT", "/user/alice/f", "CREATE", token="alice-token", overwrite="true", Other="x y"
    )
    by_query = await gateway.ask(
        "PUT", "/user/alice/f", "CREATE", token=None, delegation="task-token"
    )

    place = first.headers["location"]
    assert "alice-token" not in place
    assert parse_qs(urlsplit(place).query) == {
        "op": ["CREATE"],
        "overwrite": ["true"],
        "Other": ["x y"],
        "step": ["data"],
    }
    done = await gateway.client.put(by_query.headers["location"], content=b"from a task")
    assert done.status_code == 201


async def test_a_body_in_the_first_step_is_ignored(gateway: Gateway, tmp_path: Path) -> None:
    first = await gateway.ask("PUT", "/f", "CREATE", b"too early")

    assert first.status_code == 307
    assert tree(tmp_path / "root") == {}


async def test_an_upload_may_be_larger_than_other_bodies_and_come_in_chunks(
    gateway: Gateway,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    assert (await gateway.put("/f", chunks())).status_code == 201
    read = await gateway.ask("GET", "/f", "OPEN", step="data")
    assert read.content == b"x" * 1_000_000


async def test_a_file_grows(gateway: Gateway) -> None:
    await gateway.put("/f", b"one")
    first = await gateway.ask("POST", "/f", "APPEND")

    headers = {"Authorization": "Bearer root-token"}
    second = await gateway.client.post(first.headers["location"], headers=headers, content=b" two")

    assert (first.status_code, second.status_code, second.content) == (307, 200, b"")
    assert (await gateway.ask("GET", "/f", "OPEN", step="data")).content == b"one two"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"offset": "6", "length": "3"}, b"wor"),
        ({"offset": "6"}, b"world\n"),
        ({"length": "0"}, b""),
        ({"length": "99"}, b"hello world\n"),
        ({"OFFSET": "11", "length": "null"}, b"\n"),
    ],
)
async def test_a_range_is_sent(gateway: Gateway, query: dict[str, str], expected: bytes) -> None:
    await gateway.put("/f", b"hello world\n")

    read = await gateway.ask("GET", "/f", "OPEN", step="data", **query)

    assert (read.status_code, read.content) == (200, expected)
    assert read.headers["content-length"] == str(len(expected))


async def test_an_empty_file_is_sent(gateway: Gateway) -> None:
    await gateway.put("/f", b"")

    read = await gateway.ask("GET", "/f", "OPEN", step="data")

    assert (read.status_code, read.content, read.headers["content-length"]) == (200, b"", "0")


async def test_head_tells_the_length_and_sends_nothing(gateway: Gateway) -> None:
    await gateway.put("/f", b"hello")

    first = await gateway.ask("HEAD", "/f", "OPEN")
    second = await gateway.ask("HEAD", "/f", "OPEN", step="data")

    assert first.status_code == 307
    assert (second.status_code, second.content) == (200, b"")
    assert second.headers["content-length"] == "5"


async def test_a_client_that_goes_away_leaves_no_file(gateway: Gateway, tmp_path: Path) -> None:
    answer = await gateway.send_raw(
        "PUT",
        b"/webhdfs/v1/f",
        b"op=CREATE&step=data",
        {"type": "http.request", "body": b"half of it", "more_body": True},
        {"type": "http.disconnect"},
    )

    assert answer is None
    assert tree(tmp_path / "root") == {}
    assert gateway.guard.health.up


def open_files(folder: Path) -> list[str]:
    """Give the names of the user's files below a folder that this process has open."""
    found: list[Path] = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that listed the folder is closed by now
            found.append(each.readlink())
    below = [each for each in found if each.is_relative_to(folder)]
    return [each.name for each in below if each.is_file() and each.suffix != ".lock"]


async def test_a_client_that_goes_away_in_the_middle_gives_the_file_up(
    gateway: Gateway, tmp_path: Path
) -> None:
    await gateway.put("/f", bytes(3_000_000))
    with (tmp_path / "root" / "f").open("rb"):
        assert open_files(tmp_path) == ["f"]

    answer = await gateway.send_raw(
        "GET", b"/webhdfs/v1/f", b"op=OPEN&step=data", {"type": "http.disconnect"}
    )

    assert answer is not None
    assert answer.headers["content-length"] == "3000000"
    assert open_files(tmp_path) == []


async def test_a_file_that_is_replaced_while_it_is_opened_is_sent_with_its_own_length(
    gateway: Gateway, storage: Storage
) -> None:
    """The file that was looked at has another length than the one that is read."""
    await gateway.put("/f", b"short")
    replaced = False

    class Replacing:
        def __getattr__(self, name: str) -> object:
            return getattr(storage, name)

        def read(
            self, path: str, offset: int, length: int | None, *, as_user: Actor
        ) -> AsyncIterator[bytes]:
            return self._read(path, offset, length, as_user)

        async def _read(
            self, path: str, offset: int, length: int | None, as_user: Actor
        ) -> AsyncIterator[bytes]:
            nonlocal replaced
            if not replaced:
                replaced = True
                await Gateway(storage).put("/f", b"much longer", overwrite="true")
            async for chunk in storage.read(path, offset, length, as_user=as_user):
                yield chunk

    read = await Gateway(cast("Storage", Replacing())).ask("GET", "/f", "OPEN", step="data")

    assert (read.content, read.headers["content-length"]) == (b"much longer", "11")


async def test_a_sender_who_falls_silent_is_given_up(storage: Storage, tmp_path: Path) -> None:
    guard = Guarded[Storage]("storage.local", SystemClock(), timeout=10)
    guard.opened(storage)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    asked = FileRequest(
        request=Request({"type": "http", "method": "PUT", "headers": []}, receive),
        path="/f",
        root="http://pai/webhdfs/v1",
        parameters=Parameters([("step", "data")]),
        user=SYSTEM,
    )

    with pytest.raises(WebHdfsError, match=r"No data came for 0\.01 seconds"):
        await FileTransfers(GuardedStorage(guard), silence=0.01).create(asked)

    assert tree(tmp_path / "root") == {}


async def test_a_read_that_ends_too_early_is_no_success() -> None:
    async def rest() -> AsyncIterator[bytes]:
        yield b"four"

    with pytest.raises(UnknownError, match="1 bytes too early"):
        _ = [chunk async for chunk in Download(rest(), b"", 5)]
