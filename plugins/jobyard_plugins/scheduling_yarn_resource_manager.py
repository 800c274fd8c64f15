"""The settings of YARN's ResourceManagers, which those of the provider ``yarn`` begin with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from jobyard.errors import Problem
from jobyard.schema import option

if TYPE_CHECKING:
    from jobyard_backends.scheduling.yarn.resource_manager import ResourceManagerSettings

_ADDRESS: Final = r"https?://[^\s/?#@]+/?"
_USER: Final = r"[A-Za-z_][A-Za-z0-9._-]*[$]?"


@frozen
class ResourceManagerTls:
    """Say whose certificates the gateway believes."""

    ca_file: Path = option(
        example="/etc/jobyard/hadoop-ca.pem",
        doc="The authorities that signed the certificates of the ResourceManagers, in PEM. "
        "Without it: those that the machine trusts.",
    )


@frozen
class ResourceManagerTimeouts:
    """Say for how long the gateway waits."""

    connect: float = option(
        default=2.0, minimum=0.05, maximum=600, doc="For a connection, in seconds."
    )
    answer: float = option(
        default=5.0, minimum=0.05, maximum=600, doc="For a ResourceManager's answer, in seconds."
    )
    failover: float = option(
        default=8.0,
        minimum=0.05,
        maximum=600,
        doc="For a ResourceManager that is active, in seconds; then callers are told. "
        "`rest-server.upstream-timeout` ends it earlier.",
    )


@frozen
class ResourceManagerConfig:
    """Be what a deployer can set of the ResourceManagers."""

    resource_manager: tuple[str, ...] = option(
        pattern=_ADDRESS,
        min_length=1,
        max_length=16,
        example=("http://rm1.example.org:8088", "http://rm2.example.org:8088"),
        doc="The addresses of the ResourceManagers' web servers, all of those of one cluster. The "
        "active one is found, and remembered.",
    )
    resource_manager_user: str = option(
        default="yarn",
        pattern=_USER,
        max_length=128,
        doc="Who the gateway is there, by `user.name`. To change virtual clusters it has to be an "
        "administrator of YARN's (`yarn.admin.acl`).",
    )
    resource_manager_tls: ResourceManagerTls | None = option(
        default=None, doc="For ResourceManagers with HTTPS."
    )
    resource_manager_timeouts: ResourceManagerTimeouts = option(
        factory=ResourceManagerTimeouts, doc="How long to wait."
    )

    def problems(self) -> Iterable[Problem]:
        """Refuse a ResourceManager that is named twice, and certificates that nobody shows."""
        known: set[str] = set()
        for number, address in enumerate(self.resource_manager):
            if address.rstrip("/") in known:
                yield Problem(f"resource-manager[{number}]", f"{address} is in the list already")
            known.add(address.rstrip("/"))
        if self.resource_manager_tls is not None and not any(
            each.startswith("https:") for each in known
        ):
            message = "is for https: addresses in 'resource-manager', and there is none"
            yield Problem("resource-manager-tls", message)

    def resource_managers(self) -> ResourceManagerSettings:
        """Give them to the backend."""
        from jobyard_backends.scheduling.yarn.resource_manager import (  # noqa: PLC0415 - when chosen
            ResourceManagerSettings,
        )

        times = self.resource_manager_timeouts
        tls = self.resource_manager_tls
        return ResourceManagerSettings(
            addresses=self.resource_manager,
            user=self.resource_manager_user,
            ca_file=None if tls is None else tls.ca_file,
            connect=times.connect,
            answer=times.answer,
            failover=times.failover,
        )
