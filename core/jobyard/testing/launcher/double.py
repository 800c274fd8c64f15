"""The double itself: a server on this machine, in a thread and an event loop of its own."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import anyio
import uvicorn
from anyio import to_thread

from jobyard.testing.launcher.container_logs import ContainerLogs
from jobyard.testing.launcher.containers import (
    ContainerOrder,
    ContainerRunner,
    Play,
    ScriptedContainers,
)
from jobyard.testing.launcher.ended import ended_frameworks
from jobyard.testing.launcher.faults import Faults, FaultyApp
from jobyard.testing.launcher.life import Lives
from jobyard.testing.launcher.options import LauncherOptions
from jobyard.testing.launcher.processes import ProcessContainers
from jobyard.testing.launcher.service import LauncherService
from jobyard.testing.launcher.sources import SourceReader, local_sources

_PATIENCE: Final = 30.0
_SHORTEST_STEP: Final = 0.001


class LauncherDouble:
    """Be a launcher, while its context is entered; ``url`` is its address.

    ``sources`` brings the files that tasks start from; without it they lie below ``files``, a
    folder of this machine that stands for the root of HDFS. With ``script`` no process is run:
    every container does what the script says of it. ``folder`` keeps work and logs of containers;
    without it there is a temporary one. Leaving ends all containers with all that they began.
    """

    def __init__(
        self,
        options: LauncherOptions | None = None,
        *,
        folder: Path | None = None,
        sources: SourceReader | None = None,
        script: Callable[[ContainerOrder], Play] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.options = options or LauncherOptions()
        self.faults = Faults()
        self.url = ""
        self._given = folder
        self._folder = Path()
        self._sources = sources
        self._script = script
        self._bind = (host, port)
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._lives: Lives | None = None

    @property
    def files(self) -> Path:
        """Give the folder that stands for the root of HDFS."""
        return self._folder / "files"

    @property
    def lives(self) -> Lives:
        """Give the frameworks; they change in another thread."""
        if self._lives is None:
            message = "the double is not running"
            raise RuntimeError(message)
        return self._lives

    def kill_application(self, framework: str) -> None:
        """Kill a framework's application behind the launcher's back, as an operator of YARN can."""
        self.lives.frameworks[framework].killed_from_outside = True

    def add_ended(self, number: int, user: str = "alice") -> None:
        """Have so many frameworks that are over, named ``$user~job000000`` and on."""
        for framework in ended_frameworks(number, user, self.lives.wall()):
            self.lives.add_ended(framework)

    def __enter__(self) -> Self:
        self._folder = self._given or Path(tempfile.mkdtemp(prefix="launcher-"))
        self.files.mkdir(parents=True, exist_ok=True)
        self._socket = socket.create_server(self._bind)
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{host}:{port}"
        self._thread = threading.Thread(target=anyio.run, args=(self._serve,), name="launcher")
        self._thread.start()
        end = time.monotonic() + _PATIENCE
        while not (self._server and self._server.started):
            if not self._thread.is_alive() or time.monotonic() > end:
                self.__exit__(None, None, None)
                message = "the launcher's double did not start"
                raise RuntimeError(message)
            time.sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        if self._given is None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def __aenter__(self) -> Self:
        return await to_thread.run_sync(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self.__exit__, kind, error, trace)

    async def _serve(self) -> None:
        async with anyio.create_task_group() as containers:
            lives = self._lives = self._make_lives(self._runner(containers))
            logs = ContainerLogs(self._folder)
            app = FaultyApp(LauncherService(lives).app(*logs.routes()), self.faults)
            config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
            server = uvicorn.Server(config)
            async with anyio.create_task_group() as steps:
                steps.start_soon(self._step, lives)
                self._server = server
                await server.serve([self._socket] if self._socket else None)
                steps.cancel_scope.cancel()
            await self._end_containers(lives)
            containers.cancel_scope.cancel()

    def _runner(self, tasks: anyio.abc.TaskGroup) -> ContainerRunner:
        if self._script is not None:
            return ScriptedContainers(self._script, time.monotonic)
        return ProcessContainers(self._folder, self._sources or local_sources(self.files), tasks)

    def _make_lives(self, runner: ContainerRunner) -> Lives:
        def wall() -> int:
            return time.time_ns() // 1_000_000

        return Lives(self.options, runner, time.monotonic, wall, wall(), self.url)

    async def _step(self, lives: Lives) -> None:
        while True:
            lives.step()
            await anyio.sleep(max(self.options.interval / 2, _SHORTEST_STEP))

    async def _end_containers(self, lives: Lives) -> None:
        with suppress(TimeoutError), anyio.fail_after(_PATIENCE):
            while left := lives.containers:
                for each in left:
                    each.kill()
                await anyio.sleep(_SHORTEST_STEP)
