"""The storage in Hadoop's file system, over WebHDFS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from jobyard.errors import Problem
from jobyard.hookspecs import hookimpl
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import StorageProvider, storage_provider
from jobyard.seams.storage import Storage, StorageSettings
from jobyard.secret import Secret

if TYPE_CHECKING:
    from jobyard_backends.storage.hdfs import Place

_USER: Final = r"[A-Za-z_][A-Za-z0-9._-]*[$]?"
_ADDRESS: Final = r"https?://[^\s/?#@]+/?"
_PRINCIPAL: Final = r"[^\s/@]+(/[^\s/@]+)?@[^\s/@]+"
_NODE: Final = r"[A-Za-z0-9._-]+(:[0-9]{1,5})?"
_BY_NAME: Final = "user-name"
_BY_PROXY: Final = "proxy-user"
_HADOOP: Final = "hadoop"
_GATEWAY: Final = "jobyard"


@frozen
class HdfsTls:
    """Say whose certificates the gateway believes."""

    ca_file: Path = option(
        example="/etc/jobyard/hadoop-ca.pem",
        doc="The authorities that signed the certificates of NameNodes and DataNodes, in PEM. "
        "Without it: those that the machine trusts.",
    )


@frozen
class HdfsKerberos:
    """Say where the gateway's tickets come from: a keytab, or a cache that others keep fresh."""

    principal: str | None = option(
        default=None,
        pattern=_PRINCIPAL,
        example="jobyard/gateway.example.org@EXAMPLE.ORG",
        doc="Who the gateway is to Kerberos; HDFS has to take it for `user`. It is needed with "
        "`keytab`; of a cache it is the principal that the cache is for.",
    )
    keytab: Path | None = option(
        default=None,
        example="/etc/jobyard/jobyard.keytab",
        doc="The file with the principal's keys. The gateway gets its tickets by itself.",
    )
    ticket_cache: Path | None = option(
        default=None,
        doc="Where there is no `keytab`: a file with tickets that something else renews, such as "
        "k5start.",
    )

    def problems(self) -> Iterable[Problem]:
        """Refuse to have no place of tickets, and a keytab of nobody."""
        if self.keytab is None and self.ticket_cache is None:
            yield Problem("keytab", "expected this or 'ticket-cache'")
        elif self.keytab is not None and self.principal is None:
            yield Problem("principal", "is needed with 'keytab'")


@frozen
class HdfsTimeouts:
    """Say for how long the gateway waits."""

    connect: float = option(
        default=2.0, minimum=0.05, maximum=600, doc="For a connection, in seconds."
    )
    answer: float = option(
        default=5.0, minimum=0.05, maximum=600, doc="For a NameNode's answer, in seconds."
    )
    transfer: float = option(
        default=60.0, minimum=0.05, maximum=3600, doc="For a DataNode's next bytes, in seconds."
    )
    failover: float = option(
        default=8.0,
        minimum=0.05,
        maximum=600,
        doc="For a NameNode that is active and out of safe mode, in seconds; then callers are told. "
        "`rest-server.upstream-timeout` ends it earlier.",
    )


