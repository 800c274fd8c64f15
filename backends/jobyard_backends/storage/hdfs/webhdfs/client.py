"""The client: one method an operation."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Final
from unicodedata import normalize
from urllib.parse import quote, unquote

import anyio
import httpx
from attrs import evolve

from jobyard_backends.storage.hdfs.webhdfs.answers import (
    Checksum,
    Listing,
    Status,
    Summary,
    answered,
    read_as,
)
from jobyard_backends.storage.hdfs.webhdfs.data import Body, DataNodes, Download, Unreached
from jobyard_backends.storage.hdfs.webhdfs.failures import NoAnswer, RemoteError, refusal
from jobyard_backends.storage.hdfs.webhdfs.identity import Identity
from jobyard_backends.storage.hdfs.webhdfs.name_nodes import NameNodes, Question, Timeouts
from jobyard_backends.storage.hdfs.webhdfs.tokens import Tokens

_NODES: Final = 4
"""DataNodes that are tried for one transfer."""

Look = Callable[[], Awaitable[bool | None]]
"""Tell what came of a request that may have been carried out; ``None``: it was not."""


class WebHdfs:
    """Call HDFS; ``user`` is who asks in every method, ``None`` being the client itself.

    Paths are absolute. ``trusted`` says whose certificates are believed. Every method raises
    :class:`RemoteError` where a node says no, and :class:`NoAnswer` where none answers.
    """

    def __init__(
        self,
        name_nodes: Sequence[str],
        *,
        identity: Identity,
        timeouts: Timeouts | None = None,
        trusted: ssl.SSLContext | None = None,
        data_nodes: Mapping[str, str] | None = None,
    ) -> None:
        times = timeouts or Timeouts()
        context = trusted or ssl.create_default_context()
        self._identity = identity
        self._patience = times.failover
        self._names = _name_nodes(name_nodes, identity, times, context)
        self._tokens = Tokens(self._names, identity.name) if identity.kerberos else None
        self._data = DataNodes(timeouts=times, trusted=context, elsewhere=data_nodes)

    async def aclose(self) -> None:
        """Close all connections, and give tokens back."""
        if self._tokens is not None:
            await self._tokens.aclose()
        await self._names.aclose()
        await self._data.aclose()

    async def keep(self) -> None:
        """Keep tokens good until cancelled; without Kerberos there are none, and it returns."""
        if self._tokens is not None:
            await self._tokens.keep()

    async def show(self) -> None:
        """Return if the client could show by Kerberos who it is, or needs not."""
        if self._tokens is not None:
            await self._tokens.show()

    async def status(self, path: str, *, user: str | None = None) -> Status:
        """Describe a file or folder."""
        response = await self._get("GETFILESTATUS", path, user)
        return read_as(Status, response, "FileStatus")

    async def batch(
        self, path: str, after: str | None = None, *, user: str | None = None
    ) -> Listing:
        """Give entries of a folder that come after a name, as many as a NameNode gives at once.

        The order is that of the names' bytes, read as signed numbers. A file is one entry.
        """
        more = {} if after is None else {"startAfter": after}
        response = await self._get("LISTSTATUS_BATCH", path, user, **more)
        return read_as(Listing, response, "DirectoryListing")

    async def summary(self, path: str, *, user: str | None = None) -> Summary:
        """Count a path and what lies below it."""
        response = await self._get("GETCONTENTSUMMARY", path, user)
        return read_as(Summary, response, "ContentSummary")

    async def check_access(self, path: str, needed: str, *, user: str | None = None) -> None:
        """Return if a user may do what ``needed``, such as ``-wx``, says."""
        await self._get("CHECKACCESS", path, user, fsaction=needed)

    async def being_written(self, path: str, *, user: str | None = None) -> bool:
        """Tell whether somebody has a file open for writing."""
        response = await self._get("GET_BLOCK_LOCATIONS", path, user)
        return bool(answered(response, "LocatedBlocks")["isUnderConstruction"])

    async def checksum(self, path: str, *, user: str | None = None) -> Checksum:
        """Give the checksum of a file."""
        download = await self._redirected(self._asked("GET", "GETFILECHECKSUM", path, user))
        try:
            return read_as(Checksum, await download.content(), "FileChecksum")
        finally:
            await download.aclose()

    async def mkdirs(self, path: str, *, mode: int | None = None, user: str | None = None) -> None:
        """Make a folder, and with the same mode those above it; one that exists is good."""
        response = await self._put("MKDIRS", path, user, **_permission(mode))
        if answered(response, "boolean") is not True:
            raise RemoteError("IOException", f"Failed to make {path}", response.status_code)

    async def set_permission(self, path: str, mode: int, *, user: str | None = None) -> None:
        """Set the permission bits."""
        await self._put("SETPERMISSION", path, user, permission=f"{mode:o}")

    async def set_owner(self, path: str, owner: str, *, user: str | None = None) -> None:
        """Give a path to somebody, which takes a superuser."""
        await self._put("SETOWNER", path, user, owner=owner)

    async def rename(
        self, source: str, target: str, *, look: Look, user: str | None = None
    ) -> bool:
        """Move, into a target that is a folder; ``False`` where that cannot be."""
        question = self._asked("PUT", "RENAME", source, user, destination=target)
        return await self._surely(question, look)

    async def put_in_place(
        self, source: str, target: str, *, overwrite: bool, look: Look, user: str | None = None
    ) -> None:
        """Move to a name that nothing has, or that a file has which it takes the place of."""
        more = {"destination": target, "renameoptions": "OVERWRITE" if overwrite else "NONE"}
        await self._surely(self._asked("PUT", "RENAME", source, user, **more), look)

    async def remove(
        self, path: str, *, recursive: bool, look: Look, user: str | None = None
    ) -> bool:
        """Remove; ``False`` where there was nothing."""
        flag = "true" if recursive else "false"
        return await self._surely(self._asked("DELETE", "DELETE", path, user, recursive=flag), look)

    async def open(
        self, path: str, offset: int = 0, length: int | None = None, *, user: str | None = None
    ) -> Download:
        """Open a file at an offset inside of it, for so many bytes or all that follow."""
        more = {} if length is None else {"length": str(length)}
        question = self._asked("GET", "OPEN", path, user, offset=str(offset), **more)
        return await self._redirected(question)

    async def check_readable(self, path: str, *, user: str | None = None) -> None:
        """Return if a user may read a file, of which nothing is read."""
        await self._place(self._asked("GET", "OPEN", path, user))

    async def create(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        mode: int | None = None,
        overwrite: bool = False,
        user: str | None = None,
    ) -> int:
        """Write a file, and give the bytes that were sent.

        Where it breaks off, a part of the file may be there.
        """
        flag = "true" if overwrite else "false"
        more = {**_permission(mode), "overwrite": flag}
        return await self._send(self._asked("PUT", "CREATE", path, user, **more), chunks)

    async def append(
        self, path: str, chunks: AsyncIterable[bytes], *, user: str | None = None
    ) -> int:
        """Write behind a file's end, and give the bytes that were sent."""
        return await self._send(self._asked("POST", "APPEND", path, user), chunks)

    def _asked(self, method: str, op: str, path: str, user: str | None, **more: str) -> Question:
        parameters = {"op": op, **self._identity.parameters(user), **more}
        return Question(method, path, parameters, user=user)

    async def _answer(self, question: Question) -> httpx.Response:
        if self._tokens is not None:
            return await self._tokens.ask(question)
        return await self._names.ask(question)

    async def _get(self, op: str, path: str, user: str | None, **more: str) -> httpx.Response:
        return await self._answer(self._asked("GET", op, path, user, **more))

    async def _put(self, op: str, path: str, user: str | None, **more: str) -> httpx.Response:
        return await self._answer(self._asked("PUT", op, path, user, **more))

    async def _surely(self, question: Question, look: Look) -> bool:
        """Do what must not be done twice: before it is done again, look whether it was done."""
        end = anyio.current_time() + self._patience
        asked = evolve(question, repeatable=False)
        doubt = False
        while True:
            try:
                done = _done(await self._answer(asked))
            except NoAnswer as error:
                if not error.maybe_done:
                    raise
                doubt = True
                found = await look()
                if found is not None:
                    return found
                if anyio.current_time() > end:
                    raise
            except RemoteError:
                # What is refused now may have been done by the one before, late.
                if doubt and await look():
                    return True
                raise
            else:
                return done or (doubt and bool(await look()))

    async def _redirected(self, question: Question) -> Download:
        """Read from the first DataNode that can be reached."""
        excluded: list[str] = []
        while True:
            location = await self._place(question, excluded)
            try:
                return await self._data.open(location)
            except Unreached as error:
                excluded.append(await self._names.transfer_address(error.node))
                if len(excluded) == _NODES:
                    raise

    async def _send(self, question: Question, chunks: AsyncIterable[bytes]) -> int:
        body = Body(chunks)
        excluded: list[str] = []
        try:
            while True:
                location = await self._place(question, excluded)
                try:
                    await self._data.send(question.method, location, body)
                except Unreached as error:
                    excluded.append(await self._names.transfer_address(error.node))
                    if body.begun or len(excluded) == _NODES:
                        raise
                else:
                    return body.sent
        finally:
            with anyio.CancelScope(shield=True):
                await body.aclose()

    async def _place(self, question: Question, excluded: Sequence[str] = ()) -> str:
        """Ask a NameNode for a DataNode; nothing is done by that."""
        without = {"excludedatanodes": ",".join(excluded)} if excluded else {}
        parameters = {**question.parameters, **without}
        response = await self._answer(evolve(question, parameters=parameters))
        location = response.headers.get("location")
        if response.status_code != httpx.codes.TEMPORARY_REDIRECT or location is None:
            raise refusal(response, "NameNode")
        return _of_path(str(location), question.path)


