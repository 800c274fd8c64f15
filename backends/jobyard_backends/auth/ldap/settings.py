"""What the backend is told, with every preset applied."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from jobyard.secret import Secret

_PORTS: Final = {"ldap": 389, "ldaps": 636}


class Encryption(enum.StrEnum):
    """Name how a connection is kept from others' eyes."""

    LDAPS = "ldaps"
    STARTTLS = "starttls"
    NONE = "none"


class Membership(enum.StrEnum):
    """Name the attribute that tells who belongs to a group: the user's own, or the group's."""

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
class Address:
    """Be one server; ``host`` is what its certificate has to name."""

    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Address:
        """Read a URL such as ``ldaps://dc1.example.org``."""
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@frozen
class Transport:
    """Say how servers are reached; times are in seconds, and ``total`` bounds one call."""

    addresses: tuple[Address, ...]
    encryption: Encryption
    ca_file: Path | None
    certificate: Path | None
    key: Path | None
    tls_1_3: bool
    connect: float
    receive: float
    total: float
    connections: int


@frozen
class Groups:
    """Say how a user's groups are found; ``filter`` is that of the groups themselves."""

    base: str
    filter: str
    membership: Membership
    nesting: Nesting
    depth: int
    required: str | None


@frozen
class LdapSettings:
    """Be all that a deployer set.

    ``user_dn`` is a template, without which users are searched below ``user_base`` by
    ``user_filter``; ``name_map`` replaces what no name may hold.
    """

    transport: Transport
    base: str
    bind_dn: str | None
    bind_password: Secret | None
    user_base: str
    user_filter: str
    user_dn: str | None
    name_attribute: str
    name_map: Mapping[str, str]
    groups: Groups
    list_users: bool
