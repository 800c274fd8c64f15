"""``jobyard auth try``, with the embedded users and with providers of the test's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve

from jobyard.cli.log_in_trial import try_user
from jobyard.config.loading import Chosen, load
from jobyard.errors import JobyardError
from jobyard.registry import Registry
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import auth_provider
from jobyard.secret import Secret
from jobyard.services.diagnosis import Finding
from jobyard.testing.fakes.auth import FakeAuth
from tests.core.cli.process import running
from tests.gateways import NoSettings

PASSWORD = Secret("what they know")
CONFIGURATION = b"""
accounts:
  admins: {groups: [operators]}
  virtual-cluster-groups: {vc1: [team1]}
"""


@pytest.fixture
def fake() -> FakeAuth:
    fake = FakeAuth()
    fake.put("alice", PASSWORD, groups=["team1"])
    fake.put("olga", PASSWORD, groups=["operators"])
    fake.put("eve", PASSWORD, enabled=False)
    return fake


def chosen(backend: FakeAuth, steps: Sequence[Check] = ()) -> Chosen[Authenticator]:
    @asynccontextmanager
    async def opened(_: NoSettings, __: Context) -> AsyncIterator[Authenticator]:
        yield backend

    @asynccontextmanager
    async def examined(
        _: NoSettings, __: Context, username: str, password: Secret | None
    ) -> AsyncIterator[Sequence[Check]]:
        yield steps

    provider = auth_provider(
        name="fake", api=1, summary="A fake.", config=NoSettings, open=opened, examine=examined
    )
    return Chosen(provider, NoSettings(), "fake")


async def tried(
    folder: Path, members: Sequence[Chosen[Authenticator]], name: str, password: Secret | None
) -> tuple[bool, list[Finding]]:
    file = folder / "services-configuration.yaml"
    file.write_bytes(CONFIGURATION)
    loaded = evolve(load(file, Registry(), {}), auth=tuple(members))
    findings: list[Finding] = []
    good = await try_user(loaded, folder, name, password, findings.append)
    return good, findings


def said(findings: Sequence[Finding]) -> list[tuple[str, bool, str]]:
    return [(each.step, each.good, each.found) for each in findings]


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("alice", "no administrator; virtual clusters: default, vc1"),
        ("olga", "administrator, with all virtual clusters"),
    ],
)
async def test_who_is_let_in_is_told_with_groups_and_roles(
    tmp_path: Path, fake: FakeAuth, name: str, roles: str
) -> None:
    good, findings = await tried(tmp_path, [chosen(fake)], name, PASSWORD)

    assert good
    group = "team1" if name == "alice" else "operators"
    assert said(findings) == [
        ("log in", True, f"the user is {name}, of the groups: {group}"),
        ("give roles", True, roles),
    ]


async def test_without_a_password_the_user_is_looked_up(tmp_path: Path, fake: FakeAuth) -> None:
    good, findings = await tried(tmp_path, [chosen(fake)], "alice", None)

    assert good
    assert [each.step for each in findings] == ["look the user up", "give roles"]


async def test_a_wrong_password_ends_the_chain(tmp_path: Path, fake: FakeAuth) -> None:
    other = FakeAuth()
    other.put("alice", Secret("theirs alone"))
    good, findings = await tried(
        tmp_path, [chosen(fake), chosen(other)], "alice", Secret("theirs alone")
    )

    assert not good
    assert [(each.step, each.good) for each in findings] == [("log in", False)]
    assert "theirs alone" not in findings[0].found


async def test_a_disabled_user_is_not_let_in(tmp_path: Path, fake: FakeAuth) -> None:
    good, findings = await tried(tmp_path, [chosen(fake)], "eve", None)

    assert not good
    assert findings[-1].found == "eve is known, and may not log in"


async def test_the_next_provider_is_asked_for_whom_the_first_does_not_know(
    tmp_path: Path, fake: FakeAuth
) -> None:
    good, findings = await tried(tmp_path, [chosen(FakeAuth()), chosen(fake)], "alice", PASSWORD)

    assert good
    assert findings[0].found == "the user is not known here; the next provider is asked"
    assert [each.step for each in findings] == ["log in", "log in", "give roles"]


async def test_whom_nobody_knows_is_told(tmp_path: Path) -> None:
    good, findings = await tried(tmp_path, [chosen(FakeAuth())], "alice", PASSWORD)

    assert not good
    assert findings[-1] == Finding(
        "auth",
        "log in",
        good=False,
        seconds=0,
        found="nobody knows the user",
        remedy="Check the spelling of the name, and where the providers look for users.",
    )


async def test_the_providers_own_steps_come_first_and_end_it_where_one_fails(
    tmp_path: Path, fake: FakeAuth
) -> None:
    async def good_step() -> str:
        return "it is there"

    async def bad_step() -> str:
        message = "it is not there"
        raise JobyardError(message)

    steps = [Check("look", good_step), Check("look again", bad_step, "Put it there.")]
    good, findings = await tried(tmp_path, [chosen(fake, steps)], "alice", PASSWORD)

    assert not good
    assert said(findings) == [
        ("look", True, "it is there"),
        ("look again", False, "it is not there"),
    ]
    assert findings[-1].remedy == "Put it there."


def test_the_command_asks_the_embedded_users(tmp_path: Path) -> None:
    arguments = ("auth", "try", "alice", "--json", "--no-password")
    with running(tmp_path / "run", *arguments, "--state-dir", str(tmp_path / "state")) as process:
        code = process.code()

        findings = [json.loads(line) for line in process.out.splitlines()]
        assert [each["found"] for each in findings] == [
            "the user is not known here; the next provider is asked",
            "nobody knows the user",
        ]
        assert code == 1