def _name_nodes(
    addresses: Sequence[str], identity: Identity, timeouts: Timeouts, trusted: ssl.SSLContext
) -> NameNodes:
    negotiation = None
    if identity.kerberos is not None:
        # The library is an extra of its own.
        from jobyard_backends.storage.hdfs.webhdfs.kerberos import Negotiation  # noqa: PLC0415

        negotiation = Negotiation(identity.kerberos, timeouts.answer)
    return NameNodes(addresses, timeouts=timeouts, trusted=trusted, negotiation=negotiation)


def _permission(mode: int | None) -> dict[str, str]:
    """Say which bits are wanted; without any, it is the server's default."""
    return {} if mode is None else {"permission": f"{mode:o}"}


def _done(response: httpx.Response) -> bool:
    """Read whether it was done; an answer that says nothing is a yes."""
    return not response.content or answered(response, "boolean") is True


def _of_path(location: str, path: str) -> str:
    """Give a location with the path that was asked for.

    A NameNode that runs on Java writes every path in Unicode's composed form, which is another
    file's name where the path is not in it.
    """
    composed = normalize("NFC", path)
    place, mark, query = location.partition("?")
    root, prefix, rest = place.partition("/webhdfs/v1")
    if composed == path or unquote(rest) != composed:
        return location
    return f"{root}{prefix}{quote(path)}{mark}{query}"
