"""The client: who hears what, which NameNode is asked, and what is made of answers."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import trustme

from jobyard_backends.storage.hdfs.webhdfs import (
    Identity,
    NoAnswer,
    RemoteError,
    Timeouts,
    WebHdfs,
)
from jobyard_backends.storage.hdfs.webhdfs.client import Look
from tests.backends.storage.hdfs.scripted import Heard, Said, Script, remote, said, scripted
from tests.fault_proxy import Proxy

pytestmark = pytest.mark.anyio

_STATUS = {
    "accessTime": 1,
    "group": "g",
    "length": 3,
    "modificationTime": 2,
    "owner": "o",
    "pathSuffix": "",
    "permission": "644",
    "type": "FILE",
    "fileId": 7,
    "childrenNum": 0,
}
_FOUND = said(FileStatus=_STATUS)
_QUICK = Timeouts(connect=0.5, answer=0.5, transfer=0.5, failover=0.3)
_TOKEN = "aToken"


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    for each in data:
        yield each


@asynccontextmanager
async def asking(
    *addresses: str, identity: Identity | None = None, trusted: ssl.SSLContext | None = None
) -> AsyncIterator[WebHdfs]:
    client = WebHdfs(
        addresses, identity=identity or Identity("me"), timeouts=_QUICK, trusted=trusted
    )
    try:
        yield client
    finally:
        await client.aclose()


def _redirecting(to: Script) -> Callable[[Heard], Said]:
    return lambda heard: Said(
        307,
        headers=(
            ("Location", f"{to.address}{heard.path}?op={heard.query.get('op', '')}&put=there"),
        ),
    )


async def test_bytes_go_to_data_nodes_alone_and_who_we_are_to_name_nodes_alone() -> None:
    identity = Identity("me", delegation=_TOKEN)
    async with (
        scripted(lambda _: Said(201)) as data,
        scripted(_redirecting(data)) as name,
        asking(name.address, identity=identity) as client,
    ):
        assert await client.create("/file", pieces(b"sec", b"ret")) == 6

    assert [(each.body, each.query["delegation"]) for each in name.heard] == [(b"", _TOKEN)]
    assert [(each.body, each.query) for each in data.heard] == [
        (b"secret", {"op": "CREATE", "put": "there"})
    ]
    assert not {"authorization", "cookie"} & set(data.heard[0].headers)
    assert _TOKEN not in repr(identity)


async def test_a_cookie_is_never_sent_back() -> None:
    """A NameNode's cookie names the user who asked first, and counts for more than the query."""
    cookie = (("Set-Cookie", 'hadoop.auth="u=alice&p=alice&t=simple&e=1&s=x"; Path=/'),)
    answer = Said(_FOUND.status, _FOUND.body, cookie)
    async with scripted(lambda _: answer) as name, asking(name.address) as client:
        await client.status("/", user="alice")
        await client.status("/", user="bob")

    assert [each.query["user.name"] for each in name.heard] == ["alice", "bob"]
    assert all("cookie" not in each.headers for each in name.heard)


@pytest.mark.parametrize("untrusted", ["nobody", "name node", "data node"])
async def test_both_kinds_of_nodes_have_to_show_a_certificate_that_is_trusted(
    untrusted: str,
) -> None:
    good, bad = trustme.CA(), trustme.CA()
    trusted = ssl.create_default_context()
    good.configure_trust(trusted)
    data_tls = _certified(bad if untrusted == "data node" else good)
    name_tls = _certified(bad if untrusted == "name node" else good)
    async with (
        scripted(lambda _: Said(201), data_tls) as data,
        scripted(_redirecting(data), name_tls) as name,
        asking(name.address, trusted=trusted) as client,
    ):
        if untrusted == "nobody":
            await client.create("/file", pieces(b"secret"))
        else:
            with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
                await client.create("/file", pieces(b"secret"))

    assert [each.body for each in data.heard] == [b"secret"] * (untrusted == "nobody")


def _certified(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("identity", "user", "expected"),
    [
        (Identity("me"), None, {"user.name": "me"}),
        (Identity("me"), "alice", {"user.name": "alice"}),
        (Identity("me", by_proxy=True), "alice", {"user.name": "me", "doas": "alice"}),
        (Identity("me", by_proxy=True), None, {"user.name": "me"}),
        (Identity("me", delegation="t"), None, {"delegation": "t"}),
        (Identity("me", delegation="t"), "alice", {"user.name": "alice"}),
        (
            Identity("me", by_proxy=True, delegation="t"),
            "alice",
            {"user.name": "me", "doas": "alice"},
        ),
    ],
)
def test_identities_are_told_in_the_words_of_the_query(
    identity: Identity, user: str | None, expected: dict[str, str]
) -> None:
    assert identity.parameters(user) == expected


