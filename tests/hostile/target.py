"""A whole gateway to attack, below its client: requests reach it as a server would hand them on."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast
from urllib.parse import unquote

import anyio
import httpx
from anyio.from_thread import BlockingPortal
from attrs import field, frozen
from starlette.types import Message

from jobyard.app import Application
from jobyard.routes.dispatch import _Node
from jobyard.routes.endpoint import Endpoint
from tests.gateways import Caller, Gateway, running

USER: Final = "key"
NAMES: Final = {"username": USER, "jobName": "job", "vcName": "research"}
Header = tuple[bytes, bytes]


@frozen
class Got:
    """Be an answer."""

    status: int
    headers: Sequence[Header]
    body: bytes = field(repr=lambda body: repr(body[:300]))

    def header(self, name: bytes) -> bytes | None:
        """Give a header's value."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def error(self) -> tuple[str, str]:
        """Give code and message, of what has to be an error in the contract's form."""
        assert (self.header(b"content-type") or b"").startswith(b"application/json"), self
        document = json.loads(self.body)
        assert document.keys() == {"code", "message"}, document
        return document["code"], document["message"]


@frozen
class Target:
    """Be a gateway, and those who may call it."""

    gateway: Gateway
    user: Caller
    state: Path
    portal: BlockingPortal

    @property
    def app(self) -> Application:
        """Give the application."""
        transport = cast("httpx.ASGITransport", self.gateway.http._transport)
        return cast("Application", transport.app)

    @property
    def endpoints(self) -> list[Endpoint]:
        """Give every route."""
        front = self.app._entrance.front
        assert front is not None
        return list(_endpoints(front._dispatcher._table._root))

    def token(self, endpoint: Endpoint) -> bytes:
        """Give the header of somebody who may call a route."""
        submits = endpoint.path.startswith("/user/{username}/jobs")
        caller = self.user if submits else self.gateway.admin
        return f"Bearer {caller.token}".encode()

    def send(
        self,
        method: str,
        raw_path: bytes,
        query: bytes = b"",
        headers: Sequence[Header] = (),
        body: bytes = b"",
    ) -> Got:
        """Hand a request on as a server does, whatever is in it, and wait for the answer."""
        return self.portal.call(self._send, method, raw_path, query, headers, body)

    async def _send(
        self, method: str, raw_path: bytes, query: bytes, headers: Sequence[Header], body: bytes
    ) -> Got:
        parts: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 9186),
            "client": ("192.0.2.7", 4711),
            "scheme": "http",
            "root_path": "",
            "method": method,
            "path": unquote(raw_path.decode("latin-1")),
            "raw_path": raw_path,
            "query_string": query,
            "headers": [(name.lower(), value) for name, value in headers],
            "state": {},
        }
        with anyio.fail_after(30):
            await self.app(scope, receive, send)
        content = b"".join(each.get("body", b"") for each in sent[1:])
        if (b"content-encoding", b"gzip") in sent[0]["headers"] and content:
            content = gzip.decompress(content)
        return Got(sent[0]["status"], sent[0]["headers"], content)


def path_of(endpoint: Endpoint) -> str:
    """Give a path that the route has, with names of what there is."""
    path = endpoint.path.replace("{role}", "main").replace("{index}", "0")
    for name, value in NAMES.items():
        path = path.replace(f"{{{name}}}", value)
    path = path.replace("{path}", f"user/{USER}/file")
    return f"/api/v1{path}" if endpoint.rooted else path


def _endpoints(node: _Node) -> Iterator[Endpoint]:
    yield from node.endpoints.values()
    for each in (*node.literals.values(), *filter(None, [node.parameter])):
        yield from _endpoints(each)


@asynccontextmanager
async def attacked(folder: Path, portal: BlockingPortal) -> AsyncIterator[Target]:
    """Run a gateway that has one of everything."""
    async with running(folder) as gateway:
        await gateway.admin.good("PUT", "/virtual-clusters/research", {"vcCapacity": 10})
        user = await gateway.user(USER, "research")
        role = {"name": "main", "command": "true"}
        document = {"jobName": "job", "image": "none", "taskRoles": [role]}
        await user.good("POST", f"/user/{USER}/jobs", document)
        await gateway.state(USER, "job", "SUCCEEDED")
        yield Target(gateway, user, folder / "state", portal)
