from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path

import anyio
import pytest
from attrs import evolve

from jobyard.cli.passwords import change_password
from jobyard.config.loading import Loaded, load
from jobyard.domain.identity import Lookup, NotMine
from jobyard.domain.job import FrameworkName, JobRef, SubmissionId
from jobyard.errors import ContractViolation, JobyardError, NotSupported
from jobyard.registry import Registry
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.provider import Capability, Seam
from jobyard.secret import Secret
from tests.core.plugins import NoStorageOptions

NEW = Secret("a new password")


@pytest.fixture
def loaded(install: Callable[..., EntryPoint]) -> Loaded:
    """Give a configuration whose only way to log in manages no users."""
    registry = Registry(
        [
            install(Seam.AUTH, "local"),
            install(Seam.SCHEDULING, "local"),
            install(Seam.STORAGE, "local", NoStorageOptions),
        ]
    )
    return load(None, registry, {})


class Nobody:
    """Know nobody."""

    async def authenticate(self, username: str, password: Secret) -> None:
        return None

    async def find(self, username: str) -> Lookup:
        return NotMine()

    async def ping(self) -> None:
        return None


def pretending(loaded: Loaded, contexts: list[Context]) -> Loaded:
    """Let the provider say that it manages users, which it does not."""

    @asynccontextmanager
    async def opened(_settings: object, context: Context) -> AsyncIterator[Authenticator]:
        contexts.append(context)
        yield Nobody()

    (chosen,) = loaded.auth
    provider = evolve(
        chosen.provider, capabilities=frozenset({Capability.MANAGE_USERS}), open=opened
    )
    return evolve(loaded, auth=(evolve(chosen, provider=provider),))


def test_without_a_provider_that_manages_users_nothing_is_touched(
    loaded: Loaded, tmp_path: Path
) -> None:
    with pytest.raises(JobyardError, match=r"None of the ways to log in \(local\)"):
        anyio.run(change_password, loaded, tmp_path, "ada", NEW)

    assert list(tmp_path.iterdir()) == []


async def test_a_provider_that_breaks_its_promise_is_named(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(ContractViolation):
        await change_password(pretending(loaded, []), tmp_path, "ada", NEW)


async def test_what_is_opened_here_starts_no_jobs(loaded: Loaded, tmp_path: Path) -> None:
    contexts: list[Context] = []
    with pytest.raises(ContractViolation):
        await change_password(pretending(loaded, contexts), tmp_path, "ada", NEW)
    ref = JobRef(FrameworkName("ada", "job"), SubmissionId("x"))

    assert contexts[0].state_dir == tmp_path / "auth.local"
    with pytest.raises(NotSupported):
        contexts[0].job_tokens.storage_token(ref, "ada", 60)
