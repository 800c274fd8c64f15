"""What a gateway is made from, and the addresses that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from attrs import frozen

from jobyard.clock import Clock
from jobyard.config.loading import Chosen, Loaded
from jobyard.config.settings import Settings
from jobyard.registry import Registry
from jobyard.resilience import Guarded
from jobyard.seams.auth import Authenticator
from jobyard.seams.provider import Seam
from jobyard.seams.scheduling import Scheduler
from jobyard.seams.storage import Storage, StorageSettings

B = TypeVar("B")

WEBHDFS_ROOT: Final = "/webhdfs/v1"

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what stands for all


@frozen
class Deployment:
    """Be what a gateway is made from; the fields are the arguments of ``create_app``."""

    loaded: Loaded
    registry: Registry
    state_dir: Path
    address: str
    announce: Callable[[str], None]
    clock: Clock

    @property
    def settings(self) -> Settings:
        """Give what was configured, apart from the providers' own."""
        return self.loaded.settings

    @property
    def timeout(self) -> float:
        """Give how many seconds one request may wait for backends."""
        return self.settings.rest_server.upstream_timeout

    @property
    def public_url(self) -> str:
        """Give the address by which callers and tasks reach the gateway, without a last slash."""
        return (self.settings.rest_server.public_url or reachable(self.address)).rstrip("/")

    @property
    def fs_uri(self) -> str:
        """Give what ``$PAI_DEFAULT_FS_URI`` stands for (contract, section 4.1)."""
        config = self.loaded.storage.config
        own = config.default_fs_uri if isinstance(config, StorageSettings) else None
        return (own or f"{self.public_url}{WEBHDFS_ROOT}").rstrip("/")


def reachable(address: str) -> str:
    """Give an address that this machine can call; one that stands for all of them cannot be."""
    parts = urlsplit(address)
    host = _EVERYWHERE.get(parts.hostname or "")
    if host is None:
        return address
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


@frozen
class Guards:
    """Be the chosen backends, each behind its guard, in the order of the file."""

    auth: tuple[Guarded[Authenticator], ...]
    scheduling: Guarded[Scheduler]
    storage: Guarded[Storage]
    observers: tuple[Guarded[object], ...]

    @classmethod
    def of(cls, deployment: Deployment) -> Guards:
        """Make the guards; nothing is open yet."""
        loaded = deployment.loaded

        def guard(seam: Seam, chosen: Chosen[B]) -> Guarded[B]:
            name = f"{seam.value}.{chosen.label}"
            return Guarded(name, deployment.clock, timeout=deployment.timeout)

        return cls(
            auth=tuple(guard(Seam.AUTH, each) for each in loaded.auth),
            scheduling=guard(Seam.SCHEDULING, loaded.scheduling),
            storage=guard(Seam.STORAGE, loaded.storage),
            observers=tuple(guard(Seam.OBSERVERS, each) for each in loaded.observers),
        )
