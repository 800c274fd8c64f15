"""What the users in memory do beyond the suite of their seam, which tests/conformance runs."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from jobyard.domain.identity import Found, Identity
from jobyard.errors import Unavailable
from jobyard.seams.auth import CredentialsRejected
from jobyard.secret import Secret
from jobyard.testing.fakes.auth import FAKE_AUTH, FakeAuth, fake_auth_provider
from jobyard.testing.subject import opened
from tests.databases import HandClock

PASSWORD = Secret("what alice knows")


async def test_whoever_was_put_there_is_known_with_everything_that_was_said() -> None:
    fake = FakeAuth(clock=HandClock(5))

    put = fake.put("alice", PASSWORD, groups=["team1"], admin=True, enabled=False)

    assert put == Identity("fake", "alice", frozenset({"team1"}), True, False, 5000)
    assert await fake.find("alice") == Found(put)
    assert await fake.authenticate("ALICE", PASSWORD) == put


async def test_a_fake_fails_as_it_was_told_to_and_then_no_more() -> None:
    fake = FakeAuth()
    fake.put("alice", PASSWORD)
    fake.fail_next(Unavailable("first"))
    fake.fail_next(CredentialsRejected("second"))

    with pytest.raises(Unavailable, match="first"):
        await fake.find("alice")
    with pytest.raises(CredentialsRejected, match="second"):
        await fake.authenticate("alice", PASSWORD)
    assert await fake.authenticate("alice", PASSWORD) is not None


async def test_every_call_fails_while_it_is_down() -> None:
    fake = FakeAuth()
    fake.down = True

    for call in (
        fake.ping(),
        fake.find("alice"),
        fake.authenticate("alice", PASSWORD),
        fake.users(None, 1),
        fake.create("alice", PASSWORD, admin=False),
    ):
        with pytest.raises(Unavailable):
            await call
    fake.down = False
    assert (await fake.users(None, 1)).users == ()


async def test_a_provider_opens_the_fake_that_a_test_holds(tmp_path: Path) -> None:
    fake = FakeAuth()

    async with opened(fake_auth_provider(lambda _, __: fake), {}, tmp_path) as subject:
        assert subject.backend is fake


async def test_each_state_directory_has_users_of_its_own(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    for number, name in enumerate(["one", "two", "one"]):
        folder = anyio.Path(tmp_path / name)
        await folder.mkdir(exist_ok=True)
        async with opened(FAKE_AUTH, {}, Path(folder)) as subject:
            fake = subject.backend
            assert isinstance(fake, FakeAuth)
            seen.append([each.name for each in (await fake.users(None, 10)).users])
            fake.put(f"alice{number}", PASSWORD)

    assert seen == [[], [], ["alice0"]]
