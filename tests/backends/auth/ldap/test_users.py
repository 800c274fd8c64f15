"""Who logs in to a real directory, under which name, and who does not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobyard.domain.identity import Found, Gone, NotMine
from jobyard.errors import Unavailable
from jobyard.secret import Secret
from tests.backends.auth.ldap.world import directory, log_in, outcome
from tests.slapd import BASE, PASSWORD, PEOPLE, SERVICE_DN, Slapd, dn_of, person, running_slapd

SPECIAL = ' ,+"\\<>;=#/*()\u00e4&|!~:{}'
"""What RFC 4514 and RFC 4515 escape, and what else means something in one of them."""


@pytest.fixture(scope="module")
def filled() -> Iterator[Slapd]:
    with running_slapd(anonymous="read") as server:
        server.add(
            person("alice", mail="alice@example.org"),
            person("Mixed_Case"),
            person("an.na"),
            person("an-na"),
            person("be.rta"),
            person("two", uid=["two", "zwei"]),
            person("twice"),
            (f"ou=others,{BASE}", {"objectClass": "organizationalUnit"}),
            (f"uid=twice,ou=others,{BASE}", person("twice")[1]),
            (f"uid=far,ou=others,{BASE}", person("far")[1]),
            person("mailer", mail="alice"),
            *(person(f"s{each}s") for each in SPECIAL),
        )
        yield server


@pytest.mark.parametrize("name", ["alice", "Alice", "ALICE", "ALICE ", "  alice "])
async def test_every_case_and_blanks_around_a_name_are_one_user(
    filled: Slapd, tmp_path: Path, name: str
) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        identity = await log_in(users, name)

        assert identity.name == "alice"
        assert await users.find(name) == Found(identity)


async def test_the_directorys_capitals_become_small(filled: Slapd, tmp_path: Path) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        assert (await log_in(users, "mixed_CASE")).name == "mixed_case"
        assert isinstance(await users.find("mixed_case"), Found)


async def test_anonymous_search_finds_users_where_the_directory_allows_it(
    filled: Slapd, tmp_path: Path
) -> None:
    settings = filled.settings()
    del settings["bind-dn"], settings["bind-password"]
    async with directory(settings, tmp_path) as users:
        assert (await log_in(users, "alice")).name == "alice"
        assert await outcome(users, "nobody") == "unknown"


async def test_a_dn_that_follows_from_the_name_needs_no_search(
    filled: Slapd, tmp_path: Path
) -> None:
    settings = filled.settings(user_dn=f"uid={{username}},{PEOPLE}")
    async with directory(settings, tmp_path) as users:
        identity = await log_in(users, "ALICE")

        assert identity.name == "alice"
        assert await users.find("alice") == Found(identity)
        assert await outcome(users, "nobody") == "unknown"
        assert isinstance(await users.find("nobody"), NotMine)
        assert "wrong" not in str(await outcome(users, "alice", Secret("wrong")))
        # Whom only a search below the base finds is nobody here, by whatever name is typed.
        assert await outcome(users, "x,ou=others") == "unknown"


@pytest.mark.parametrize("special", SPECIAL)
async def test_every_character_that_means_something_is_one_of_a_name(
    filled: Slapd, tmp_path: Path, special: str
) -> None:
    name = f"s{special}s"
    for more in ({}, {"user_dn": f"uid={{username}},{PEOPLE}"}):
        settings = filled.settings(name_map={special: "_x"}, **more)
        async with directory(settings, tmp_path) as users:
            identity = await log_in(users, name)

            assert identity.name == "s_xs"
            assert await users.find("s_xs") == Found(identity)
            assert await log_in(users, "s_xs") == identity


async def test_a_name_that_is_none_here_is_refused_with_what_to_change(
    filled: Slapd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with directory(filled.settings(), tmp_path) as users:
        reason = await outcome(users, "be.rta")

        assert "uid is 'be.rta', which is no name here" in str(reason)
        assert "name-map" in str(reason)
        assert str(reason) in caplog.text
        assert isinstance(await users.find("be.rta"), NotMine)
        assert "another" in str(await outcome(users, "be.rta", Secret("wrong")))


async def test_a_name_is_mapped_by_rule_and_found_by_what_it_became(
    filled: Slapd, tmp_path: Path
) -> None:
    async with directory(filled.settings(name_map={".": "_"}), tmp_path) as users:
        identity = await log_in(users, "Be.rta")

        assert identity.name == "be_rta"
        assert await users.find("be_rta") == Found(identity)
        assert await log_in(users, "BE_RTA") == identity


async def test_two_users_whose_names_become_one_are_both_refused(
    filled: Slapd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = filled.settings(name_map={".": "_", "-": "_"}, list_users=True)
    async with directory(settings, tmp_path) as users:
        for name in ("an.na", "an-na", "an_na"):
            assert await outcome(users, name) == "More than one user is meant."
            assert isinstance(await users.find(name), Gone)
        assert f"'an_na' is uid=an-na,{PEOPLE} and uid=an.na,{PEOPLE}" in caplog.text
        assert "an_na" not in [each.name for each in (await users.users(None, 100)).users]


async def test_two_entries_of_one_name_are_both_refused(filled: Slapd, tmp_path: Path) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        assert await outcome(users, "twice") == "More than one user is meant."
        assert isinstance(await users.find("twice"), Gone)
    async with directory(filled.settings(user_base_dn=PEOPLE), tmp_path) as users:
        assert (await log_in(users, "twice")).name == "twice"
        assert await outcome(users, "far") == "unknown"


async def test_of_several_names_the_one_in_the_dn_is_canonical(
    filled: Slapd, tmp_path: Path
) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        identity = await log_in(users, "zwei")

        assert identity.name == "two"
        assert await users.find("two") == Found(identity)


async def test_a_filter_may_take_other_names_which_become_the_canonical_one(
    filled: Slapd, tmp_path: Path
) -> None:
    settings = filled.settings(user_filter="(mail={username})")
    async with directory(settings, tmp_path) as users:
        identity = await log_in(users, "ALICE@example.org")

        assert identity.name == "alice"


async def test_whom_another_users_address_names_is_nobody_safely(
    filled: Slapd, tmp_path: Path
) -> None:
    settings = filled.settings(user_filter="(|(uid={username})(mail={username}))")
    async with directory(settings, tmp_path) as users:
        # One user's mail is the other's name: both could be meant.
        assert await outcome(users, "alice") == "More than one user is meant."
        assert (await log_in(users, "alice@example.org")).name == "alice"


async def test_an_entry_that_the_directory_finds_by_looking_through_the_name_is_nobody(
    filled: Slapd, tmp_path: Path
) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        for name in ("\uff41lice", "ali  ce", "al\u00edce"):
            assert await outcome(users, name) == "unknown"


@pytest.mark.parametrize("password", ["", " ", "\t\n ", "\u00a0", "\ud800", "\0"])
async def test_no_bind_is_tried_with_what_is_no_password(
    filled: Slapd, tmp_path: Path, password: str
) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        binds = filled.log.count(f'BIND dn="{dn_of("alice")}"')
        reason = await outcome(users, "alice", Secret(password))

        assert reason == "the password is empty, or no text that could be one"
        assert filled.log.count(f'BIND dn="{dn_of("alice")}"') == binds
        assert await outcome(users, "nobody", Secret(password)) == "unknown"


async def test_what_follows_a_nul_counts(filled: Slapd, tmp_path: Path) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        assert isinstance(await outcome(users, "alice", Secret(f"{PASSWORD.reveal()}\0x")), str)


async def test_the_gateways_own_password_that_is_wrong_is_an_outage(
    filled: Slapd, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable) as raised:
        async with directory(filled.settings(bind_password=Secret("wrong")), tmp_path):
            pass

    assert raised.value.message == "The directory does not let the gateway's own account in."
    assert SERVICE_DN in str(raised.value.detail)
    assert "wrong" not in str(raised.value.detail)


async def test_a_base_that_does_not_exist_makes_nobody_unknown(
    filled: Slapd, tmp_path: Path
) -> None:
    async with directory(filled.settings(user_base_dn=f"ou=nowhere,{BASE}"), tmp_path) as users:
        for call in (users.find("alice"), users.authenticate("alice", PASSWORD)):
            with pytest.raises(Unavailable) as raised:
                await call

            assert "noSuchObject" in str(raised.value.detail)


async def test_what_the_service_account_may_not_search_makes_nobody_unknown(
    tmp_path: Path,
) -> None:
    with running_slapd() as closed:
        closed.add(person("alice"))
        settings = closed.settings()
        del settings["bind-dn"], settings["bind-password"]
        async with directory(settings, tmp_path) as users:
            with pytest.raises(Unavailable):
                await users.find("alice")


async def test_an_unknown_name_costs_a_bind_too(filled: Slapd, tmp_path: Path) -> None:
    async with directory(filled.settings(), tmp_path) as users:
        before = filled.log.count("method=128")
        assert await outcome(users, "nobody") == "unknown"

        assert filled.log.count("method=128") == before + 1


async def test_connections_of_the_service_account_are_used_again(
    filled: Slapd, tmp_path: Path
) -> None:
    bind = f'BIND dn="{SERVICE_DN}" mech=SIMPLE'
    async with directory(filled.settings(), tmp_path) as users:
        await users.find("alice")
        before = filled.log.count(bind)
        for _ in range(5):
            await users.find("alice")

        assert filled.log.count(bind) == before


async def test_a_connection_that_was_lost_while_it_was_idle_is_replaced(
    slapd: Slapd, tmp_path: Path
) -> None:
    slapd.add(person("idle_user"))
    async with directory(slapd.settings(), tmp_path) as users:
        assert isinstance(await users.find("idle_user"), Found)
        slapd.stop()
        slapd.start()

        assert isinstance(await users.find("idle_user"), Found)
