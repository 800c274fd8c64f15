"""What ``jobyard doctor`` tries of the storage in HDFS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check
from jobyard_backends.storage.hdfs import Place, staging
from jobyard_backends.storage.hdfs.failures import translated
from jobyard_backends.storage.hdfs.opening import connected, prepare
from jobyard_backends.storage.hdfs.webhdfs import WebHdfs

_CONTENT: Final = b"written by jobyard doctor\n"


class _Trial:
    """Look at the root, and write, read and remove one file in the gateway's folder."""

    def __init__(self, client: WebHdfs, place: Place) -> None:
        self._client = client
        self._place = place
        self._path = staging.new_name()

    async def show(self) -> str:
        with translated("/"):
            await self._client.show()
        return f"HDFS gave a token to {self._place.user}"

    async def look(self) -> str:
        with translated("/"):
            found = await self._client.status("/")
        return f"the root belongs to {found.owner}"

    async def prepare(self) -> str:
        await prepare(self._client, self._place.user, surely=True)
        return f"{staging.STAGING} is there"

    async def write(self) -> str:
        async def chunks() -> AsyncIterator[bytes]:
            yield _CONTENT

        with translated(self._path):
            await self._client.create(self._path, chunks())
        return f"{len(_CONTENT)} bytes, on a DataNode"

    async def read(self) -> str:
        with translated(self._path):
            download = await self._client.open(self._path)
            try:
                content = (await download.content()).content
            finally:
                await download.aclose()
        if content != _CONTENT:
            message = "what is read is not what was written"
            raise JobyardError(message)
        return "what was written"

    async def remove(self) -> str:
        await staging.discard(self._client, self._path)
        return "it is gone"


@asynccontextmanager
async def diagnosis(place: Place) -> AsyncIterator[Sequence[Check]]:
    """Give the steps."""
    data_nodes = (
        "The gateway reaches every DataNode itself, by the name that the NameNode gives it: see "
        "'data-node-addresses', and whether there is room and no safe mode."
    )
    async with connected(place) as client:
        trial = _Trial(client, place)
        if place.gateway:
            yield (
                Check(
                    "ask the other gateway",
                    trial.look,
                    "Check 'name-nodes', and whether 'delegation-token' has ended.",
                ),
            )
            return
        yield (
            *_by_kerberos(place, trial),
            Check(
                "ask a NameNode",
                trial.look,
                "Check 'name-nodes' (the addresses of their web pages, with the port), 'tls', and "
                "that one of them is active.",
            ),
            Check(
                f"make {staging.STAGING}",
                trial.prepare,
                f"Check that {place.user} is a superuser of HDFS (the user who started it, or in "
                "dfs.permissions.superusergroup), and 'impersonation'.",
            ),
            Check("write a file", trial.write, data_nodes),
            Check("read it", trial.read, data_nodes),
            Check("remove it", trial.remove, "Check that there is no safe mode."),
        )


def _by_kerberos(place: Place, trial: _Trial) -> tuple[Check, ...]:
    if place.tickets is None:
        return ()
    hint = (
        "Try it by hand, as the gateway's account: kinit -kt KEYTAB PRINCIPAL, then kvno "
        "HTTP/HOST for a NameNode of 'name-nodes', which have to be named as their principals "
        f"are. hadoop.security.auth_to_local has to make {place.user} of the gateway's principal."
    )
    return (Check("show a Kerberos ticket", trial.show, hint),)
