"""The same requests to a NameNode and to the front door: what differs is known, and documented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from attrs import frozen

from tests.clients.conftest import FrontDoor
from tests.hadoop import Hdfs

_VOLATILE: Final = ("accessTime", "modificationTime", "fileId", "group")
_HOME: Final = "/user/{user}"


@frozen
class Asked:
    """Be a request; ``{user}`` is who asks, and ``body`` is sent where a redirection leads."""

    name: str
    method: str
    path: str
    query: str
    body: bytes | None = None


def ask(name: str, request: str, body: bytes | None = None) -> Asked:
    method, _, rest = request.partition(" ")
    path, _, query = rest.partition("?")
    return Asked(name, method, path.replace("~", _HOME), query.replace("~", _HOME), body)


# In this order: each finds what those before it left.
REQUESTS: Final = (
    ask("make a folder", "PUT ~/d?op=MKDIRS"),
    ask("make it again", "PUT ~/d?op=MKDIRS"),
    ask("make one with bits", "PUT ~/d/bits?op=MKDIRS&permission=1770"),
    ask("make one with wrong bits", "PUT ~/d/x?op=MKDIRS&permission=999"),
    ask("make one in another's", "PUT /user/somebody/x?op=MKDIRS"),
    ask("write", "PUT ~/d/file?op=CREATE&permission=640", b"hello world\n"),
    ask("write over it, unasked", "PUT ~/d/file?op=CREATE&overwrite=false", b"x"),
    ask("write over it", "PUT ~/d/file?op=CREATE&overwrite=true", b"hello again\n"),
    ask("write nothing", "PUT ~/d/empty?op=CREATE", b""),
    ask("write over a folder", "PUT ~/d?op=CREATE&overwrite=true", b"x"),
    ask("write below a file", "PUT ~/d/file/x?op=CREATE", b"x"),
    ask("write into another's", "PUT /user/somebody/x?op=CREATE", b"x"),
    ask("write with a wrong flag", "PUT ~/d/x?op=CREATE&overwrite=perhaps", b"x"),
    ask("write with folders above", "PUT ~/d/a/b/c?op=CREATE", b"deep"),
    ask("write an odd name", "PUT ~/d/sp%20ace%2Bplus%25pct%C3%A9?op=CREATE", b"odd"),
    ask("make a folder over a file", "PUT ~/d/file?op=MKDIRS"),
    ask("make a folder below a file", "PUT ~/d/file/x?op=MKDIRS"),
    ask("read", "GET ~/d/file?op=OPEN"),
    ask("read with the operation in small letters", "GET ~/d/file?op=open"),
    ask("read a part", "GET ~/d/file?op=OPEN&offset=6&length=3"),
    ask("read a part that is too long", "GET ~/d/file?op=OPEN&offset=6&length=99"),
    ask("read nothing of it", "GET ~/d/file?op=OPEN&length=0"),
    ask("read from its end", "GET ~/d/file?op=OPEN&offset=12"),
    ask("read from behind its end", "GET ~/d/file?op=OPEN&offset=99"),
    ask("read from before its begin", "GET ~/d/file?op=OPEN&offset=-1"),
    ask("read an empty file", "GET ~/d/empty?op=OPEN"),
    ask("read a folder", "GET ~/d?op=OPEN"),
    ask("read nothing", "GET ~/d/no?op=OPEN"),
    ask("read an odd name", "GET ~/d/sp%20ace%2Bplus%25pct%C3%A9?op=OPEN"),
    ask("append", "POST ~/d/file?op=APPEND", b"more\n"),
    ask("append to nothing", "POST ~/d/no?op=APPEND", b"x"),
    ask("append to a folder", "POST ~/d?op=APPEND", b"x"),
    ask("describe a file", "GET ~/d/file?op=GETFILESTATUS"),
    ask("describe a folder", "GET ~/d?op=GETFILESTATUS"),
    ask("describe nothing", "GET ~/d/no?op=GETFILESTATUS"),
    ask("describe below a file", "GET ~/d/file/x?op=GETFILESTATUS"),
    ask("list a folder", "GET ~/d?op=LISTSTATUS"),
    ask("list a file", "GET ~/d/file?op=LISTSTATUS"),
    ask("list nothing", "GET ~/d/no?op=LISTSTATUS"),
    ask("list in batches", "GET ~/d?op=LISTSTATUS_BATCH"),
    ask("list what follows", "GET ~/d?op=LISTSTATUS_BATCH&startAfter=bits"),
    ask("count", "GET ~/d?op=GETCONTENTSUMMARY"),
    ask("count nothing", "GET ~/d/no?op=GETCONTENTSUMMARY"),
    ask("sum", "GET ~/d/file?op=GETFILECHECKSUM"),
    ask("sum nothing", "GET ~/d/no?op=GETFILECHECKSUM"),
    ask("sum a folder", "GET ~/d?op=GETFILECHECKSUM"),
    ask("ask for the home", "GET /?op=GETHOMEDIRECTORY"),
    ask("set bits", "PUT ~/d/file?op=SETPERMISSION&permission=600"),
    ask("set wrong bits", "PUT ~/d/file?op=SETPERMISSION&permission=8"),
    ask("set bits of nothing", "PUT ~/d/no?op=SETPERMISSION&permission=600"),
    ask("set another's bits", "PUT /user?op=SETPERMISSION&permission=777"),
    ask("move", "PUT ~/d/file?op=RENAME&destination=~/d/moved"),
    ask("move nothing", "PUT ~/d/no?op=RENAME&destination=~/d/x"),
    ask("move to a name that is taken", "PUT ~/d/moved?op=RENAME&destination=~/d/empty"),
    ask("move into a folder", "PUT ~/d/moved?op=RENAME&destination=~/d/a"),
    ask("move to where no folder is", "PUT ~/d/a/moved?op=RENAME&destination=~/no/x"),
    ask("move without a target", "PUT ~/d/a/moved?op=RENAME"),
    ask(
        "move over a file, unasked",
        "PUT ~/d/a/moved?op=RENAME&destination=~/d/empty&renameoptions=NONE",
    ),
    ask(
        "move over a file",
        "PUT ~/d/a/moved?op=RENAME&destination=~/d/empty&renameoptions=OVERWRITE",
    ),
    ask("remove a folder with entries, unasked", "DELETE ~/d?op=DELETE"),
    ask("remove a file", "DELETE ~/d/empty?op=DELETE"),
    ask("remove nothing", "DELETE ~/d/empty?op=DELETE"),
    ask("remove another's", "DELETE /user?op=DELETE&recursive=true"),
    ask("remove a folder", "DELETE ~/d?op=DELETE&recursive=true"),
    ask("ask for no operation", "GET ~?user.name={user}"),
    ask("ask for an unknown operation", "GET ~?op=NOSUCH"),
    ask("ask with another's method", "GET ~?op=MKDIRS"),
    ask("ask where to write", "PUT ~/n?op=CREATE&noredirect=true"),
    ask("act as another", "GET ~?op=LISTSTATUS&doas=somebody"),
)


class Side:
    """Be one of both: what it answers, with what is its own taken out."""

    def __init__(self, address: str, user: str) -> None:
        self._address = address
        self._user = user
        self._http = httpx.Client(timeout=60)

    def close(self) -> None:
        self._http.close()

    def answers(self, asked: Asked) -> list[object]:
        """Give what is answered: to the request, and where a redirection led, there."""
        path = asked.path.format(user=self._user)
        query = asked.query.format(user=self._user)
        url = f"{self._address}/webhdfs/v1{path}?{query}&user.name={self._user}"
        self._http.cookies.clear()
        first = self._http.request(asked.method, url)
        if first.status_code != httpx.codes.TEMPORARY_REDIRECT:
            return [self._seen(first)]
        second = self._http.request(
            asked.method, first.headers["location"], content=asked.body, headers=_TYPE
        )
        return [self._seen(first), self._seen(second)]

    def _seen(self, response: httpx.Response) -> object:
        kind = response.headers.get("content-type", "").partition(";")[0]
        location = urlsplit(response.headers.get("location", ""))
        place = location.path.removeprefix("/webhdfs/v1")
        return {
            "status": response.status_code,
            "kind": kind if response.content else "",
            "body": self._content(response),
            "location": unquote(place).replace(self._user, "USER"),
        }

    def _content(self, response: httpx.Response) -> object:
        text = response.content.decode().replace(self._user, "USER")
        try:
            return _plain(json.loads(text))
        except ValueError:
            return text


_TYPE: Final = {"Content-Type": "application/octet-stream"}


def _plain(value: object) -> object:
    """Give JSON without what no two have alike: times, numbers of files, places."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    plain = {key: _plain(each) for key, each in value.items() if key not in _VOLATILE}
    if "message" in plain:
        plain["message"] = str(plain["message"]).splitlines()[0]
    if "Location" in plain:
        url = urlsplit(str(plain["Location"]))
        plain["Location"] = url.path
    return plain


