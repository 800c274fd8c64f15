"""What a deployer can set of a directory, with what each kind of directory is like."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from jobyard.domain.identity import is_username
from jobyard.errors import Problem
from jobyard.schema import option
from jobyard.seams.provider import Capability
from jobyard.secret import Secret

_ATTRIBUTE: Final = r"[A-Za-z][A-Za-z0-9-]{0,127}"
_URL: Final = (
    r"ldaps?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:[0-9]{1,5})?/?"
)
_LAST_PORT: Final = 65_535


class Preset(enum.StrEnum):
    """Name a kind of directory."""

    OPENLDAP = "openldap"
    ACTIVE_DIRECTORY = "activedirectory"
    FREEIPA = "freeipa"
    CUSTOM = "custom"


class Tls(enum.StrEnum):
    """Name how a connection is kept from others' eyes."""

    LDAPS = "ldaps"
    STARTTLS = "starttls"
    NONE = "none"


class Membership(enum.StrEnum):
    """Name the attribute that tells who belongs to a group."""

    MEMBER_OF = "memberOf"
    MEMBER = "member"
    UNIQUE_MEMBER = "uniqueMember"
    MEMBER_UID = "memberUid"


class Nesting(enum.StrEnum):
    """Name how groups inside of groups are found."""

    OFF = "off"
    CHAIN = "chain"
    EXPAND = "expand"


@frozen
class Defaults:
    """Be what a preset says where the file says nothing; bases are put before ``base-dn``."""

    user_filter: str | None
    name_attribute: str | None
    group_filter: str
    membership: Membership
    nesting: Nesting = Nesting.OFF
    user_base: str = ""
    group_base: str = ""


PRESETS: Final[Mapping[Preset, Defaults]] = {
    Preset.OPENLDAP: Defaults(
        "(&(objectClass=person)(uid={username}))",
        "uid",
        "(objectClass=groupOfNames)",
        Membership.MEMBER,
    ),
    Preset.ACTIVE_DIRECTORY: Defaults(
        "(&(objectCategory=person)(objectClass=user)(sAMAccountName={username}))",
        "sAMAccountName",
        "(objectClass=group)",
        Membership.MEMBER_OF,
        Nesting.CHAIN,
    ),
    # The other tree of FreeIPA, cn=compat, holds everybody a second time.
    Preset.FREEIPA: Defaults(
        "(&(objectClass=posixAccount)(uid={username}))",
        "uid",
        "(objectClass=groupOfNames)",
        Membership.MEMBER_OF,
        user_base="cn=users,cn=accounts,",
        group_base="cn=groups,cn=accounts,",
    ),
    Preset.CUSTOM: Defaults(None, None, "(objectClass=*)", Membership.MEMBER_OF),
}


