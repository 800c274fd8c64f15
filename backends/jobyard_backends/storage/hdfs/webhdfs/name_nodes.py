"""The NameNodes: one is active, and which one is remembered."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import httpx
from attrs import field, frozen

from jobyard.finishing import finished
from jobyard.rotation import Rotation
from jobyard_backends.storage.hdfs.webhdfs.failures import (
    NoAnswer,
    NoTicket,
    RemoteError,
    refusal,
    unanswered,
)

if TYPE_CHECKING:
    from jobyard_backends.storage.hdfs.webhdfs.kerberos import Negotiation

_CONNECTIONS: Final = 64
_PREFIX: Final = "/webhdfs/v1"
_LIVE_NODES: Final = "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo"


@frozen
class Timeouts:
    """Be what is waited for, in seconds.

    ``connect`` is for a connection, ``answer`` for a NameNode's answer, ``transfer`` for the next
    bytes of a DataNode, and ``failover`` for a NameNode that is active and writable, after which
    the failure is told.
    """

    connect: float = 2.0
    answer: float = 5.0
    transfer: float = 60.0
    failover: float = 8.0


@frozen
class Question:
    """Be one request to whichever NameNode is active.

    One that is not ``repeatable`` is not sent again after it may have been carried out. ``user`` is
    for whom it is, ``None`` being the client itself; ``by_ticket`` shows that by Kerberos.
    """

    method: str
    path: str
    parameters: Mapping[str, str] = field(repr=False)  # a token may be one
    repeatable: bool = True
    user: str | None = None
    by_ticket: bool = False


class NameNodes:
    """Ask the active NameNode, and look for it where it is not."""

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        timeouts: Timeouts,
        trusted: ssl.SSLContext,
        negotiation: Negotiation | None = None,
    ) -> None:
        self._rotation = Rotation(
            [address.rstrip("/") + _PREFIX for address in addresses], patience=timeouts.failover
        )
        self._negotiation = negotiation
        self._client = httpx.AsyncClient(
            verify=trusted,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
            timeout=httpx.Timeout(timeouts.answer, connect=timeouts.connect, pool=None),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )
        # A NameNode's cookie says who was asked for first, and counts for more than the query.
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def ask(self, question: Question) -> httpx.Response:
        """Give the answer of the active NameNode, a success or a redirection.

        Raises:
            RemoteError: It said no.
            NoAnswer: None was active, or the request may have been carried out and is not
                repeatable.
            NoTicket: Kerberos does not let the client ask.
        """
        failure = NoAnswer("No NameNode can be reached.", "no time was left to ask")
        async for address in self._rotation.turns():
            try:
                return await self._ask(address, question)
            except RemoteError as error:
                if not error.passing:
                    raise
                failure = NoAnswer(f"No NameNode takes requests: {error.message}", str(error))
            except NoTicket:
                raise
            except NoAnswer as error:
                failure = error
                if error.maybe_done and not question.repeatable:
                    self._rotation.leave(address)
                    raise
            self._rotation.leave(address)
        raise failure

    async def transfer_address(self, node: str) -> str:
        """Give the name by which the active NameNode can be told to pass a DataNode over.

        ``node`` is the host and the port of its HTTP server, as in redirections. Where the
        NameNode does not tell, it is the host, which does where that is an IP address.
        """
        url = self._rotation.active.removesuffix(_PREFIX) + _LIVE_NODES
        request = self._client.build_request("GET", url)
        try:
            response = await self._send(request, by_ticket=True)
            live = json.loads(response.json()["beans"][0]["LiveNodes"])
        except (httpx.TransportError, NoTicket, ValueError, KeyError, IndexError, TypeError):
            live = {}
        host, _, port = node.rpartition(":")
        for name, facts in live.items():
            for known in (str(facts.get("infoAddr")), str(facts.get("infoSecureAddr"))):
                if known.endswith(f":{port}") and host in {_host(known), _host(name)}:
                    return str(facts.get("xferaddr", host))
        return host

    async def _ask(self, address: str, question: Question) -> httpx.Response:
        request = self._client.build_request(
            question.method, address + quote(question.path), params=dict(question.parameters)
        )
        send = partial(self._send, request, by_ticket=question.by_ticket)
        try:
            response = await (send() if question.method == "GET" else finished(send))
        except httpx.TransportError as error:
            raise unanswered(error, "NameNode", address) from error
        if response.is_success or response.status_code == httpx.codes.TEMPORARY_REDIRECT:
            return response
        raise refusal(response, "NameNode")

    async def _send(self, request: httpx.Request, *, by_ticket: bool) -> httpx.Response:
        """Send a request, and show by Kerberos who asks where that is wanted and there is any."""
        if not by_ticket or self._negotiation is None:
            return await self._client.send(request)
        exchange = await self._negotiation.begin(request.url.host)
        request.headers["Authorization"] = exchange.header
        response = await self._client.send(request)
        if response.is_success:
            await self._negotiation.finish(exchange, response)
        return response


def _host(address: str) -> str:
    return address.rpartition(":")[0]
