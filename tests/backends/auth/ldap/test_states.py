"""Accounts that are disabled, locked or expired do not log in, and the log says why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.identity import Found
from jobyard.secret import Secret
from jobyard_backends.auth.ldap import states
from jobyard_backends.auth.ldap.entries import Entry
from jobyard_backends.auth.ldap.link import Outcome
from tests.backends.auth.ldap.world import directory, log_in, outcome
from tests.slapd import PASSWORD, POLICIES, Slapd, dn_of, person, running_slapd

STRICT = f"cn=strict,{POLICIES}"
AGING = f"cn=aging,{POLICIES}"
NOW = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp() * 1000)
WRONG = Outcome(49, "invalidCredentials", "")


def ticks(moment: datetime) -> int:
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000


def entry(**attributes: object) -> Entry:
    raw = {name: [str(value).encode()] for name, value in attributes.items()}
    return Entry.of("cn=somebody", raw)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({}, None),
        ({"userAccountControl": 512}, None),
        ({"userAccountControl": 514}, "the account is disabled (userAccountControl)"),
        ({"userAccountControl": "none"}, None),
        ({"nsAccountLock": "TRUE"}, "the account is disabled (nsAccountLock)"),
        ({"nsAccountLock": "true"}, "the account is disabled (nsAccountLock)"),
        ({"nsAccountLock": "FALSE"}, None),
        (
            {"pwdAccountLockedTime": "000001010000Z"},
            "the account is locked (pwdAccountLockedTime)",
        ),
        ({"pwdAccountLockedTime": "20240101000000Z"}, None),
        ({"accountExpires": 0}, None),
        ({"accountExpires": 2**63 - 1}, None),
        ({"accountExpires": ticks(datetime(2030, 1, 1, tzinfo=UTC))}, None),
        (
            {"accountExpires": ticks(datetime(2024, 1, 1, tzinfo=UTC))},
            "the account has expired (accountExpires)",
        ),
        (
            {"krbPrincipalExpiration": "20240101000000Z"},
            "the account has expired (krbPrincipalExpiration)",
        ),
        ({"krbPrincipalExpiration": "20300101000000Z"}, None),
        (
            {"userAccountControl": 512, "pwdLastSet": 0},
            "the password has to be changed first (pwdLastSet)",
        ),
        ({"userAccountControl": 0x10200, "pwdLastSet": 0}, None),
        ({"pwdReset": "TRUE"}, "the password has to be changed first (pwdReset)"),
    ],
)
def test_an_entry_says_why_its_account_is_closed(
    attributes: dict[str, object], reason: str | None
) -> None:
    assert states.closed(entry(**attributes), NOW) == reason


@pytest.mark.parametrize("code", sorted(states.SUB_CODES))
def test_sub_codes_of_active_directory_say_why_a_bind_is_refused(code: str) -> None:
    words = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {code}, v1db1"
    reason = states.refusal(Outcome(49, "invalidCredentials", words), entry())

    assert reason == f"{states.SUB_CODES[code]} (sub-code {code})"


@pytest.mark.parametrize(
    ("found", "attributes", "reason"),
    [
        (WRONG, {}, "the password is another, or has expired"),
        (WRONG, {"pwdAccountLockedTime": "20240101000000Z"}, "the account is locked"),
        (Outcome(53, "unwillingToPerform", "Account inactivated."), {}, "the directory refuses"),
        (Outcome(49, "x", "data 999, v1"), {}, "the directory refuses (sub-code 999)"),
    ],
)
def test_other_directories_say_why_in_their_own_ways(
    found: Outcome, attributes: dict[str, object], reason: str
) -> None:
    assert states.refusal(found, entry(**attributes)).startswith(reason)


@pytest.mark.parametrize("code", [1, 2, 3, 7, 8, 10, 13, 51, 52, 80, -1])
def test_a_failure_of_the_directory_is_no_refusal(code: int) -> None:
    assert not states.is_refusal(Outcome(code, "x", ""))


@pytest.mark.parametrize(
    ("attributes", "moment"),
    [
        ({}, None),
        ({"pwdLastSet": ticks(datetime(2024, 1, 1, tzinfo=UTC))}, datetime(2024, 1, 1, tzinfo=UTC)),
        ({"pwdLastSet": 0}, None),
        ({"pwdLastSet": -1}, None),
        ({"pwdChangedTime": "20240102030405Z"}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"pwdChangedTime": "20240102030405.5Z"}, datetime(2024, 1, 2, 3, 4, 5, 500_000, UTC)),
        ({"krbLastPwdChange": "20240102030405Z"}, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"pwdChangedTime": "yesterday"}, None),
    ],
)
def test_the_last_change_of_a_password_is_told(
    attributes: dict[str, object], moment: datetime | None
) -> None:
    expected = None if moment is None else int(moment.timestamp() * 1000)

    assert states.changed_at(entry(**attributes)) == expected


@given(
    st.dictionaries(st.sampled_from(states.ATTRIBUTES), st.binary(max_size=30)),
)
def test_no_value_makes_the_look_fail(attributes: dict[str, bytes]) -> None:
    odd = Entry.of("cn=x", {name: [value] for name, value in attributes.items()})

    states.closed(odd, NOW)
    states.changed_at(odd)


# ------------------------------------------------------------------------ a real directory


@pytest.fixture(scope="module")
def filled() -> Iterator[Slapd]:
    with running_slapd() as server:
        policy = {"objectClass": ["device", "pwdPolicy"], "pwdAttribute": "userPassword"}
        server.add(
            (STRICT, {**policy, "pwdLockout": "TRUE", "pwdMaxFailure": "2"}),
            (AGING, {**policy, "pwdMaxAge": "3600"}),
            person("guessed", pwdPolicySubentry=STRICT),
            person("aged", pwdPolicySubentry=AGING),
            person("closed", pwdAccountLockedTime="000001010000Z"),
            person("fresh", pwdReset="TRUE"),
            person("changing", pwdPolicySubentry=AGING),
        )
        yield server


async def test_whom_too_many_guesses_have_locked_does_not_log_in(
    filled: Slapd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with directory(filled.settings(), tmp_path) as users:
        await log_in(users, "guessed")
        for _ in range(2):
            assert isinstance(await outcome(users, "guessed", Secret("wrong")), str)

        reason = await outcome(users, "guessed")

        assert str(reason).startswith("the account is locked")
        assert str(reason) in caplog.text
        # Whoever is there already stays: anybody could have guessed.
        found = await users.find("guessed")
        assert isinstance(found, Found)
        assert found.identity.enabled


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("closed", "the account is locked (pwdAccountLockedTime)"),
        ("fresh", "the password has to be changed first (pwdReset)"),
    ],
)
async def test_who_is_closed_does_not_log_in_and_is_not_enabled(
    filled: Slapd, tmp_path: Path, name: str, reason: str
) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        assert await outcome(users, name) == reason
        found = await users.find(name)
        assert isinstance(found, Found)
        assert not found.identity.enabled


async def test_a_password_that_has_expired_is_refused(filled: Slapd, tmp_path: Path) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        await log_in(users, "aged")
        old = datetime.now(UTC) - timedelta(days=1)
        filled.change(dn_of("aged"), pwdChangedTime=old.strftime("%Y%m%d%H%M%SZ"))

        assert "has expired" in str(await outcome(users, "aged"))


async def test_a_change_of_the_password_is_told(filled: Slapd, tmp_path: Path) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        before = (await log_in(users, "changing")).credentials_changed_at
        assert before is not None
        new = Secret("the new one, of 25 signs.")
        with anyio.fail_after(10):
            while True:
                filled.change(dn_of("changing"), userPassword=new.reveal())
                found = await users.find("changing")
                assert isinstance(found, Found)
                if (found.identity.credentials_changed_at or 0) > before:
                    break

        assert await log_in(users, "changing", new) == found.identity
        assert isinstance(await outcome(users, "changing", PASSWORD), str)
