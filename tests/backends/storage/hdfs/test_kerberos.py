"""The storage in a HDFS that asks for Kerberos, with a real KDC."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from jobyard.domain.identity import Actor
from jobyard.errors import Unavailable
from jobyard.seams.storage import NotPermitted, Storage
from jobyard.testing.storage_files import StorageFiles
from jobyard.testing.storage_permissions import StoragePermissions
from jobyard.testing.subject import configured, opened
from jobyard_backends.storage.hdfs.diagnosis import diagnosis
from jobyard_backends.storage.hdfs.webhdfs import Identity, Kerberos, NoTicket, Timeouts, WebHdfs
from jobyard_plugins.storage_hdfs import HdfsStorageConfig, _place
from tests.backends.storage.hdfs.conftest import PROVIDER
from tests.hadoop import Hdfs
from tests.kerberos import GATEWAY, REALM, STRANGER, Kdc, running_kdc, running_kerberised_hdfs

pytestmark = pytest.mark.anyio

_RENEWED_WITHIN = 4.0
_WITHIN = 60.0
ALICE = Actor("alice")
ROOT = Actor("root", admin=True)


@pytest.fixture(scope="module")
def kdc() -> Iterator[Kdc]:
    with running_kdc() as kdc, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KRB5_CONFIG", str(kdc.configuration))
        yield kdc


@pytest.fixture(scope="module")
def cluster(kdc: Kdc) -> Iterator[Hdfs]:
    with running_kerberised_hdfs(kdc, renewed_within=_RENEWED_WITHIN) as hdfs:
        yield hdfs


@pytest.fixture
def settings(cluster: Hdfs, kdc: Kdc) -> Mapping[str, object]:
    return {
        "name-nodes": cluster.addresses,
        "user": GATEWAY,
        "kerberos": {
            "principal": f"{GATEWAY}@{REALM}",
            "keytab": str(kdc.keytab_of(GATEWAY)),
        },
    }


class TestKerberisedHdfs(StorageFiles, StoragePermissions):
    provider = PROVIDER
    unnameable = ":"

    @pytest.fixture
    def settings(self, settings: Mapping[str, object]) -> Mapping[str, object]:
        return settings


async def read(storage: Storage, path: str, actor: Actor) -> bytes:
    return b"".join([chunk async for chunk in storage.read(path, as_user=actor)])


async def write(storage: Storage, path: str, actor: Actor) -> None:
    async def chunks() -> object:
        yield b"data"

    await storage.write(path, chunks(), overwrite=True, as_user=actor)  # type: ignore[arg-type]


def events(hdfs: Hdfs, kind: str) -> int:
    """Count what the NameNode's log says of requests of a kind."""
    return len(re.findall(rf"op={kind}\b", hdfs.name_nodes[0].log.read_text()))


async def test_tokens_are_got_once_renewed_and_given_back(
    settings: Mapping[str, object], cluster: Hdfs, tmp_path: Path
) -> None:
    kinds = ("GETDELEGATIONTOKEN", "RENEWDELEGATIONTOKEN", "CANCELDELEGATIONTOKEN")
    before = {kind: events(cluster, kind) for kind in kinds}

    def since(kind: str) -> int:
        return events(cluster, kind) - before[kind]

    async with opened(PROVIDER, settings, tmp_path) as subject:
        storage = subject.backend
        for _ in range(3):
            await write(storage, "/user/alice/file", ALICE)
        with anyio.fail_after(_WITHIN):
            while since("RENEWDELEGATIONTOKEN") < 3:
                assert await read(storage, "/user/alice/file", ALICE) == b"data"
                await anyio.sleep(0.1)
        assert since("GETDELEGATIONTOKEN") == 2, "the gateway's, and that of alice"

    assert since("CANCELDELEGATIONTOKEN") == 2


async def test_a_token_that_has_ended_is_replaced(cluster: Hdfs, kdc: Kdc) -> None:
    client = a_client(cluster, keytab=kdc.keytab_of(GATEWAY))
    try:
        await client.status("/")  # nothing renews its token
        with anyio.fail_after(_WITHIN):
            before = events(cluster, "GETDELEGATIONTOKEN")
            while events(cluster, "GETDELEGATIONTOKEN") == before:
                await client.status("/")
                await anyio.sleep(0.2)
    finally:
        await client.aclose()


async def test_users_are_held_to_their_own_permissions(
    settings: Mapping[str, object], tmp_path: Path
) -> None:
    async with opened(PROVIDER, settings, tmp_path) as subject:
        await write(subject.backend, "/user/bob/private", Actor("bob"))
        await subject.backend.chmod("/user/bob/private", 0o600, as_user=Actor("bob"))

        with pytest.raises(NotPermitted):
            await read(subject.backend, "/user/bob/private", ALICE)
        assert await read(subject.backend, "/user/bob/private", ROOT) == b"data"


async def test_a_name_may_begin_with_a_digit_where_hadoops_pattern_lets_it(
    settings: Mapping[str, object], tmp_path: Path
) -> None:
    digit = Actor("1st_user")
    async with opened(PROVIDER, settings, tmp_path) as subject:
        await write(subject.backend, "/user/1st_user/file", digit)

        assert (
            await subject.backend.stat("/user/1st_user/file", as_user=digit)
        ).owner == "1st_user"


