"""Containers as processes of this machine: started as a NodeManager does, ended with all they began.

Each has a folder of its own, where its sources lie under their last names, and a log folder. Its
processes are known by a mark in their environment, so that none is missed that left its session.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
import psutil
from anyio import to_thread
from anyio.abc import Process, TaskGroup
from attrs import define, field

from jobyard.testing.launcher.containers import ContainerOrder, Ended
from jobyard.testing.launcher.sources import SourceReader, name_of

MARK: Final = "JOBYARD_LAUNCHER_DOUBLE"
"""The variable that all processes of a container have."""

GRACE: Final = 0.25
"""Seconds between SIGTERM and SIGKILL, a NodeManager's own default."""

_TAIL: Final = 4096
_NOT_STARTED: Final = 1


class ProcessContainers:
    """Run containers below a folder; ``tasks`` owns what watches over them."""

    def __init__(
        self, folder: Path, sources: SourceReader, tasks: TaskGroup, grace: float = GRACE
    ) -> None:
        self._folder = folder
        self._sources = sources
        self._tasks = tasks
        self._grace = grace

    def start(self, order: ContainerOrder) -> ProcessContainer:
        """Have a container start; returns at once."""
        container = ProcessContainer(
            order=order,
            work=self._folder / "work" / order.application / order.id,
            logs=log_folder(self._folder, order.id),
            sources=self._sources,
            grace=self._grace,
        )
        self._tasks.start_soon(container.run)
        return container


def log_folder(folder: Path, container: str) -> Path:
    """Give where the output of a container lies."""
    return folder / "logs" / container


@define
class ProcessContainer:
    """Be one container, from its files to its last process."""

    order: ContainerOrder
    work: Path
    logs: Path
    sources: SourceReader
    grace: float
    running: bool = False
    missing_source: str | None = None
    ended: Ended | None = None
    _mark: str = field(factory=lambda: uuid.uuid4().hex)
    _killed: anyio.Event = field(factory=anyio.Event)

    def kill(self) -> None:
        """Have it end: politely at first, then all that is left of it."""
        self._killed.set()

    async def run(self) -> None:
        """Bring the files, run the command, and see to it that nothing is left."""
        code, said = _NOT_STARTED, ""
        try:
            if await self._prepare():
                code = await self._run_command()
        except OSError as error:
            said = str(error)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._sweep)
                self.running = False
                self.ended = Ended(code, said or await to_thread.run_sync(self._tail))

    async def _prepare(self) -> bool:
        for folder in (self.work, self.logs):
            await anyio.Path(folder).mkdir(parents=True)
        for location in self.order.sources:
            if self._killed.is_set():
                return False
            if not await self.sources(location, self.work / name_of(location)):
                self.missing_source = location
                return False
        return True

    async def _run_command(self) -> int:
        if self._killed.is_set():
            return 128 + signal.SIGKILL
        # The event loop does not wait for the disk here any longer than a process takes to start.
        with (self.logs / "stdout").open("wb") as out, (self.logs / "stderr").open("wb") as err:
            process = await anyio.open_process(
                ["bash", "-c", self.order.entry_point],
                cwd=self.work,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.running = True
        async with process, anyio.create_task_group() as tasks:
            tasks.start_soon(self._end_when_killed, process)
            code = await process.wait()
            tasks.cancel_scope.cancel()
        return code if code >= 0 else 128 - code

    async def _end_when_killed(self, process: Process) -> None:
        await self._killed.wait()
        _signal(process.pid, signal.SIGTERM)
        await anyio.sleep(self.grace)
        _signal(process.pid, signal.SIGKILL)

    def _environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(self.work),
            "PWD": str(self.work),
            "LOG_DIRS": str(self.logs),
            "USER": self.order.user,
            MARK: self._mark,
            **self.order.environment,
        }

    def _sweep(self) -> None:
        """Kill what is left, until nothing is, and remove the folder; blocks."""
        while left := [each for each in psutil.process_iter() if self._is_mine(each)]:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(left, timeout=1)
        shutil.rmtree(self.work, ignore_errors=True)

    def _is_mine(self, process: psutil.Process) -> bool:
        try:
            environment = process.environ()
            return environment.get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False

    def _tail(self) -> str:
        try:
            with (self.logs / "stderr").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
                return file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""


def _signal(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)
