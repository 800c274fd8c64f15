"""Open the storage, and close it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from jobyard.clock import SystemClock
from jobyard.errors import Rejected
from jobyard.seams.context import TaskOwner
from jobyard.seams.storage import NotPermitted, Storage
from jobyard_backends.storage.hdfs import Place, staging
from jobyard_backends.storage.hdfs.failures import translated
from jobyard_backends.storage.hdfs.people import People
from jobyard_backends.storage.hdfs.relay import RelayStorage
from jobyard_backends.storage.hdfs.storage import HdfsStorage
from jobyard_backends.storage.hdfs.webhdfs import (
    Identity,
    Kerberos,
    Timeouts,
    WebHdfs,
    WebHdfsFailure,
)


@asynccontextmanager
async def opened(place: Place, tasks: TaskOwner) -> AsyncIterator[Storage]:
    """Open the storage; see the package."""
    async with connected(place) as client:
        people = People(place.reserved | {place.user})
        patience = place.patience.failover
        if place.gateway:
            yield RelayStorage(client, people, patience=patience)
            return
        await prepare(client, place.user)
        tasks.spawn("renewal of HDFS' tokens", client.keep)
        tasks.spawn("sweep of the HDFS storage", partial(_sweep, client))
        yield HdfsStorage(client, people, patience=patience)


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[WebHdfs]:
    """Make a client, and close it."""
    patience = place.patience
    client = WebHdfs(
        place.name_nodes,
        identity=_identity(place),
        timeouts=Timeouts(patience.connect, patience.answer, patience.transfer, patience.failover),
        trusted=await to_thread.run_sync(_trusted, place.ca_file),
        data_nodes=place.data_nodes,
    )
    try:
        yield client
    finally:
        with anyio.CancelScope(shield=True):
            await client.aclose()


async def prepare(client: WebHdfs, user: str, *, surely: bool = False) -> None:
    """Make the gateway's folder; ``surely`` finds out what its user may where it is there already.

    Raises:
        Rejected: The gateway's user may not.
        Unavailable: Nobody answers.
    """
    try:
        with translated(staging.STAGING):
            await staging.make(client)
            if surely:
                await client.set_owner(staging.STAGING, user)
    except NotPermitted as error:
        message = f"{user} is not a superuser of HDFS, which the gateway has to be there."
        raise Rejected(message, detail=error.message) from error


async def _sweep(client: WebHdfs) -> None:
    try:
        await staging.sweep(client, SystemClock())
    except WebHdfsFailure:
        return  # the next opening goes on


def _identity(place: Place) -> Identity:
    tickets = place.tickets
    return Identity(
        place.user,
        by_proxy=place.by_proxy,
        delegation=None if place.delegation is None else place.delegation.reveal(),
        kerberos=None
        if tickets is None
        else Kerberos(tickets.principal, tickets.keytab, tickets.ticket_cache),
    )


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
