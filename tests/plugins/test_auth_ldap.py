"""The directory as a deployer chooses and configures it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobyard.config.loading import load
from jobyard.errors import ConfigError
from jobyard.registry import Registry
from jobyard.seams.provider import Capability, Seam
from jobyard.secret import Secret
from jobyard.testing.subject import configured
from jobyard_backends.auth.ldap.settings import Address, Encryption, Membership, Nesting
from jobyard_plugins.auth_ldap import resolved
from jobyard_plugins.auth_ldap_config import LdapAuth

SMALL = {"preset": "openldap", "urls": ["ldaps://dc1.example.org"], "base-dn": "dc=example,dc=org"}


def made(**more: object) -> LdapAuth:
    settings = {**SMALL, **{name.replace("_", "-"): value for name, value in more.items()}}
    provider = Registry().provider(Seam.AUTH, "ldap")
    config = configured(
        provider,
        {name: value for name, value in settings.items() if value is not None},
        Path("/etc"),
    )
    assert isinstance(config, LdapAuth)
    return config


def problems(**more: object) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        made(**more)
    return [f"{each.path.removeprefix('ldap.')}: {each.message}" for each in raised.value.problems]


def test_it_is_found_by_its_name_with_what_it_can_do() -> None:
    provider = Registry().provider(Seam.AUTH, "ldap")

    assert provider.config is LdapAuth
    assert provider.capabilities == {Capability.USERS, Capability.WIDE_CREDENTIALS}


def test_choosing_it_costs_no_ldap3() -> None:
    code = "import sys, jobyard_plugins.auth_ldap; print('ldap3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_users_are_listed_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "services-configuration.yaml"
    for listed in (False, True):
        file.write_text(
            "auth: [{ldap: {preset: openldap, urls: ldaps://a, base-dn: dc=x, "
            f"list-users: {str(listed).lower()}}}}}]"
        )
        (chosen,) = load(file, Registry(), {}).auth

        assert (Capability.USERS in chosen.provider.capabilities) is listed


def test_four_lines_are_enough_for_active_directory() -> None:
    settings = resolved(
        made(
            preset="activedirectory",
            bind_dn="jobyard@example.org",
            bind_password=Secret("the gateway's own"),
        )
    )

    assert settings.transport.addresses == (Address("dc1.example.org", 636),)
    assert settings.transport.encryption is Encryption.LDAPS
    assert "(sAMAccountName={username})" in settings.user_filter
    assert settings.name_attribute == "sAMAccountName"
    assert settings.groups.nesting is Nesting.CHAIN
    assert settings.user_base == settings.groups.base == "dc=example,dc=org"


def test_freeipas_people_and_groups_are_looked_for_in_their_own_trees() -> None:
    settings = resolved(made(preset="freeipa"))

    assert settings.user_base == "cn=users,cn=accounts,dc=example,dc=org"
    assert settings.groups.base == "cn=groups,cn=accounts,dc=example,dc=org"
    assert settings.groups.membership is Membership.MEMBER_OF


def test_what_the_file_says_comes_before_the_preset() -> None:
    settings = resolved(
        made(
            user_base_dn="ou=people,dc=example,dc=org",
            user_filter="(mail={username})",
            name_attribute="cn",
            group_base_dn="ou=groups,dc=example,dc=org",
            group_filter="(objectClass=posixGroup)",
            group_depth=3,
            membership="memberUid",
            nested_groups="off",
            minimum_tls="1.3",
            ca_file="ca.pem",
            client_certificate="gateway.pem",
            client_key="gateway.key",
        )
    )

    assert settings.user_base == "ou=people,dc=example,dc=org"
    assert settings.user_filter == "(mail={username})"
    assert settings.name_attribute == "cn"
    assert settings.groups.base == "ou=groups,dc=example,dc=org"
    assert settings.groups.filter == "(objectClass=posixGroup)"
    assert settings.groups.depth == 3
    assert settings.groups.membership is Membership.MEMBER_UID
    assert settings.transport.tls_1_3
    assert settings.transport.ca_file == Path("/etc/ca.pem")
    assert settings.transport.certificate == Path("/etc/gateway.pem")
    assert settings.transport.key == Path("/etc/gateway.key")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ldaps://dc1.example.org", Address("dc1.example.org", 636)),
        ("ldaps://dc1.example.org:3269/", Address("dc1.example.org", 3269)),
        ("ldaps://[2001:db8::1]", Address("2001:db8::1", 636)),
        ("ldaps://10.0.0.1:636", Address("10.0.0.1", 636)),
    ],
)
def test_a_url_names_a_server(url: str, address: Address) -> None:
    assert resolved(made(urls=[url])).transport.addresses == (address,)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (
            {"urls": ["ldap://a"]},
            "urls[0]: expected an ldaps:// URL; for ldap://, set tls: starttls",
        ),
        (
            {"urls": ["ldap://a", "ldaps://b"], "tls": "starttls"},
            (
                "urls[1]: an ldaps:// URL is encrypted from its first byte; leave tls out, or "
                "write ldap://"
            ),
        ),
        (
            {"tls": "none", "allow_plaintext": True},
            "urls[0]: an ldaps:// URL is encrypted; leave tls: none out",
        ),
        (
            {"urls": ["ldap://a"], "tls": "none"},
            "tls: passwords would travel as they are; if that is meant, set allow-plaintext: true",
        ),
        ({"urls": ["ldaps://a:70000"]}, "urls[0]: expected a port of at most 65535"),
        ({"client_key": "k.pem"}, "client-key: expected client-certificate with it"),
        (
            {"bind_dn": "cn=a"},
            "bind-dn: expected bind-dn and bind-password together, or neither",
        ),
        (
            {"bind_password": Secret("a")},
            "bind-password: expected bind-dn and bind-password together, or neither",
        ),
        (
            {"connect_timeout": 5, "total_timeout": 4},
            "total-timeout: expected at least connect-timeout",
        ),
        ({"base_dn": "example.org"}, "base-dn: expected a DN such as dc=example,dc=org"),
        ({"user_base_dn": "people"}, "user-base-dn: expected a DN such as dc=example,dc=org"),
        ({"user_filter": "(uid=a)"}, "user-filter: expected {username} where the name belongs"),
        (
            {"user_dn": "uid=alice,dc=x"},
            "user-dn: expected {username} once, in a value, such as uid={username},ou=people",
        ),
        (
            {"preset": "custom", "name_attribute": "uid"},
            "user-filter: missing; preset custom has no default for it",
        ),
        (
            {"preset": "custom", "user_filter": "(uid={username})"},
            "name-attribute: missing; preset custom has no default for it",
        ),
        (
            {"name_map": {"a": "b"}},
            "name-map: expected keys that no name may hold, such as . or -, and not 'a'",
        ),
        (
            {"required_group": "team"},
            "required-group: expected a DN such as cn=team,ou=groups,dc=example,dc=org",
        ),
        (
            {"group_base_dn": "groups"},
            "group-base-dn: expected a DN such as cn=team,ou=groups,dc=example,dc=org",
        ),
        (
            {"group_filter": "(cn=a"},
            "group-filter: expected ) (character 6 of '(cn=a')",
        ),
        (
            {"membership": "memberUid", "nested_groups": "expand"},
            "nested-groups: a group is never in memberUid of another; expected nested-groups: off",
        ),
        (
            {"membership": "uniqueMember", "nested_groups": "chain"},
            "nested-groups: chain follows member; expected expand",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(more: dict[str, object], problem: str) -> None:
    assert problems(**more) == [problem]


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = problems(urls=["ldap://a"], base_dn="x", required_group="y", client_key="z")

    assert [each.partition(":")[0] for each in told] == [
        "urls[0]",
        "client-key",
        "base-dn",
        "required-group",
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"urls": []},
        {"urls": ["https://a"]},
        {"urls": ["ldaps://a b"]},
        {"urls": ["ldaps://a/dc=x"]},
        {"urls": ["ldaps://user@a"]},
        {"minimum_tls": "1.1"},
        {"connect_timeout": 0},
        {"receive_timeout": 0},
        {"total_timeout": 0},
        {"connections": 0},
        {"group_depth": 0},
        {"bind_dn": "cn=a", "bind_password": Secret("")},
        {"name_map": {".": "-"}},
        {"name_map": {".": ""}},
        {"nested_groups": "yes"},
        {"list_users": "sometimes"},
        {"preset": None},
    ],
)
def test_what_no_option_takes_is_refused(more: dict[str, object]) -> None:
    assert len(problems(**more)) == 1
