"""A job's file with the login for a registry."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import orjson
import pytest
from attrs import evolve

from jobyard.domain.identity import Actor
from jobyard.domain.job import JobSubmission
from jobyard.errors import Unavailable
from jobyard.seams.scheduling import Refused
from jobyard.testing.fakes.storage import FakeStorage
from jobyard.testing.jobs import FS_URI
from jobyard_backends.scheduling.yarn.registry_login import registry_config
from tests.backends.scheduling.yarn.jobs.world import job


def with_file(path: str) -> JobSubmission:
    made = job()
    return evolve(made, config=evolve(made.config, auth_file=path))


async def stored(content: bytes, owner: str = "conformance") -> FakeStorage:
    storage = FakeStorage()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    path = f"/user/{owner}/login"
    await storage.write(path, chunks(), overwrite=True, mode=0o600, as_user=Actor(owner))
    return storage


@pytest.mark.parametrize("path", ["/user/conformance/login", f"{FS_URI}/user/conformance/login"])
async def test_three_lines_become_a_login(path: str) -> None:
    storage = await stored(b"registry.example.org\r\nalice\r\np:ss\r\n")
    config = await registry_config(storage, with_file(path))

    assert config is not None
    assert "p:ss" not in repr(config)
    auth = base64.b64encode(b"alice:p:ss").decode()
    assert orjson.loads(config.reveal()) == {"auths": {"registry.example.org": {"auth": auth}}}


async def test_a_job_without_the_file_logs_in_nowhere() -> None:
    assert await registry_config(FakeStorage(), job()) is None


@pytest.mark.parametrize("content", [b"", b"one\ntwo\n", b"a b c d", b"\xff\xff\xff"])
async def test_another_file_is_the_callers_mistake_and_not_shown(content: bytes) -> None:
    with pytest.raises(Refused, match="three lines") as caught:
        await registry_config(await stored(content), with_file("/user/conformance/login"))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "path", ["/user/conformance/nothing", "/user/bob/login", "/user/conformance", "hdfs://other/x"]
)
async def test_a_file_that_is_not_the_submitters_to_read_is_refused(path: str) -> None:
    storage = await stored(b"r u p", "bob")
    await storage.mkdirs("/user/conformance", as_user=Actor("conformance"))
    with pytest.raises(Refused, match=r"^authFile: ") as caught:
        await registry_config(storage, with_file(path))
    assert caught.value.status == 400


async def test_a_storage_that_is_down_is_no_mistake_of_the_callers() -> None:
    storage = await stored(b"r u p")
    storage.down = True
    with pytest.raises(Unavailable):
        await registry_config(storage, with_file("/user/conformance/login"))
