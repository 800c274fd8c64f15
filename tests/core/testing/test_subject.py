"""The backend under test gets what a gateway would give it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import anyio.to_thread
import pytest
from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, SubmissionId
from jobyard.errors import ConfigError, LoadError, NotSupported
from jobyard.schema import option
from jobyard.seams.context import PortNeed
from jobyard.seams.provider import Capability, Seam, StorageProvider
from jobyard.seams.scheduling import Term
from jobyard.secret import Secret
from jobyard.testing.subject import configured, opened, provider_named
from tests.core.plugins import provider
from tests.core.testing.suites import Tiny, TinySettings, tiny_provider
from tests.databases import HandClock


@frozen
class _Settings:
    folder: Path = option(doc="Where.")
    bind_password: Secret = option(doc="How.")
    pages: tuple[int, ...] = option(default=(), doc="Which.")


def test_a_provider_is_found_as_the_gateway_finds_it() -> None:
    found = provider_named(Seam.AUTH, "local")

    assert (found.seam, found.name) == (Seam.AUTH, "local")


def test_a_provider_that_is_not_installed_is_named() -> None:
    with pytest.raises(LoadError, match="no storage plugin 'shelve' is installed"):
        provider_named(Seam.STORAGE, "shelve")


def test_settings_are_spelt_as_in_the_file(tmp_path: Path) -> None:
    spelt = {"folder": "here", "bind-password": "s3cret", "pages": [1, 2]}
    config = configured(provider(Seam.AUTH, "dir", _Settings), spelt, tmp_path)

    assert config == _Settings(
        folder=tmp_path / "here", bind_password=Secret("s3cret"), pages=(1, 2)
    )


def test_paths_and_secrets_may_be_given_as_such(tmp_path: Path) -> None:
    given = {"folder": tmp_path / "x", "bind-password": Secret("s3cret")}
    config = configured(provider(Seam.AUTH, "dir", _Settings), given, tmp_path)

    assert config == _Settings(folder=tmp_path / "x", bind_password=Secret("s3cret"))


def test_all_that_is_wrong_with_settings_is_said_as_of_the_file(tmp_path: Path) -> None:
    wrong = {"foldr": "here", "pages": ["one"]}
    with pytest.raises(ConfigError) as caught:
        configured(provider(Seam.AUTH, "dir", _Settings), wrong, tmp_path)

    assert [each.path for each in caught.value.problems] == [
        "dir.foldr",
        "dir.folder",
        "dir.bind-password",
        "dir.pages[0]",
    ]


def test_what_no_file_could_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        configured(tiny_provider(), {"greeting": object()}, tmp_path)


async def test_a_subject_has_everything(tmp_path: Path) -> None:
    clock = HandClock(1000)
    tiny = tiny_provider(capabilities=[Capability.USERS])
    ref = JobRef(FrameworkName("alice", "job"), SubmissionId("a submission"))
    async with opened(tiny, {"greeting": "good day"}, tmp_path, clock=clock) as subject:
        context = subject.context
        lease = await context.ports.lease("host", "me", [PortNeed("http", 0, 1)], free=[7])

        assert isinstance(subject.backend, Tiny)
        assert subject.has(Capability.USERS)
        assert not subject.has(Capability.MANAGE_USERS)
        assert lease[0].numbers == (7,)
        assert await context.leadership.check(Term(1))
        assert context.clock is clock
        assert context.state_dir.stat().st_mode & 0o777 == 0o700
        assert context.job_tokens.storage_token(ref, "alice", 60).reveal()
        await context.storage.mkdirs("/a", as_user=Actor("root", admin=True))
        await context.store.write(context.accounts.end_tokens("alice", 1))


async def test_the_database_outlives_an_opening(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tiny_provider(), {}, tmp_path) as subject:
            ports = subject.context.ports
            await ports.lease("host", "me", [PortNeed("http", 0, 1)], free=[7])

            assert await ports.held("host") == {7}


async def test_a_storage_is_given_none(tmp_path: Path) -> None:
    local = cast("StorageProvider", provider_named(Seam.STORAGE, "local"))
    async with opened(local, {}, tmp_path) as subject:
        with pytest.raises(NotSupported):
            await subject.context.storage.ping()


async def test_bad_settings_open_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        async with opened(tiny_provider(), {"greeting": ""}, tmp_path):
            pass

    assert TinySettings().greeting == "hello"
    assert await anyio.to_thread.run_sync(lambda: list(tmp_path.iterdir())) == []