@pytest.mark.parametrize(
    "first",
    [
        remote("StandbyException", "Operation category READ is not supported in state standby"),
        remote("RetriableException", "NameNode still not started"),
        remote("SafeModeException", "Cannot create directory /x. Name node is in safe mode."),
        Said(503, b"<html>Jetty</html>"),
    ],
)
async def test_a_name_node_that_is_not_active_is_left_and_the_active_one_remembered(
    first: Said,
) -> None:
    async with (
        scripted(lambda _: first) as standby,
        scripted(lambda _: _FOUND) as active,
        asking(standby.address, active.address) as client,
    ):
        for _ in range(3):
            assert (await client.status("/")).file_id == 7

    assert len(standby.heard) == 1
    assert len(active.heard) == 3


async def test_a_page_that_says_yes_is_no_answer() -> None:
    page = Said(200, b"<html>a proxy's page</html>")
    async with scripted(lambda _: page) as name, asking(name.address) as client:
        with pytest.raises(NoAnswer):
            await client.status("/")


async def test_one_that_nobody_reaches_is_left_too() -> None:
    async with (
        scripted(lambda _: _FOUND) as active,
        asking("http://127.0.0.1:1", active.address) as client,
    ):
        assert (await client.status("/")).length == 3


async def test_all_of_them_are_asked_again_until_the_time_is_over() -> None:
    async with (
        scripted(lambda _: remote("StandbyException", "standby")) as only,
        asking(only.address) as client,
    ):
        with pytest.raises(NoAnswer, match="standby") as caught:
            await client.mkdirs("/x")

    assert len(only.heard) > 1
    assert not caught.value.maybe_done


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (remote("FileNotFoundException", "gone\n\tat Some.java", 404), ("gone", 404)),
        (remote("IOException", "\n\n why\nmore"), ("why", 403)),
    ],
)
async def test_an_exception_is_told_without_its_stack(
    answer: Said, expected: tuple[str, int]
) -> None:
    async with scripted(lambda _: answer) as name, asking(name.address) as client:
        with pytest.raises(RemoteError) as caught:
            await client.status("/x")

    assert (caught.value.message, caught.value.status) == expected


@pytest.mark.parametrize("location", ["", "nonsense", "file:///etc/passwd", "http://"])
async def test_a_redirection_to_nowhere_is_no_answer(location: str) -> None:
    answer = Said(307, headers=(("Location", location),))
    async with scripted(lambda _: answer) as name, asking(name.address) as client:
        with pytest.raises(NoAnswer):
            await client.create("/x", pieces(b"data"))


async def test_a_path_keeps_its_form_though_name_nodes_compose_it() -> None:
    """Java writes a path in NFC where it redirects: that is another file's name."""

    def composing(heard: Heard) -> Said:
        place = heard.path.replace("e%CC%81", "%C3%A9")
        return Said(307, headers=(("Location", f"{data.address}{place}?op=OPEN"),))

    async with (
        scripted(lambda _: Said(200, b"data")) as data,
        scripted(composing) as name,
        asking(name.address) as client,
    ):
        download = await client.open("/folder/e\u0301")
        assert (await download.content()).content == b"data"
        await download.aclose()

    assert data.heard[0].path == "/webhdfs/v1/folder/e%CC%81"


def _looks(client: WebHdfs, path: str) -> tuple[list[bool], Look]:
    seen: list[bool] = []

    async def look() -> bool | None:
        try:
            await client.status(path)
        except RemoteError:
            seen.append(True)
            return True
        seen.append(False)
        return None

    return seen, look


async def test_a_move_whose_answer_was_lost_is_looked_up_and_not_repeated(
    client: WebHdfs, network: Proxy
) -> None:
    await client.create("/lost/a", pieces(b"data"), overwrite=True)
    seen, look = _looks(client, "/lost/a")
    network.tell("lose", 0, 1)

    assert await client.rename("/lost/a", "/lost/b", look=look) is True

    assert seen == [True]
    assert (await client.status("/lost/b")).length == 4
    await client.remove("/lost", recursive=True, look=look)


async def test_a_removal_whose_answer_was_lost_was_one(client: WebHdfs, network: Proxy) -> None:
    await client.mkdirs("/lost-folder")
    _, look = _looks(client, "/lost-folder")
    network.tell("lose", 0, 1)

    removed = await client.remove("/lost-folder", recursive=False, look=look)

    assert removed is True


async def test_a_name_node_that_hangs_is_no_answer(client: WebHdfs, network: Proxy) -> None:
    network.tell("hang", 0)

    with pytest.raises(NoAnswer) as caught:
        await client.status("/")

    assert caught.value.timed_out
    assert caught.value.maybe_done


async def test_a_refusal_arrives_though_the_body_is_not_read(client: WebHdfs) -> None:
    """A DataNode says no at once, and resets the connection under what is still sent."""
    await client.mkdirs("/refusing")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield bytes(256 * 1024)

    with pytest.raises(RemoteError) as caught:
        await client.create("/refusing", endless())

    assert caught.value.name == "FileAlreadyExistsException"
