"""Whole gateways for tests: with the embedded backends, or with doubles in their places."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import anyio
import httpx
from attrs import field, frozen

import jobyard
from jobyard.app import create_app
from jobyard.clock import Clock
from jobyard.config.loading import load
from jobyard.registry import Registry
from jobyard.seams.auth import Authenticator
from jobyard.seams.context import Context
from jobyard.seams.provider import (
    AnyProvider,
    Capability,
    Seam,
    auth_provider,
    observer_provider,
    scheduling_provider,
    storage_provider,
)
from jobyard.seams.scheduling import Scheduler
from jobyard.seams.storage import Storage, StorageSettings

ADDRESS: Final = "http://gateway.test"
ADMIN_PASSWORD: Final = "secret of the admin"
PASSWORD: Final = "secret of a user"
_HOOKS: Final = {
    Seam.AUTH: "jobyard_auth_providers",
    Seam.SCHEDULING: "jobyard_scheduling_providers",
    Seam.STORAGE: "jobyard_storage_providers",
    Seam.OBSERVERS: "jobyard_observer_providers",
}
SMALL: Final = """
rest-server:
  default-pai-admin-password: secret of the admin
"""
"""A configuration in which everything is embedded."""


@frozen
class NoSettings:
    pass


@frozen
class NoStorageSettings(StorageSettings):
    pass


class _Point(EntryPoint):
    """An entry point whose object is at hand."""

    def load(self) -> object:
        return vars(self)["plugin"]


def _point(seam: Seam, provider: AnyProvider) -> EntryPoint:
    def announce() -> Iterable[AnyProvider]:
        return [provider]

    plugin = SimpleNamespace(**{_HOOKS[seam]: jobyard.hookimpl(announce)})
    point = _Point(provider.name, f"doubles:{provider.name}", seam.entry_point_group)
    vars(point).update(plugin=plugin, dist=None)
    return point


def scheduling_double(
    backend: Scheduler, *, capabilities: Iterable[Capability] = (), name: str = "double"
) -> EntryPoint:
    """Announce a scheduler that is there already."""

    @asynccontextmanager
    async def opened(_: NoSettings, __: Context) -> AsyncIterator[Scheduler]:
        yield backend

    provider = scheduling_provider(
        name=name,
        api=1,
        summary="A double.",
        config=NoSettings,
        open=opened,
        capabilities=capabilities,
    )
    return _point(Seam.SCHEDULING, provider)


def auth_double(backend: Authenticator, *, capabilities: Iterable[Capability] = ()) -> EntryPoint:
    """Announce a directory that is there already."""

    @asynccontextmanager
    async def opened(_: NoSettings, __: Context) -> AsyncIterator[Authenticator]:
        yield backend

    provider = auth_provider(
        name="double",
        api=1,
        summary="A double.",
        config=NoSettings,
        open=opened,
        capabilities=capabilities,
    )
    return _point(Seam.AUTH, provider)


def storage_double(backend: Storage) -> EntryPoint:
    """Announce a storage that is there already."""

    @asynccontextmanager
    async def opened(_: NoStorageSettings, __: Context) -> AsyncIterator[Storage]:
        yield backend

    provider = storage_provider(
        name="double", api=1, summary="A double.", config=NoStorageSettings, open=opened
    )
    return _point(Seam.STORAGE, provider)


def observer_double(plugin: object) -> EntryPoint:
    """Announce an observer that is there already."""

    @asynccontextmanager
    async def opened(_: NoSettings, __: Context) -> AsyncIterator[object]:
        yield plugin

    provider = observer_provider(
        name="double", api=1, summary="A double.", config=NoSettings, open=opened
    )
    return _point(Seam.OBSERVERS, provider)


@frozen
class Told:
    """Be what an error said: the status, the code, the message."""

    status: int
    code: str
    message: str


def told(response: httpx.Response) -> Told:
    """Read an error, which holds a code, a message and nothing else."""
    document = response.json()
    assert document.keys() == {"code", "message"}
    return Told(response.status_code, document["code"], document["message"])


@frozen
class Caller:
    """Be somebody, or nobody, who calls a gateway."""

    http: httpx.AsyncClient
    token: str | None = field(default=None, repr=False)

    async def call(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call a path below ``/api/v1``, or an absolute one that begins with ``//``."""
        sent = dict(headers or {})
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        url = path[1:] if path.startswith("//") else f"/api/v1{path}"
        return await self.http.request(
            method, url, json=json, data=data, content=content, headers=sent
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Read a path."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.call("GET", path, headers=named)

    async def good(self, method: str, path: str, json: object = None) -> object:
        """Call a path that has to answer well, and give the document."""
        response = await self.call(method, path, json)
        assert response.is_success, response.text
        document: object = response.json()
        return document


@frozen
class Gateway:
    """Be a gateway that runs in this process."""

    http: httpx.AsyncClient
    guest: Caller
    admin: Caller
    announced: list[str] = field(factory=list)

    async def user(self, name: str, *virtual_clusters: str) -> Caller:
        """Make a user, and log in."""
        user = {"username": name, "password": PASSWORD, "admin": False, "modify": False}
        await self.admin.good("PUT", "/user", user)
        if virtual_clusters:
            names = {"virtualClusters": ",".join(virtual_clusters)}
            await self.admin.good("PUT", f"/user/{name}/virtualClusters", names)
        return await self.log_in(name)

    async def log_in(self, name: str, password: str = PASSWORD) -> Caller:
        """Log in."""
        credentials = {"username": name, "password": password}
        document = await self.guest.good("POST", "/token", credentials)
        return Caller(self.http, cast("dict[str, str]", document)["token"])

    async def state(
        self, user: str, job: str, *wanted: str, within: float = 20
    ) -> dict[str, object]:
        """Wait until a job is in one of the states, and give its ``jobStatus``."""
        with anyio.fail_after(within):
            while True:
                document = await self.admin.good("GET", f"/user/{user}/jobs/{job}")
                status = cast("dict[str, dict[str, object]]", document)["jobStatus"]
                if status["state"] in wanted:
                    return status
                await anyio.sleep(0.02)


@asynccontextmanager
async def running(
    state_dir: Path,
    configuration: str = SMALL,
    *points: EntryPoint,
    clock: Clock | None = None,
) -> AsyncIterator[Gateway]:
    """Run a gateway; ``points`` are doubles, chosen in the configuration as ``double``."""
    file = state_dir / "services-configuration.yaml"
    file.write_text(configuration)
    state = state_dir / "state"
    state.mkdir(exist_ok=True)
    installed = [each for seam in Seam for each in entry_points(group=seam.entry_point_group)]
    registry = Registry([*installed, *points])
    announced: list[str] = []
    app = create_app(
        load(file, registry, {}),
        registry,
        state_dir=state,
        address=ADDRESS,
        announce=announced.append,
        clock=clock,
    )
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
        http = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url=ADDRESS, timeout=30)
        )
        guest = Caller(http)
        gateway = Gateway(http, guest, guest, announced)
        admin = await gateway.log_in("admin", ADMIN_PASSWORD)
        yield Gateway(http, guest, admin, announced)