@frozen
class HdfsStorageConfig(StorageSettings):
    """Be what a deployer can set of the storage in HDFS."""

    name_nodes: tuple[str, ...] = option(
        pattern=_ADDRESS,
        min_length=1,
        max_length=16,
        example=("http://nn1.example.org:9870", "http://nn2.example.org:9870"),
        doc="The addresses of the NameNodes' HTTP servers, all of those of one name service. The "
        "active one is found, and remembered.",
    )
    user: str = option(
        default="jobyard",
        pattern=_USER,
        max_length=128,
        doc="Who the gateway is in HDFS. It has to be a superuser there: it makes the folders of "
        "users, and acts for administrators.",
    )
    impersonation: str = option(
        default=_BY_NAME,
        choices=(_BY_NAME, _BY_PROXY),
        doc="How HDFS is told for whom the gateway acts: by `user.name`, or by `doas`, for which "
        "the gateway's user has to be one of `hadoop.proxyuser`. With `kerberos` it is always the "
        "latter.",
    )
    delegation_token: Secret | None = option(
        default=None,
        min_length=1,
        example={"file": "/etc/jobyard/hdfs-token"},
        doc="A token of an administrator of the other gateway, where `server` is `jobyard`.",
    )
    kerberos: HdfsKerberos | None = option(
        default=None,
        doc="For a cluster that asks for Kerberos; it takes the extra `kerberos`.",
    )
    reserved_users: tuple[str, ...] = option(
        default=("hdfs", "yarn", "mapred"),
        pattern=_USER,
        doc="Names that are more than users in HDFS: an account of that name, unless it is an "
        "administrator's, gets no access. `user` is one of them in any case.",
    )
    data_node_addresses: Mapping[str, str] = option(
        factory=dict,
        key_pattern=_NODE,
        pattern=_NODE,
        example={"dn1.internal:9864": "hadoop.example.org:19864"},
        doc="Where DataNodes are reached that the gateway knows by another address than the "
        "NameNode: for `host:port` or `host`, another `host:port` or `host`.",
    )
    server: str = option(
        default=_HADOOP,
        choices=(_HADOOP, _GATEWAY),
        doc="What `name-nodes` are: Hadoop's, or the address of another Jobyard, whose storage is "
        "used. That one has to trust user names.",
    )
    tls: HdfsTls | None = option(default=None, doc="For NameNodes and DataNodes with HTTPS.")
    timeouts: HdfsTimeouts = option(factory=HdfsTimeouts, doc="How long to wait.")

    def problems(self) -> Iterable[Problem]:
        """Refuse a NameNode that is named twice, and what belongs to another kind of server."""
        known: set[str] = set()
        for number, address in enumerate(self.name_nodes):
            if address.rstrip("/") in known:
                yield Problem(f"name-nodes[{number}]", f"{address} is in the list already")
            known.add(address.rstrip("/"))
        if self.tls is not None and not any(each.startswith("https:") for each in known):
            yield Problem("tls", "is for https: addresses in 'name-nodes', and there is none")
        if self.server == _GATEWAY:
            yield from self._problems_of_gateway()
        elif self.delegation_token is not None:
            # Hadoop would take every user whom the gateway names beside it for the gateway.
            yield Problem("delegation-token", "is for 'server: jobyard'; for Hadoop see 'kerberos'")

    def _problems_of_gateway(self) -> Iterable[Problem]:
        if self.delegation_token is None:
            yield Problem("delegation-token", "is needed where 'server' is 'jobyard'")
        if self.kerberos is not None:
            yield Problem("kerberos", "is for Hadoop, and 'server' is 'jobyard'")
        if self.impersonation == _BY_PROXY:
            yield Problem("impersonation", "another Jobyard knows 'user-name' alone")


def _place(config: HdfsStorageConfig) -> Place:
    from jobyard_backends.storage.hdfs import Patience, Place, Tickets  # noqa: PLC0415 - not before chosen

    times, tickets = config.timeouts, config.kerberos
    return Place(
        name_nodes=config.name_nodes,
        user=config.user,
        by_proxy=config.impersonation == _BY_PROXY,
        delegation=config.delegation_token,
        tickets=None
        if tickets is None
        else Tickets(tickets.principal, tickets.keytab, tickets.ticket_cache),
        reserved=frozenset(config.reserved_users),
        data_nodes=config.data_node_addresses,
        ca_file=None if config.tls is None else config.tls.ca_file,
        gateway=config.server == _GATEWAY,
        patience=Patience(times.connect, times.answer, times.transfer, times.failover),
    )


@asynccontextmanager
async def _open(config: HdfsStorageConfig, context: Context) -> AsyncIterator[Storage]:
    from jobyard_backends.storage.hdfs import open_backend  # noqa: PLC0415 - not before chosen

    async with open_backend(_place(config), context.tasks) as storage:
        yield storage


@asynccontextmanager
async def _diagnose(
    config: HdfsStorageConfig,
    context: Context,  # noqa: ARG001 - the hook's
) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.storage.hdfs.diagnosis import diagnosis  # noqa: PLC0415 - as above

    async with diagnosis(_place(config)) as checks:
        yield checks


@hookimpl
def jobyard_storage_providers() -> tuple[StorageProvider, ...]:
    """Announce the storage."""
    return (
        storage_provider(
            name="hdfs",
            api=1,
            summary="Files in HDFS, over WebHDFS.",
            config=HdfsStorageConfig,
            open=_open,
            diagnose=_diagnose,
        ),
    )
