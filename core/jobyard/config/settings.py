"""What a deployer can set, apart from the settings of the chosen providers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard.config.choice import Choice
from jobyard.domain.identity import USERNAME_PATTERN
from jobyard.errors import Problem
from jobyard.schema import option
from jobyard.secret import Secret

SHORT_SECRET: Final = 32
"""Bytes below which a ``jwt-secret`` gets a warning (contract, section 2)."""

_ADDRESS: Final = r"https?://[^\s/?#]+(/[^\s?#]*)?"
_ORIGIN: Final = r"\*|https?://[^\s/?#]+"
_DATABASES: Final = ("postgresql://", "sqlite:///")


@frozen
class Tls:
    """Serve HTTPS with a certificate of one's own."""

    certificate: Path = option(
        example="/etc/jobyard/tls/certificate.pem",
        doc="The certificate and those above it, in PEM.",
    )
    key: Path = option(
        example="/etc/jobyard/tls/key.pem",
        doc="The certificate's private key, in PEM, without a password.",
    )


@frozen
class RestServer:
    """Say where the gateway listens, and what holds for every request."""

    server_port: int = option(
        default=9186, minimum=0, maximum=65535, doc="The port to listen on; 0 takes a free one."
    )
    server_host: str | None = option(
        default=None,
        min_length=1,
        max_length=255,
        example="0.0.0.0",  # noqa: S104 - an example
        doc="The address to listen on. Without it: every address where there is a "
        "configuration file, and 127.0.0.1 where there is none.",
    )
    public_url: str | None = option(
        default=None,
        pattern=_ADDRESS,
        example="https://jobs.example.org",
        doc="The address under which callers and tasks reach the gateway, for links in answers.",
    )
    trusted_proxies: tuple[str, ...] = option(
        default=(),
        example=("10.0.0.0/8",),
        doc="Addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    cors_origins: tuple[str, ...] = option(
        default=("*",),
        pattern=_ORIGIN,
        doc="Origins whose pages may call the gateway; `*` is any, an empty list is none.",
    )
    tls: Tls | None = option(default=None, doc="The gateway's own certificate, for HTTPS.")
    max_body: int = option(
        default=1024 * 1024,
        minimum=1024,
        maximum=1024**3,
        doc="The largest request body, in bytes, after decompression; files are not bound by it.",
    )
    jwt_secret: tuple[Secret, ...] = option(
        default=(),
        example={"file": "/etc/jobyard/jwt-secret"},
        doc="The secret that signs tokens, of 32 bytes or more. Of a list the first signs and all "
        "verify. Without it, one is generated in the state directory.",
    )
    default_pai_admin_username: str = option(
        default="admin",
        pattern=USERNAME_PATTERN,
        max_length=128,
        doc="The administrator that the first start makes.",
    )
    default_pai_admin_password: Secret | None = option(
        default=None,
        min_length=6,
        example={"env": "JOBYARD_ADMIN_PASSWORD"},
        doc="That administrator's password. Without it, one is generated and written to the "
        "state directory.",
    )
    anonymous_read: bool = option(default=True, doc="Whether jobs can be read without a token.")
    anonymous_logs: bool = option(
        default=False, doc="Whether others than a job's owner can read its logs."
    )
    accept_unsatisfiable: bool = option(
        default=False,
        doc="Whether to queue a job that no node can ever run, rather than refuse it.",
    )
    upstream_timeout: float = option(
        default=10.0,
        minimum=0.1,
        maximum=3600,
        doc="How long one request may wait for backends, in seconds, retries included.",
    )

    def problems(self) -> Iterable[Problem]:
        """Refuse what is no network, and empty secrets."""
        for index, text in enumerate(self.trusted_proxies):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                message = "expected an IP address or a network such as 10.0.0.0/8"
                yield Problem(f"trusted-proxies[{index}]", message)
        if not all(self.jwt_secret):
            yield Problem("jwt-secret", "a secret is not empty")


@frozen
class Admins:
    """Name administrators, beside those whom a provider calls so."""

    users: tuple[str, ...] = option(
        default=(), pattern=USERNAME_PATTERN, doc="Names of users who are administrators."
    )
    groups: tuple[str, ...] = option(default=(), doc="Groups whose members are administrators.")


@frozen
class AccountSettings:
    """Say what the gateway knows of users, the same for every way to log in."""

    admins: Admins = option(factory=Admins, doc="Who is an administrator.")
    virtual_cluster_groups: Mapping[str, tuple[str, ...]] = option(
        factory=dict,
        key_pattern=r"[A-Za-z0-9_]+",
        example={"vc1": ["cn=team1,ou=groups,dc=example,dc=org"]},
        doc="For a virtual cluster, the groups whose members may use it.",
    )
    login_throttle: str = option(
        default="10/minute",
        pattern=r"off|[1-9][0-9]{0,5}/(second|minute|hour|day)",
        doc="How many failed log-ins a name and an address have; `off` for no limit.",
    )
    recheck: float = option(
        default=60.0,
        minimum=0,
        maximum=86400,
        doc="After how many seconds a directory is asked again about a user with a token.",
    )
    stale_for: float = option(
        default=300.0,
        minimum=0,
        maximum=86400,
        doc="For how many seconds the last answer holds while the directory is down.",
    )
    uniform_login_errors: bool = option(
        default=False,
        doc="Whether an unknown name is answered as a wrong password is.",
    )


@frozen
class BoardSettings:
    """Say how old what is told of jobs and virtual clusters may be."""

    max_age: float = option(
        default=1.0,
        minimum=0,
        maximum=3600,
        doc="How many seconds one look at the scheduler serves all readers; 0 looks every time.",
    )
    stale_for: float = option(
        default=60.0,
        minimum=0,
        maximum=86400,
        doc="For how many seconds memory answers while the scheduler is down.",
    )


@frozen
class WebHdfsSettings:
    """Say whom the file routes believe."""

    trust_user_name: bool = option(
        default=False,
        doc="Whether `user.name=` in a request is believed without any proof. Everybody who "
        "reaches the port can then act as anybody.",
    )


@frozen
class Settings:
    """Be the whole configuration file.

    The chosen providers' own settings are in :class:`~jobyard.config.loading.Chosen`.
    """

    rest_server: RestServer = option(
        factory=RestServer, aliases=("restserver",), doc="The HTTP server."
    )
    auth: tuple[Choice, ...] = option(
        default=(Choice("local", path="auth[0]"),),
        min_length=1,
        doc="Ways to log in, asked in this order.",
    )
    scheduling: Choice = option(
        default=Choice("local", path="scheduling"), doc="The cluster that runs jobs."
    )
    storage: Choice = option(
        default=Choice("local", path="storage"), doc="Where the files of jobs lie."
    )
    observers: tuple[Choice, ...] = option(
        default=(), doc="Plugins that are told what happens, in this order."
    )
    webhdfs: WebHdfsSettings = option(factory=WebHdfsSettings, doc="The file routes.")
    accounts: AccountSettings = option(factory=AccountSettings, doc="Users.")
    board: BoardSettings = option(factory=BoardSettings, doc="The lists of jobs.")
    database: Secret | None = option(
        default=None,
        example="postgresql://jobyard@db/jobyard",
        doc="The URL of the gateway's database, `postgresql://` or `sqlite:///`. Without it, "
        "SQLite in the state directory.",
    )

    def problems(self) -> Iterable[Problem]:
        """Refuse databases that are not spoken to."""
        if self.database is not None and not self.database.reveal().startswith(_DATABASES):
            yield Problem("database", "expected a URL that begins with postgresql:// or sqlite:///")
