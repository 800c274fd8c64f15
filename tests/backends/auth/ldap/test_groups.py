"""Groups of a real directory, direct ones and those above, and the one that is required."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobyard.domain.identity import Found
from jobyard.errors import ConfigError, Unavailable
from tests.backends.auth.ldap.world import directory, log_in, outcome
from tests.slapd import BASE, GROUPS, Slapd, dn_of, group, group_dn, person, running_slapd

COMMA = 'c,o"m+ma'


def unique(name: str, *members: str) -> tuple[str, dict[str, object]]:
    return group_dn(name), {"objectClass": ["groupOfUniqueNames"], "uniqueMember": list(members)}


@pytest.fixture(scope="module")
def filled() -> Iterator[Slapd]:
    with running_slapd() as server:
        server.add(
            *(person(name) for name in ("alice", "bob", "lonely", COMMA)),
            # memberof writes into members that are there already.
            group("one", dn_of("alice"), dn_of(COMMA)),
            group("two", group_dn("one"), dn_of("bob")),
            group("three", group_dn("two")),
            group("four", group_dn("three")),
            group("else", dn_of("bob")),
            unique("u1", dn_of("alice")),
            unique("u2", group_dn("u1")),
            (
                group_dn("p1"),
                {"objectClass": ["posixGroup"], "gidNumber": "1", "memberUid": ["alice", "bob"]},
            ),
            (f"ou=old,{BASE}", {"objectClass": "organizationalUnit"}),
            (f"cn=elsewhere,ou=old,{BASE}", group("elsewhere", dn_of("alice"))[1]),
        )
        # A cycle: the top is in the bottom.
        server.change_list(
            group_dn("one"), "member", [dn_of("alice"), dn_of(COMMA), group_dn("four")]
        )
        yield server


def dns(*names: str) -> frozenset[str]:
    return frozenset(map(group_dn, names))


DEEP = dns("one", "two", "three", "four")


@pytest.mark.parametrize(
    ("more", "alice"),
    [
        ({"membership": "member"}, dns("one")),
        ({"membership": "member", "nested_groups": "expand"}, DEEP),
        ({"membership": "memberOf"}, dns("one")),
        ({"membership": "memberOf", "nested_groups": "expand"}, DEEP),
        (
            {"membership": "uniqueMember", "group_filter": "(objectClass=groupOfUniqueNames)"},
            dns("u1"),
        ),
        (
            {
                "membership": "uniqueMember",
                "group_filter": "(objectClass=groupOfUniqueNames)",
                "nested_groups": "expand",
            },
            dns("u1", "u2"),
        ),
        ({"membership": "memberUid", "group_filter": "(objectClass=posixGroup)"}, dns("p1")),
        ({"group_filter": "(&(objectClass=groupOfNames)(!(cn=one)))"}, frozenset()),
    ],
)
async def test_groups_are_found_by_every_attribute_with_and_without_those_above(
    filled: Slapd, tmp_path: Path, more: dict[str, object], alice: frozenset[str]
) -> None:
    settings = filled.settings(group_base_dn=GROUPS, list_users=True, **more)
    async with directory(settings, tmp_path) as users:
        identity = await log_in(users, "alice")

        assert identity.groups == alice
        assert await users.find("alice") == Found(identity)
        # The listing reads all groups at once, and comes to the same.
        assert identity in (await users.users(None, 100)).users
        assert (await log_in(users, "lonely")).groups == frozenset()


async def test_groups_outside_of_their_base_do_not_count(filled: Slapd, tmp_path: Path) -> None:
    elsewhere = f"cn=elsewhere,ou=old,{BASE}"
    for membership in ("member", "memberOf"):
        async with directory(filled.settings(membership=membership), tmp_path) as users:
            assert (await log_in(users, "alice")).groups == {group_dn("one"), elsewhere}
        settings = filled.settings(membership=membership, group_base_dn=GROUPS)
        async with directory(settings, tmp_path) as users:
            assert (await log_in(users, "alice")).groups == {group_dn("one")}


async def test_a_name_that_needs_escapes_is_a_member_too(filled: Slapd, tmp_path: Path) -> None:
    rule = {",": "_", '"': "_", "+": "_"}
    for membership in ("member", "memberOf"):
        settings = filled.settings(
            name_map=rule, membership=membership, nested_groups="expand", group_base_dn=GROUPS
        )
        async with directory(settings, tmp_path) as users:
            assert (await log_in(users, COMMA)).groups == DEEP


async def test_the_depth_is_bounded_and_the_log_says_so(
    filled: Slapd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = filled.settings(nested_groups="expand", group_depth=2, group_base_dn=GROUPS)
    async with directory(settings, tmp_path) as users:
        assert (await log_in(users, "alice")).groups == dns("one", "two", "three")
        assert "go on after 2 levels, where group-depth ends the search" in caplog.text


async def test_a_cycle_ends_without_a_word(
    filled: Slapd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    settings = filled.settings(nested_groups="expand", group_depth=4, group_base_dn=GROUPS)
    async with directory(settings, tmp_path) as users:
        assert (await log_in(users, "alice")).groups == DEEP
        assert caplog.text == ""


@pytest.mark.parametrize(
    ("required", "nested", "let_in"),
    [
        ("one", "off", True),
        ("three", "expand", True),
        ("three", "off", False),
        ("else", "expand", False),
        ("no-such-group", "expand", False),
    ],
)
async def test_outside_of_the_required_group_nobody_logs_in(
    filled: Slapd, tmp_path: Path, required: str, nested: str, *, let_in: bool
) -> None:
    settings = filled.settings(required_group=group_dn(required).upper(), nested_groups=nested)
    async with directory(settings, tmp_path) as users:
        came = await outcome(users, "alice")
        found = await users.find("alice")

        assert isinstance(found, Found)
        assert found.identity.enabled is let_in
        assert isinstance(came, str) is not let_in
        if not let_in:
            assert came == f"the user is not in {group_dn(required).upper()}"
        assert isinstance(await outcome(users, "lonely"), str)


async def test_groups_that_cannot_be_looked_at_let_nobody_in(filled: Slapd, tmp_path: Path) -> None:
    settings = filled.settings(group_base_dn=f"ou=nowhere,{BASE}", required_group=group_dn("one"))
    async with directory(settings, tmp_path) as users:
        for name in ("alice", "lonely"):
            with pytest.raises(Unavailable) as raised:
                await outcome(users, name)

            assert raised.value.message == "The directory does not tell a user's groups."


async def test_a_chain_is_asked_for_where_the_directory_offers_it_alone(
    filled: Slapd, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        async with directory(filled.settings(nested_groups="chain"), tmp_path):
            pass

    assert str(raised.value) == (
        "nested-groups: the directory does not offer chain; expected expand, or off"
    )
