"""A real domain controller: its groups in groups, its closed accounts, and what its binds say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from jobyard.clock import SystemClock
from jobyard.domain.identity import Found
from jobyard.errors import Unavailable
from jobyard.seams.provider import Seam
from jobyard.secret import Secret
from jobyard.services.diagnosis import Finding, examine
from jobyard.testing import AuthConformance, KnownUser, provider_named
from jobyard.testing.subject import configured
from jobyard_backends.auth.ldap import states
from jobyard_backends.auth.ldap.diagnosis import diagnosis, examination
from jobyard_plugins.auth_ldap import resolved
from jobyard_plugins.auth_ldap_config import LdapAuth
from tests.backends.auth.ldap.test_conformance import Spellings
from tests.backends.auth.ldap.world import PROVIDER, directory, log_in, outcome
from tests.samba import BASE, DISABLED, NORMAL, USERS, SambaDc
from tests.slapd import PASSWORD

LONG_AGO: Final = datetime.now(UTC) - timedelta(days=30)


def ticks(moment: datetime) -> int:
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000


@pytest.fixture(scope="module")
def filled(samba: SambaDc) -> SambaDc:
    alice = samba.add_user("alice", mail="alice@example.org")
    samba.add_user("Bob")
    samba.add_user("disabled", userAccountControl=str(NORMAL | DISABLED))
    samba.add_user("expired", accountExpires=str(ticks(LONG_AGO)))
    fresh = samba.add_user("fresh", userAccountControl=str(NORMAL))
    samba.change(fresh, pwdLastSet="0")
    samba.add_user("com,ma", sAMAccountName="comma")
    one = samba.add_group("one", alice, f"CN=com\\,ma,{USERS}")
    two = samba.add_group("two", one)
    samba.add_group("three", two)
    return samba


def dn(name: str) -> str:
    return f"cn={name},cn=Users,{BASE.replace('DC=', 'dc=')}"


DEEP: Final = frozenset({dn("one"), dn("two"), dn("three")})


def folded(groups: frozenset[str]) -> frozenset[str]:
    return frozenset(each.casefold() for each in groups)


async def test_the_directory_itself_follows_groups_in_groups(
    filled: SambaDc, tmp_path: Path
) -> None:
    async with directory(filled.settings(list_users=True), tmp_path) as users:
        identity = await log_in(users, "Alice")

        assert identity.name == "alice"
        assert folded(identity.groups) == folded(DEEP)
        assert await users.find("alice") == Found(identity)
        assert identity in (await users.users(None, 1000)).users
        assert (await log_in(users, "bob")).groups == frozenset()
        assert folded((await log_in(users, "comma")).groups) == folded(DEEP)


@pytest.mark.parametrize(
    ("nested", "groups"),
    [("off", frozenset({dn("one")})), ("expand", DEEP), ("chain", DEEP)],
)
@pytest.mark.parametrize("membership", ["memberOf", "member"])
async def test_every_way_to_find_groups_comes_to_the_same(
    filled: SambaDc, tmp_path: Path, membership: str, nested: str, *, groups: frozenset[str]
) -> None:
    settings = filled.settings(membership=membership, nested_groups=nested)
    async with directory(settings, tmp_path) as users:
        assert folded((await log_in(users, "alice")).groups) == folded(groups)


async def test_a_group_three_deep_may_be_required(filled: SambaDc, tmp_path: Path) -> None:
    async with directory(filled.settings(required_group=dn("three")), tmp_path) as users:
        await log_in(users, "alice")
        assert await outcome(users, "bob") == f"the user is not in {dn('three')}"


@pytest.mark.parametrize(
    ("name", "password", "reason", "code"),
    [
        ("alice", "Wrong 1 of 24 signs, here", "the password is another", "52e"),
        ("disabled", PASSWORD.reveal(), "the account is disabled", "533"),
        ("expired", PASSWORD.reveal(), "the account has expired", "701"),
        ("fresh", PASSWORD.reveal(), "the password has to be changed first", "773"),
    ],
)
async def test_closed_accounts_are_refused_and_binds_say_the_same(
    filled: SambaDc, tmp_path: Path, name: str, password: str, *, reason: str, code: str
) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        refused = await outcome(users, name, Secret(password))
        found = await users.find(name)
        bound = await users._calls.make(
            partial(
                users._directory.try_password,
                dn=f"CN={name},{USERS}",
                password=password.encode(),
            )
        )
        person = await users._calls.make(partial(users.people.find, name=name))

    assert str(refused).startswith(reason)
    assert isinstance(found, Found)
    assert found.identity.enabled is (code == "52e")
    assert person is not None
    assert states.is_refusal(bound)
    assert states.refusal(bound, person.entry) == f"{states.SUB_CODES[code]} (sub-code {code})"


async def test_whom_too_many_guesses_have_locked_does_not_log_in(
    filled: SambaDc, tmp_path: Path
) -> None:
    filled.add_user("guessed")
    filled.change(BASE, lockoutThreshold="3")
    try:
        async with directory(filled.settings(), tmp_path) as users:
            await log_in(users, "guessed")
            for _ in range(3):
                assert isinstance(await outcome(users, "guessed", Secret("wrong")), str)
            found = await users.find("guessed")

            assert str(await outcome(users, "guessed")).endswith("(sub-code 775)")
            assert isinstance(found, Found)
            assert found.identity.enabled
    finally:
        filled.change(BASE, lockoutThreshold="0")


async def test_a_change_of_the_password_is_told(filled: SambaDc, tmp_path: Path) -> None:
    changing = filled.add_user("changing", pwdLastSet="-1")
    async with directory(filled.settings(), tmp_path) as users:
        before = await log_in(users, "changing")
        assert before.credentials_changed_at is not None
        new = Secret("The next 1, of 24 signs.")
        filled.change(changing, unicodePwd=f'"{new.reveal()}"'.encode("utf-16-le"))
        after = await log_in(users, "changing", new)

        assert after.credentials_changed_at is not None
        assert after.credentials_changed_at >= before.credentials_changed_at


async def test_other_names_of_a_user_become_the_account_name(
    filled: SambaDc, tmp_path: Path
) -> None:
    users_filter = (
        "(&(objectClass=user)(|(sAMAccountName={username})(userPrincipalName={username})))"
    )
    async with directory(filled.settings(user_filter=users_filter), tmp_path) as users:
        assert (await log_in(users, "ALICE@ad.example.org")).name == "alice"
        assert (await log_in(users, "bob")).name == "bob"


async def test_starttls_is_spoken_and_plain_binds_are_not(filled: SambaDc, tmp_path: Path) -> None:
    plain = [f"ldap://localhost:{filled.port}"]
    async with directory(filled.settings(urls=plain, tls="starttls"), tmp_path) as users:
        await log_in(users, "alice")
    settings = filled.settings(urls=plain, tls="none", allow_plaintext=True)
    with pytest.raises(Unavailable) as raised:
        async with directory(settings, tmp_path):
            pass

    assert "strongerAuthRequired" in str(raised.value.detail)


async def test_the_doctor_and_the_trial_find_all_good(filled: SambaDc) -> None:
    config = configured(PROVIDER, filled.settings(), Path("/etc"))
    assert isinstance(config, LdapAuth)
    for steps in (
        diagnosis(resolved(config)),
        examination(resolved(config), "alice", PASSWORD),
    ):
        findings: list[Finding] = []
        async with steps as checks:
            assert await examine("auth.ldap", checks, SystemClock(), findings.append), findings


class TestActiveDirectory(AuthConformance):
    provider = provider_named(Seam.AUTH, "ldap")

    @pytest.fixture
    def settings(self, filled: SambaDc) -> Mapping[str, object]:
        return filled.settings(list_users=True)

    @pytest.fixture
    def known(self) -> KnownUser:
        return KnownUser("alice", PASSWORD, DEEP)

    @pytest.fixture
    def spellings(self) -> Sequence[str]:
        return Spellings(("Alice", "ALICE "))

    @pytest.fixture
    def disabled(self) -> KnownUser:
        return KnownUser("disabled", PASSWORD)
