"""A YARN of the tests' own whose containers are processes, and the front door that they knock at.

It takes the words of a service that YARN takes, and runs the start script as it is; what it lacks
is an ApplicationMaster, which costs each service on a real YARN some eight seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

import anyio
import uvicorn
from attrs import define, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobyard.domain.identity import SYSTEM
from jobyard.domain.node import NodeShape
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import NotFound, NotSupported, Rejected, Unavailable
from jobyard.seams.storage import Storage
from jobyard_backends.scheduling.yarn.services.service import Service
from tests.ports import lasting_ports

CPUS: Final = 32
_MEMORY: Final = 64_000
_VARIABLE: Final = re.compile(r"\$\{([A-Z_]+)\}")


@define
class Container:
    """Be one process of a service, or the place of one that waits for room."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def over(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def kill(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@define
class _Held:
    document: Mapping[str, Any]
    containers: list[Container]
    waits: bool

    @property
    def cpus(self) -> int:
        parts = self.document["components"]
        return sum(each["number_of_containers"] * each["resource"]["cpus"] for each in parts)

    @property
    def memory(self) -> int:
        parts = self.document["components"]
        return sum(each["number_of_containers"] * int(each["resource"]["memory"]) for each in parts)


@define
class ProcessYarn:
    """Hold services and virtual clusters; ``down`` has it answer nobody.

    ``refuses`` is what it says to every new service, ``room`` how many containers one gets.
    """

    folder: Path
    down: bool = False
    refuses: str | None = None
    room: int | None = None
    held: dict[str, _Held] = field(factory=dict)

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("No ResourceManager can be reached.")

    async def create(self, document: Mapping[str, object], user: str) -> None:
        self._answer()
        if self.refuses is not None:
            raise Rejected(self.refuses, status=500)
        name = str(document["name"])
        if name in self.held:
            return
        parts = cast("Sequence[Mapping[str, Any]]", document["components"])
        waits = any(part["resource"]["cpus"] > CPUS for part in parts)
        self.held[name] = _Held(document, [], waits)
        if not waits:
            wanted = [
                (part, number) for part in parts for number in range(part["number_of_containers"])
            ]
            self.held[name].containers = [
                self._run(name, part, number, document) for part, number in wanted[: self.room]
            ]

    def _run(
        self, service: str, part: Mapping[str, Any], number: int, document: Mapping[str, Any]
    ) -> Container:
        name = f"{part['name']}-{number}"
        words = {"COMPONENT_INSTANCE_NAME": name, "CONTAINER_ID": f"container_{service}_{number}"}
        command = _VARIABLE.sub(lambda found: words[found[1]], part["launch_command"])
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        environment = {"PATH": os.environ["PATH"], "NM_HOST": "127.0.0.1"}
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=folder,
                env=environment | document["configuration"]["env"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )
        return Container(name, folder, process)

    async def find(self, name: str, user: str) -> Service | None:
        self._answer()
        held = self.held.get(name)
        if held is None:
            return None
        ended = frozenset(each.name for each in held.containers if each.over)
        over = not held.waits and len(ended) == len(held.containers)
        return Service(f"application_{name}", over, ended)

    async def destroy(self, name: str, user: str) -> None:
        self._answer()
        held = self.held.pop(name, None)
        for container in held.containers if held else []:
            container.kill()
            shutil.rmtree(container.folder, ignore_errors=True)

    def close(self) -> None:
        """End everything."""
        for held in self.held.values():
            for container in held.containers:
                container.kill()

    async def quotas(self) -> QuotaState:
        self._answer()
        running = [held for held in self.held.values() if not held.waits]
        busy = [held for held in running if not all(each.over for each in held.containers)]
        cpus = sum(held.cpus for held in busy)
        usage = VirtualClusterUsage(
            used_capacity=100 * cpus / CPUS,
            active_jobs=len(busy),
            pending_jobs=len(self.held) - len(running),
            resources=ResourcesUsed(sum(held.memory for held in busy), cpus),
        )
        return QuotaState("1", (VirtualCluster(VirtualClusterShare("default", 100.0), usage),))

    async def apply(self, plan: CapacityPlan) -> None:
        raise NotSupported("Processes have one virtual cluster.")

    async def nodes(self) -> Sequence[NodeShape]:
        self._answer()
        return (NodeShape(1, CPUS, _MEMORY),)

    async def ping(self) -> None:
        self._answer()


@asynccontextmanager
async def front_door(storage: Storage) -> AsyncIterator[str]:
    """Serve a storage as a gateway does, for start scripts; tokens are taken as they are."""

    async def open_file(request: Request) -> Response:
        path = f"/{request.path_params['path']}"
        try:
            chunks = [chunk async for chunk in storage.read(path, as_user=SYSTEM)]
        except NotFound:
            return Response(status_code=404)
        return Response(b"".join(chunks))

    async def create(request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield await request.body()

        path = f"/{request.path_params['path']}"
        await storage.write(path, chunks(), overwrite=True, as_user=SYSTEM)
        return Response(status_code=201)

    async def both(request: Request) -> Response:
        return await (open_file(request) if request.method == "GET" else create(request))

    app = Starlette(routes=[Route("/webhdfs/v1/{path:path}", both, methods=["GET", "PUT"])])
    (port,) = lasting_ports(1)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1
        )
    )
    async with anyio.create_task_group() as group:
        group.start_soon(server._serve)  # without the signals, which are pytest's
        with anyio.fail_after(60):
            while True:
                if server.started:
                    break
                await anyio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