@frozen
class LdapAuth:
    """Be the settings of a directory."""

    preset: Preset = option(
        example="openldap",
        doc="The kind of directory, which gives the defaults of the options about users and "
        "groups. `custom` gives none for users.",
    )
    urls: tuple[str, ...] = option(
        min_length=1,
        max_length=16,
        pattern=_URL,
        example=("ldaps://dc1.example.org",),
        doc="The servers, in the order in which they are asked; one that did not answer comes last.",
    )
    tls: Tls = option(
        default=Tls.LDAPS,
        doc="How connections are encrypted. `starttls` needs ldap:// URLs; `none` sends passwords "
        "as they are, and needs `allow-plaintext`.",
    )
    allow_plaintext: bool = option(
        default=False, doc="Whether passwords may travel without encryption."
    )
    ca_file: Path | None = option(
        default=None,
        example="/etc/jobyard/directory-ca.pem",
        doc="The certificates of the authorities that servers' certificates are held against. "
        "Without it, the system's.",
    )
    client_certificate: Path | None = option(
        default=None,
        example="/etc/jobyard/gateway.pem",
        doc="The gateway's own certificate, where the directory asks for one.",
    )
    client_key: Path | None = option(
        default=None,
        example="/etc/jobyard/gateway.key",
        doc="The key of that certificate, where it is in a file of its own.",
    )
    minimum_tls: str = option(
        default="1.2", choices=("1.2", "1.3"), doc="The oldest version of TLS that is spoken."
    )
    base_dn: str = option(
        min_length=1, example="dc=example,dc=org", doc="The DN below which everything lies."
    )
    bind_dn: str | None = option(
        default=None,
        min_length=1,
        example="cn=jobyard,ou=services,dc=example,dc=org",
        doc="The account that looks users up. Without it, that is done anonymously.",
    )
    bind_password: Secret | None = option(
        default=None,
        min_length=1,
        example={"env": "JOBYARD_LDAP_PASSWORD"},
        doc="That account's password.",
    )
    user_base_dn: str | None = option(
        default=None,
        example="ou=people,dc=example,dc=org",
        doc="The DN below which users are searched. Without it, `base-dn`; for "
        "FreeIPA, the users below it.",
    )
    user_filter: str | None = option(
        default=None,
        example="(&(objectClass=person)(uid={username}))",
        doc="The filter that finds a user; `{username}` stands where the typed name belongs.",
    )
    user_dn: str | None = option(
        default=None,
        example="uid={username},ou=people,dc=example,dc=org",
        doc="The DN of a user, with `{username}` in it, where it follows from the name. Without "
        "it, users are searched.",
    )
    name_attribute: str | None = option(
        default=None,
        pattern=_ATTRIBUTE,
        example="uid",
        doc="The attribute whose value, in small letters, is the user's name in the gateway.",
    )
    name_map: Mapping[str, str] = option(
        factory=dict,
        key_pattern=r".{1,64}",
        pattern=r"[_A-Za-z0-9]{1,16}",
        example={".": "_"},
        doc="What stands in names for what they may not hold. Two users whose names become one "
        "are refused.",
    )
    group_base_dn: str | None = option(
        default=None,
        example="ou=groups,dc=example,dc=org",
        doc="The DN below which groups count. Without it, `base-dn`; for FreeIPA, "
        "the groups below it.",
    )
    group_filter: str | None = option(
        default=None, example="(objectClass=groupOfNames)", doc="The filter that finds groups."
    )
    membership: Membership | None = option(
        default=None,
        example="member",
        doc="The attribute that tells who belongs to a group: `memberOf` of users, "
        "or one of groups.",
    )
    nested_groups: Nesting | None = option(
        default=None,
        example="expand",
        doc="How groups inside of groups are found: not at all, by the rule of Active Directory "
        "that follows them (`chain`), or level by level (`expand`).",
    )
    group_depth: int = option(
        default=10, minimum=1, maximum=100, doc="How many levels `expand` goes up."
    )
    required_group: str | None = option(
        default=None,
        example="cn=gpu-users,ou=groups,dc=example,dc=org",
        doc="The DN of a group outside of which nobody logs in.",
    )
    list_users: bool = option(
        default=False,
        doc="Whether `GET /user` lists everybody whom the filter finds, and not "
        "only those who logged in once.",
    )
    connect_timeout: float = option(
        default=2.0,
        minimum=0.05,
        maximum=60,
        doc="How long a server may take to be connected to, its certificate included, in seconds.",
    )
    receive_timeout: float = option(
        default=3.0,
        minimum=0.05,
        maximum=60,
        doc="How long a server may take to answer one request, in seconds.",
    )
    total_timeout: float = option(
        default=8.0,
        minimum=0.05,
        maximum=300,
        doc="How long one log-in or look-up may take, in seconds, whichever servers are tried.",
    )
    connections: int = option(
        default=4, minimum=1, maximum=64, doc="How many log-ins and look-ups are done at once."
    )

    @property
    def defaults(self) -> Defaults:
        """Give what the preset says."""
        return PRESETS[self.preset]

    def switched_off(self) -> Iterable[Capability]:
        """Give what the provider can do, and shall not with these settings."""
        return () if self.list_users else (Capability.USERS,)

    def problems(self) -> Iterable[Problem]:
        """Refuse what does not belong together, and what no directory would understand."""
        yield from _transport_problems(self)
        yield from _user_problems(self)
        yield from _group_problems(self)