async def test_a_ticket_cache_does_as_well(
    settings: Mapping[str, object], kdc: Kdc, tmp_path: Path
) -> None:
    cached = {**settings, "kerberos": {"ticket-cache": str(kdc.cache(GATEWAY))}}

    async with opened(PROVIDER, cached, tmp_path) as subject:
        await write(subject.backend, "/user/alice/cached", ALICE)
        assert await read(subject.backend, "/user/alice/cached", ALICE) == b"data"


async def test_nothing_secret_is_logged(
    settings: Mapping[str, object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        async with opened(PROVIDER, settings, tmp_path) as subject:
            await write(subject.backend, "/user/alice/file", ALICE)
            with suppress(NotPermitted):
                await write(subject.backend, "/user/bob/file", ALICE)

    ours = [each for each in caplog.records if each.name.startswith("jobyard")]
    assert not [each for each in ours if "delegation" in each.getMessage()]


def a_client(cluster: Hdfs, **tickets: Path) -> WebHdfs:
    return WebHdfs(
        cluster.addresses,
        identity=Identity(GATEWAY, kerberos=Kerberos(f"{GATEWAY}@{REALM}", **tickets)),
        timeouts=Timeouts(answer=20.0, failover=0.5),
    )


async def refused(client: WebHdfs) -> str:
    try:
        with pytest.raises(NoTicket) as raised:
            await client.status("/")
    finally:
        await client.aclose()
    return raised.value.message


async def test_what_is_wrong_with_the_tickets_is_told(
    cluster: Hdfs, kdc: Kdc, tmp_path: Path
) -> None:
    short = kdc.cache(GATEWAY, life="1s")
    await anyio.sleep(2)  # a ticket's time is in whole seconds

    expired = await refused(a_client(cluster, ticket_cache=short))
    no_cache = await refused(a_client(cluster, ticket_cache=tmp_path / "none"))
    no_file = await refused(a_client(cluster, keytab=tmp_path / "none"))
    not_in_it = await refused(a_client(cluster, keytab=kdc.keytab_of(STRANGER)))

    assert expired == "The Kerberos ticket has expired."
    assert no_cache == "There is no ticket cache."
    assert no_file == "There is no keytab, or the gateway may not read it."
    assert not_in_it == "The keytab does not hold the principal."


async def test_a_host_that_the_kdc_does_not_know_is_told(cluster: Hdfs, kdc: Kdc) -> None:
    client = WebHdfs(
        [cluster.addresses[0].replace("localhost", "127.0.0.1")],
        identity=Identity(GATEWAY, kerberos=Kerberos(f"{GATEWAY}@{REALM}", kdc.keytab_of(GATEWAY))),
        timeouts=Timeouts(answer=20.0, failover=0.5),
    )

    assert await refused(client) == "The KDC does not know the NameNode as an HTTP service."


async def test_while_no_kdc_answers_tokens_go_on_and_new_ones_are_refused(
    cluster: Hdfs, kdc: Kdc
) -> None:
    client = a_client(cluster, keytab=kdc.keytab_of(GATEWAY))
    await client.status("/")
    kdc.stop()
    try:
        await client.status("/")
        message = await refused(a_client(cluster, keytab=kdc.keytab_of(GATEWAY)))
    finally:
        kdc.start()
        await client.aclose()

    assert message == "No KDC answers."


async def test_a_gateway_that_may_act_for_nobody_is_refused(
    settings: Mapping[str, object], kdc: Kdc, tmp_path: Path
) -> None:
    stranger = {
        **settings,
        "user": STRANGER,
        "kerberos": {
            "principal": f"{STRANGER}@{REALM}",
            "keytab": str(kdc.keytab_of(STRANGER)),
        },
    }
    found = await steps(stranger, tmp_path)

    assert found[0] == f"HDFS gave a token to {STRANGER}"
    assert "superuser" in found[-1]


async def steps(settings: Mapping[str, object], folder: Path) -> list[str]:
    """Give what ``jobyard doctor`` finds, up to the first failure."""
    config = configured(PROVIDER, settings, folder)
    assert isinstance(config, HdfsStorageConfig)
    found: list[str] = []
    async with diagnosis(_place(config)) as checks:
        for check in checks:
            try:
                found.append(await check.run())
            except Exception as error:  # noqa: BLE001 - whatever it is, doctor tells it
                return [*found, str(error)]
    return found


async def test_doctor_shows_a_ticket_first(settings: Mapping[str, object], tmp_path: Path) -> None:
    found = await steps(settings, tmp_path)
    lost = {**settings, "kerberos": {"ticket-cache": str(tmp_path / "none")}}

    assert len(found) == 6
    assert found[0] == f"HDFS gave a token to {GATEWAY}"
    assert await steps(lost, tmp_path) == ["There is no ticket cache."]


async def test_without_kerberos_the_cluster_refuses_the_gateway(
    settings: Mapping[str, object], tmp_path: Path
) -> None:
    simple = {key: value for key, value in settings.items() if key != "kerberos"}

    with pytest.raises(Unavailable, match="does not accept the gateway's identity"):
        async with opened(PROVIDER, simple, tmp_path):
            raise AssertionError
