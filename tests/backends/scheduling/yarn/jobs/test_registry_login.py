"""A job's file with the login for a registry, as a container engine reads it."""

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
from jobyard_backends.scheduling.yarn.registry_login import registry_config
from tests.backends.scheduling.yarn.jobs.world import job

PATH = "/user/conformance/login"


def with_file() -> JobSubmission:
    made = job()
    return evolve(made, config=evolve(made.config, auth_file=PATH))


async def stored(content: bytes) -> FakeStorage:
    storage = FakeStorage()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await storage.write(PATH, chunks(), overwrite=True, mode=0o600, as_user=Actor("conformance"))
    return storage


async def test_three_lines_become_a_login_that_is_a_secret() -> None:
    config = await registry_config(
        await stored(b"registry.example.org\nalice\np:ss\n"), with_file()
    )

    assert config is not None
    assert "p:ss" not in repr(config)
    auth = base64.b64encode(b"alice:p:ss").decode()
    assert orjson.loads(config.reveal()) == {"auths": {"registry.example.org": {"auth": auth}}}


async def test_a_job_without_the_file_logs_in_nowhere() -> None:
    assert await registry_config(FakeStorage(), job()) is None


async def test_a_file_of_no_use_is_the_callers_mistake() -> None:
    with pytest.raises(Refused, match="three lines") as caught:
        await registry_config(await stored(b"r u p"), with_file())
    assert caught.value.status == 400


async def test_a_storage_that_is_down_is_no_mistake_of_the_callers() -> None:
    storage = await stored(b"")
    storage.down = True
    with pytest.raises(Unavailable):
        await registry_config(storage, with_file())