def _transport_problems(config: LdapAuth) -> Iterable[Problem]:
    wanted = "ldaps" if config.tls is Tls.LDAPS else "ldap"
    for index, url in enumerate(config.urls):
        if not _has_good_port(url):
            yield Problem(f"urls[{index}]", f"expected a port of at most {_LAST_PORT}")
        elif urlsplit(url).scheme != wanted:
            yield Problem(f"urls[{index}]", _scheme_problem(config.tls))
    if config.tls is Tls.NONE and not config.allow_plaintext:
        message = "passwords would travel as they are; if that is meant, set allow-plaintext: true"
        yield Problem("tls", message)
    if config.client_key is not None and config.client_certificate is None:
        yield Problem("client-key", "expected client-certificate with it")
    if config.total_timeout < config.connect_timeout:
        yield Problem("total-timeout", "expected at least connect-timeout")
    if (config.bind_dn is None) is not (config.bind_password is None):
        name = "bind-dn" if config.bind_password is None else "bind-password"
        yield Problem(name, "expected bind-dn and bind-password together, or neither")


def _has_good_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _scheme_problem(tls: Tls) -> str:
    if tls is Tls.LDAPS:
        return "expected an ldaps:// URL; for ldap://, set tls: starttls"
    if tls is Tls.STARTTLS:
        return "an ldaps:// URL is encrypted from its first byte; leave tls out, or write ldap://"
    return "an ldaps:// URL is encrypted; leave tls: none out"


def _user_problems(config: LdapAuth) -> Iterable[Problem]:
    # Read without any library, and only where a file chooses this provider.
    from jobyard_backends.auth.ldap import distinguished, filters  # noqa: PLC0415

    for name, text in (("base-dn", config.base_dn), ("user-base-dn", config.user_base_dn)):
        if text is not None and not distinguished.is_dn(text):
            yield Problem(name, "expected a DN such as dc=example,dc=org")
    for name, text, problem_of in (
        ("user-dn", config.user_dn, distinguished.template_problem),
        ("user-filter", config.user_filter, filters.template_problem),
    ):
        problem = None if text is None else problem_of(text)
        if problem is not None:
            yield Problem(name, problem)
    yield from _name_problems(config)


def _name_problems(config: LdapAuth) -> Iterable[Problem]:
    for name, value, default in (
        ("user-filter", config.user_filter, config.defaults.user_filter),
        ("name-attribute", config.name_attribute, config.defaults.name_attribute),
    ):
        if value is None and default is None:
            yield Problem(name, f"missing; preset {config.preset.value} has no default for it")
    for key in config.name_map:
        if is_username(key):
            message = f"expected keys that no name may hold, such as . or -, and not {key!r}"
            yield Problem("name-map", message)


def _group_problems(config: LdapAuth) -> Iterable[Problem]:
    from jobyard_backends.auth.ldap import distinguished, filters  # noqa: PLC0415 - as above

    for name, text in (
        ("group-base-dn", config.group_base_dn),
        ("required-group", config.required_group),
    ):
        if text is not None and not distinguished.is_dn(text):
            yield Problem(name, "expected a DN such as cn=team,ou=groups,dc=example,dc=org")
    if config.group_filter is not None:
        try:
            filters.parse(config.group_filter)
        except filters.FilterError as error:
            yield Problem("group-filter", str(error))
    membership = config.membership or config.defaults.membership
    nesting = config.nested_groups or config.defaults.nesting
    if membership is Membership.MEMBER_UID and nesting is not Nesting.OFF:
        message = "a group is never in memberUid of another; expected nested-groups: off"
        yield Problem("nested-groups", message)
    if nesting is Nesting.CHAIN and membership is Membership.UNIQUE_MEMBER:
        yield Problem("nested-groups", "chain follows member; expected expand")
