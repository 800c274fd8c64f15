"""The DataNodes: where bytes go to and come from, and nothing that says who we are."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from typing import cast

import anyio
import httpx

from jobyard_backends.storage.hdfs.webhdfs.failures import NoAnswer, refusal, unanswered
from jobyard_backends.storage.hdfs.webhdfs.name_nodes import Timeouts
from jobyard_backends.storage.hdfs.webhdfs.upload import upload


class Unreached(NoAnswer):
    """Report a DataNode that could not be asked; ``node`` is its own name and port."""

    def __init__(self, why: NoAnswer, node: str) -> None:
        super().__init__(why.message, why.detail)
        self.node = node


class Body:
    """Be what is sent: ``sent`` counts its bytes, and ``begun`` says that some were asked for."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._stream = self._passing(chunks)
        self.begun = False
        self.sent = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream

    async def _passing(self, chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        self.begun = True
        async for chunk in chunks:
            if chunk:
                self.sent += len(chunk)
                yield chunk

    async def aclose(self) -> None:
        """Ask for no more."""
        await self._stream.aclose()


class Download:
    """Be what a DataNode sends, while it sends; ``length`` is in bytes, where it says so."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._raw: AsyncGenerator[bytes, None] | None = None
        length = response.headers.get("content-length", "")
        self.length = int(length) if length.isdecimal() else None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give it as it comes.

        Raises:
            NoAnswer: The connection broke, or the node is silent.
        """
        raw = self._raw = cast("AsyncGenerator[bytes, None]", self._response.aiter_raw())
        try:
            async for chunk in raw:
                yield chunk
        except httpx.TransportError as error:
            raise unanswered(error, "DataNode", _address(self._response)) from error

    async def content(self) -> httpx.Response:
        """Read it whole, which is for short answers.

        Raises:
            NoAnswer: The connection broke, or the node is silent.
        """
        try:
            await self._response.aread()
        except httpx.TransportError as error:
            raise unanswered(error, "DataNode", _address(self._response)) from error
        return self._response

    async def aclose(self) -> None:
        """Give the connection up."""
        with anyio.CancelScope(shield=True):
            if self._raw is not None:
                await self._raw.aclose()
            await self._response.aclose()


class DataNodes:
    """Follow a NameNode's redirection.

    ``elsewhere`` maps what NameNodes call a DataNode, ``host:port`` or ``host``, to where it is
    reached from here, ``host:port`` or ``host``.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        trusted: ssl.SSLContext,
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        self._elsewhere = dict(elsewhere or {})
        self._timeouts = timeouts
        self._trusted = trusted
        self._client = httpx.AsyncClient(
            verify=trusted,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(timeouts.transfer, connect=timeouts.connect, pool=None),
            # A DataNode closes each connection after its answer.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def open(self, location: str) -> Download:
        """Begin to read what is at a location; whoever has the download closes it.

        Raises:
            RemoteError: The node said no.
            NoAnswer: It does not answer.
            Unreached: Another may be asked instead.
        """
        request = self._client.build_request("GET", self.reached(location))
        try:
            response = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise self._failure(error, location) from error
        download = Download(response)
        if response.is_success:
            return download
        try:
            await download.content()
        finally:
            await download.aclose()
        raise refusal(response, "DataNode")

    async def send(self, method: str, location: str, body: Body) -> None:
        """Send bytes to a location.

        Raises:
            RemoteError: The node said no.
            NoAnswer: It does not answer, or not any more.
            Unreached: Nothing was sent, and another may be asked instead.
        """
        try:
            response = await upload(
                method,
                self.reached(location),
                body,
                trusted=self._trusted,
                timeouts=self._timeouts,
            )
        except httpx.TransportError as error:
            raise self._failure(error, location) from error
        if not response.is_success:
            raise refusal(response, "DataNode")

    def reached(self, location: str) -> httpx.URL:
        """Give the address at which a location is reached from here.

        Raises:
            NoAnswer: It is no address.
        """
        try:
            url = httpx.URL(location)
        except httpx.InvalidURL as error:
            raise NoAnswer("What answers is no NameNode.", repr(error)) from error
        if url.scheme not in ("http", "https") or not url.host:
            without_token = location.partition("?")[0][:200]
            raise NoAnswer("What answers is no NameNode.", f"it redirects to {without_token!r}")
        place = self._elsewhere.get(_node(url)) or self._elsewhere.get(url.host)
        if place is None:
            return url
        host, _, port = place.partition(":")
        return url.copy_with(host=host, port=int(port) if port else url.port)

    def _failure(self, error: httpx.TransportError, location: str) -> NoAnswer:
        url = httpx.URL(location)
        failure = unanswered(error, "DataNode", url.netloc.decode())
        return failure if failure.maybe_done else Unreached(failure, _node(url))


def _node(url: httpx.URL) -> str:
    """Give a node's name and port; NameNodes know it by both."""
    port = url.port or (443 if url.scheme == "https" else 80)
    return f"{url.host}:{port}"


def _address(response: httpx.Response) -> str:
    return response.url.netloc.decode()
