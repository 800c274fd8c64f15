"""A gateway that serves a storage in a folder, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote

import httpx
from starlette.requests import Request
from starlette.types import Message, Scope

from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.errors import (
    UnauthorizedUser,
)
from jobyard.front import Front
from jobyard.resilience import Guarded
from jobyard.routes.address import Addresses
from jobyard.routes.dispatch import Dispatcher
from jobyard.routes.files import FileRoutes
from jobyard.seams.storage import (
    FileStatus,
    Storage,
)
from jobyard.services.guarded_storage import GuardedStorage
from jobyard.wire.body import read_document

USERS = {
    "alice-token": Actor("alice"),
    "bob-token": Actor("bob"),
    "root-token": Actor("root", True),
}
TASKS = {"task-token": Actor("alice")}
OPERATIONS = {
    "GET": ("OPEN", "GETFILESTATUS", "LISTSTATUS", "LISTSTATUS_BATCH", "GETCONTENTSUMMARY",
            "GETFILECHECKSUM", "GETHOMEDIRECTORY"),
    "PUT": ("CREATE", "MKDIRS", "RENAME", "SETPERMISSION"),
    "POST": ("APPEND",),
    "DELETE": ("DELETE",),
}  # fmt: skip


async def authenticate(header: str | None) -> Actor:
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or token not in USERS:
        raise UnauthorizedUser
    return USERS[token]


async def storage_user(token: str) -> Actor:
    if token not in TASKS:
        raise UnauthorizedUser
    return TASKS[token]


async def read_body(request: Request, defaults: Mapping[str, object]) -> tuple[object, bool]:
    return await read_document(request, 1024)


class Gateway:
    """Be a gateway that serves files and nothing else."""

    def __init__(self, storage: Storage | None, *, trust_user_name: bool = False) -> None:
        clock = SystemClock()
        self.guard = Guarded[Storage]("storage.local", clock, timeout=10)
        if storage is not None:
            self.guard.opened(storage)
        self.routes = FileRoutes(
            storage=GuardedStorage(self.guard),
            addresses=Addresses(public_url=None, fallback="http://gateway"),
            authenticate=authenticate,
            storage_user=storage_user,
            trust_user_name=trust_user_name,
        )
        dispatcher = Dispatcher(
            self.routes.endpoints(),
            authenticate=authenticate,
            anonymous_read=True,
            read_body=read_body,
        )
        self.front = Front(dispatcher, clock, timeout=10)
        transport = httpx.ASGITransport(self.front, raise_app_exceptions=True)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://pai")

    async def ask(
        self,
        method: str,
        path: str,
        operation: str,
        content: bytes | AsyncIterator[bytes] | None = None,
        /,
        *,
        token: str | None = "root-token",
        **query: str,
    ) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return await self.client.request(
            method,
            f"/webhdfs/v1{path}",
            params={"op": operation, **query},
            headers=headers,
            content=content,
        )

    async def put(
        self, path: str, content: bytes | AsyncIterator[bytes] = b"data", **query: str
    ) -> httpx.Response:
        token = query.pop("token", "root-token")
        return await self.ask("PUT", path, "CREATE", content, token=token, step="data", **query)

    async def send_raw(
        self, method: str, path: bytes, query: bytes, *received: Message
    ) -> httpx.Response | None:
        """Send a request past the client, which would tidy its path; nothing may be answered."""
        sent: list[Message] = []
        messages = list(received) or [{"type": "http.request", "body": b"x", "more_body": False}]

        async def receive() -> Message:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope: Scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path,
            "query_string": query,
            "headers": [(b"authorization", b"Bearer root-token"), (b"host", b"pai")],
            "scheme": "http",
            "client": ("127.0.0.1", 1),
        }
        await self.front(scope, receive, send)
        if not sent:
            return None
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return httpx.Response(sent[0]["status"], headers=sent[0]["headers"], content=body)


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    """Give status, exception and message of a refusal, and see to it that it is one of Hadoop's."""
    body = response.json()
    assert list(body) == ["RemoteException"]
    error = body["RemoteException"]
    assert set(error) == {"exception", "javaClassName", "message"}
    assert error["javaClassName"].endswith(f".{error['exception']}")
    assert response.headers["content-type"] == "application/json"
    return response.status_code, error["exception"], error["message"]


class Failing:
    """Be a storage that fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        raise self._error
