"""The storage in HDFS, reached by WebHDFS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from jobyard.secret import Secret

if TYPE_CHECKING:
    from jobyard.seams.context import TaskOwner
    from jobyard.seams.storage import Storage

__all__ = ["Patience", "Place", "Tickets", "open_backend"]


@frozen
class Patience:
    """Be what is waited for, in seconds; see the provider's settings."""

    connect: float
    answer: float
    transfer: float
    failover: float


@frozen
class Tickets:
    """Be where Kerberos' tickets come from; see the provider's settings."""

    principal: str | None
    keytab: Path | None
    ticket_cache: Path | None


@frozen
class Place:
    """Say where HDFS is, and who the gateway is there; see the provider's settings."""

    name_nodes: tuple[str, ...]
    user: str
    by_proxy: bool
    delegation: Secret | None
    tickets: Tickets | None
    reserved: frozenset[str]
    data_nodes: Mapping[str, str]
    ca_file: Path | None
    gateway: bool
    patience: Patience


@asynccontextmanager
async def open_backend(place: Place, tasks: TaskOwner) -> AsyncIterator[Storage]:
    """Open the storage; ``tasks`` runs the sweep of what a crash left.

    Raises:
        Unavailable: No NameNode answers, or none lets the gateway's folder be made.
        Rejected: The gateway is not a superuser there.
    """
    from jobyard_backends.storage.hdfs.opening import opened  # noqa: PLC0415 - start cheaply

    async with opened(place, tasks) as storage:
        yield storage