@pytest.fixture
def name_node(hdfs_cluster: Hdfs, user: str) -> Iterator[Side]:
    """A NameNode, which has a folder for a user, as a gateway has for everybody."""
    there = f"{user}a"
    hdfs_cluster.fs("-mkdir", "-p", f"/user/{there}")
    hdfs_cluster.fs("-chown", there, f"/user/{there}")
    side = Side(hdfs_cluster.addresses[0], there)
    yield side
    side.close()


def documented(storage: str) -> set[str]:
    """Give the requests that the documentation says differ over a storage."""
    page = (Path(__file__).parents[2] / "docs" / "callers" / "files.md").read_text()
    _, _, section = page.partition("## What differs from a NameNode")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section, re.MULTILINE)
    return {name for name, over in rows if over in {storage, "both"}}


def test_what_differs_from_a_name_node_is_documented(
    door: FrontDoor, name_node: Side, user: str, request: pytest.FixtureRequest
) -> None:
    front = Side(door.address, f"{user}b")
    front.answers(ask("have the folder", "PUT ~?op=MKDIRS"))

    differ = {
        asked.name: (there, here)
        for asked in REQUESTS
        if (there := name_node.answers(asked)) != (here := front.answers(asked))
    }
    front.close()

    storage = "local" if "local" in request.node.name else "hdfs"
    assert set(differ) == documented(storage), differ
