"""What no real directory answers: referrals, nonsense, and too much."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobyard.domain.identity import Found, Identity, NotMine
from jobyard.errors import Unavailable
from jobyard.testing import leaks
from tests import ber
from tests.backends.auth.ldap.scripted import (
    BIND,
    BOUND,
    DONE,
    REFERENCE,
    SEARCH,
    Last,
    Request,
    scripted,
    somebody,
    usual,
)
from tests.backends.auth.ldap.world import directory, outcome

ELSEWHERE = ber.text("ldap://elsewhere.invalid/dc=example")


def users_search(request: Request) -> bool:
    return request.operation.tag == SEARCH and "'uid'" in str(ber.filter_of(request.operation))


async def test_the_scripted_server_lets_somebody_in(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        return usual(request, somebody(request)) if users_search(request) else usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        assert await outcome(users, "alice") == Identity("ldap", "alice")


async def test_a_referral_is_not_followed_and_makes_nobody_unknown(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        if users_search(request):
            return ber.result(request.number, DONE, 10, ber.write(0xA3, ELSEWHERE))
        return usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        for call in (users.find("alice"), outcome(users, "alice")):
            with pytest.raises(Unavailable) as raised:
                await call
            assert "referral" in str(raised.value.detail)


async def test_references_beside_entries_are_left_out(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        reference = ber.message(request.number, REFERENCE, ELSEWHERE)
        if users_search(request):
            return usual(request, reference, somebody(request), reference)
        return usual(request, reference)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        assert await users.find("alice") == Found(Identity("ldap", "alice"))
        assert isinstance(await users.find("nobody"), NotMine)


async def test_a_bind_that_is_referred_elsewhere_is_no_refusal(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        name = request.operation.pieces[1].content if request.operation.tag == BIND else b""
        if name:
            return ber.result(request.number, BOUND, 10, ber.write(0xA3, ELSEWHERE))
        return usual(request, somebody(request)) if users_search(request) else usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        with pytest.raises(Unavailable):
            await outcome(users, "alice")


@pytest.mark.parametrize("code", [1, 8, 13, 80])
async def test_a_bind_that_fails_for_everybody_is_no_refusal(tmp_path: Path, code: int) -> None:
    def answers(request: Request) -> bytes:
        if request.operation.tag == BIND and request.operation.pieces[1].content:
            return ber.result(request.number, BOUND, code)
        return usual(request, somebody(request)) if users_search(request) else usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        with pytest.raises(Unavailable) as raised:
            await outcome(users, "alice")
        assert raised.value.message == "The directory does not check passwords."


async def test_what_has_no_root_entry_is_no_directory(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        if request.operation.tag == BIND:
            return usual(request)
        return ber.result(request.number, DONE, 0)

    async with leaks(), scripted(answers) as config:
        with pytest.raises(Unavailable) as raised:
            async with directory(config, tmp_path):
                pass
    assert raised.value.message == "The directory has no root entry."


async def test_a_root_entry_that_is_refused_later_is_an_outage(tmp_path: Path) -> None:
    refused = False

    def answers(request: Request) -> bytes:
        if refused and request.operation.tag == SEARCH:
            return ber.result(request.number, DONE, 50)
        return usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        await users.ping()
        refused = True
        with pytest.raises(Unavailable):
            await users.ping()


async def test_starttls_that_is_refused_is_an_outage(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        return ber.result(request.number, 0x78, 2, words="no TLS here")

    async with leaks(), scripted(answers) as config:
        with pytest.raises(Unavailable) as raised:
            async with directory({**config, "tls": "starttls"}, tmp_path):
                pass
    assert raised.value.message == "The directory does not speak TLS here."
    assert "no TLS here" in str(raised.value.detail)


async def test_an_entry_of_another_name_is_nobody(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        return (
            usual(request, somebody(request, "mallory"))
            if users_search(request)
            else usual(request)
        )

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        assert await outcome(users, "alice") == "unknown"


@pytest.mark.parametrize("names", [("alice",), ("alice", "zoe")])
async def test_dns_that_are_none_make_nobody_fail(
    tmp_path: Path, names: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    def answers(request: Request) -> bytes:
        if request.operation.tag != SEARCH or not request.base:
            return usual(request)
        if not users_search(request):
            return usual(request, ber.entry(request.number, "no dn either"))
        attributes = [("uid", each) for each in names]
        return usual(request, ber.entry(request.number, "no dn", attributes))

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        assert await outcome(users, "alice") == Identity("ldap", "alice")
        assert "the directory gave 'no dn either' as the DN of a group" in caplog.text


async def test_freeipas_disabled_accounts_are_refused_before_and_by_the_bind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    locked = False

    def answers(request: Request) -> bytes:
        if request.operation.tag == BIND and request.operation.pieces[1].content:
            words = "Account inactivated. Contact system administrator."
            return ber.result(request.number, BOUND, 53, words=words)
        if not users_search(request):
            return usual(request)
        attributes = [("uid", "alice"), *([("nsAccountLock", "TRUE")] if locked else [])]
        dn = "uid=alice,cn=users,cn=accounts,dc=example,dc=org"
        return usual(request, ber.entry(request.number, dn, attributes))

    caplog.set_level("INFO")
    async with (
        leaks(),
        scripted(answers) as config,
        directory({**config, "preset": "freeipa"}, tmp_path) as users,
    ):
        assert "Account inactivated" in str(await outcome(users, "alice"))
        locked = True
        assert await outcome(users, "alice") == "the account is disabled (nsAccountLock)"
        found = await users.find("alice")

    assert isinstance(found, Found)
    assert not found.identity.enabled
    assert "the account is disabled (nsAccountLock)" in caplog.text


async def test_entries_without_an_end_are_an_outage(tmp_path: Path) -> None:
    def answers(request: Request) -> bytes:
        return somebody(request) * 20_000 if users_search(request) else usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        with pytest.raises(Unavailable), anyio.fail_after(10):
            await users.find("alice")


async def test_a_server_that_ends_the_connection_is_an_outage(tmp_path: Path) -> None:
    notice = ber.write(0x8A, b"1.3.6.1.4.1.1466.20036")

    def answers(request: Request) -> bytes:
        if users_search(request):
            return ber.result(0, 0x78, 52, notice)
        return usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        with pytest.raises(Unavailable):
            await users.find("alice")


@pytest.mark.parametrize("code", [51, 52])
async def test_a_busy_server_is_an_outage(tmp_path: Path, code: int) -> None:
    def answers(request: Request) -> bytes:
        if users_search(request):
            return ber.result(request.number, DONE, code)
        return usual(request)

    async with leaks(), scripted(answers) as config, directory(config, tmp_path) as users:
        with pytest.raises(Unavailable) as raised:
            await users.find("alice")
        assert raised.value.message == "The directory is busy."


async def test_attributes_in_parts_are_read_to_their_end(tmp_path: Path) -> None:
    groups = [f"cn=g{number},dc=example,dc=org" for number in range(5)]

    def answers(request: Request) -> bytes:
        if request.operation.tag != SEARCH or not request.base:
            return usual(request)
        asked = [each.content.decode() for each in request.operation.pieces[7].pieces]
        ranges = {
            "memberOf;range=2-*": ("2-3", groups[2:4]),
            "memberOf;range=4-*": ("4-*", groups[4:]),
        }
        name, values = ranges.get(asked[0], ("0-1", groups[:2]))
        listed = ber.write(0x31, *map(ber.text, values))
        part = ber.write(0x30, ber.text(f"memberOf;range={name}"), listed)
        uid = ber.write(0x30, ber.text("uid"), ber.write(0x31, ber.text("alice")))
        found = ber.message(
            request.number,
            0x64,
            ber.text("uid=alice,dc=example,dc=org"),
            ber.write(0x30, uid, part),
        )
        return found + ber.result(request.number, DONE, 0)

    async with leaks(), scripted(answers) as config:
        config["membership"] = "memberOf"
        async with directory(config, tmp_path) as users:
            assert await users.find("alice") == Found(
                Identity("ldap", "alice", groups=frozenset(groups))
            )


@given(nonsense=st.binary(min_size=1, max_size=60), inside=st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_no_nonsense_makes_anybody_unknown_or_let_in(
    tmp_path: Path, nonsense: bytes, *, inside: bool
) -> None:
    def answers(request: Request) -> bytes:
        if not users_search(request):
            return usual(request)
        # Closed behind it, so that nobody waits for the rest of what has none.
        return Last(ber.write(0x30, ber.integer(request.number), nonsense) if inside else nonsense)

    async with scripted(answers) as config:
        patient = {**config, "receive-timeout": 20, "connect-timeout": 20, "total-timeout": 60}
        async with directory(patient, tmp_path) as users:
            try:
                found = await outcome(users, "alice")
            except Unavailable:
                return
            # What was read as an answer without entries, by chance, is one.
            assert found == "unknown"
