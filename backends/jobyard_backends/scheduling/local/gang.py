"""The processes of one attempt's tasks: watched while they run, ended when they must."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, TypeAlias

import anyio
from anyio import CapacityLimiter, to_thread
from anyio.streams.memory import MemoryObjectSendStream

from jobyard_backends.scheduling.local import process
from jobyard_backends.scheduling.local.enclosure import Enclosure
from jobyard_backends.scheduling.local.folders import Folders
from jobyard_backends.scheduling.local.log_room import LogRoom
from jobyard_backends.scheduling.local.memory_watch import MemoryWatch
from jobyard_backends.scheduling.local.records import (
    AttemptRecord,
    JobRecord,
    TaskRecord,
    container_id,
)

NODE_LOST: Final = -7111
"""The exit code of a task whose machine was restarted under it; transient."""

KEEPER_LOST: Final = -7113
"""The exit code of a task of which nobody knows how it ended; transient."""

TaskKey: TypeAlias = tuple[str, int]


class Gang:
    """Hold the processes of an attempt."""

    News: TypeAlias = tuple[TaskKey, process.Ended, str] | None
    """A task's end with why, where nobody knows how; ``None``: look anew."""

    Teller: TypeAlias = MemoryObjectSendStream[News]

    def __init__(
        self,
        folders: Folders,
        grace: float,
        threads: CapacityLimiter,
        room: LogRoom,
        *,
        enclosure: Enclosure,
        memory: MemoryWatch | None = None,
    ) -> None:
        self._enclosure = enclosure
        self._room = room
        self._memory = memory
        self._folders = folders
        self._grace = grace
        self._threads = threads
        self._tasks: dict[TaskKey, process.Outlook] = {}

    def add(self, started: Mapping[TaskKey, process.Running]) -> None:
        """Take over processes that were started just now."""
        self._tasks.update(started)

    async def adopt(self, record: JobRecord, attempt: AttemptRecord) -> None:
        """Find the tasks that are not held yet, as after a restart of the gateway."""
        for task in attempt.unfinished():
            if task.key not in self._tasks:
                folder = self._folder(record, attempt, task)
                self._tasks[task.key] = await self._find(folder)

    async def watch(self, record: JobRecord, attempt: AttemptRecord, send: Teller) -> None:
        """Tell each end as it comes."""
        async with anyio.create_task_group() as group:
            for task in attempt.unfinished():
                group.start_soon(self._await_end, record, attempt, task, send)

    async def _await_end(
        self, record: JobRecord, attempt: AttemptRecord, task: TaskRecord, send: Teller
    ) -> None:
        outlook = self._tasks[task.key]
        if isinstance(outlook, process.Running):
            folder = self._folder(record, attempt, task)
            memory_mb = record.role(task.role).memory_mb
            with self._watched(outlook, folder, memory_mb), self._room.of(folder):
                await outlook.wait()
            await self._room.trim(folder)
            found = await self._find(folder)
            outlook = process.Lost("its keeper is gone") if _runs(found) else found
        if isinstance(outlook, process.Ended):
            why = f"task {task.role}[{task.index}] {outlook.reason}" if outlook.reason else ""
            await send.send((task.key, outlook, why))
        elif isinstance(outlook, process.Lost):
            mark = container_id(record, attempt.number, task.role, task.index)
            await self._kill(mark)
            code = NODE_LOST if outlook.node_lost else KEEPER_LOST
            reason = f"task {task.role}[{task.index}] is lost: {outlook.reason}"
            await send.send((task.key, process.Ended(code, attempt.launched_at or 0), reason))

    def _watched(
        self, running: process.Running, folder: Path, memory_mb: int
    ) -> AbstractContextManager[None]:
        if self._memory is None:
            return nullcontext()
        return self._memory.over(running, folder, memory_mb)

    async def end(self, record: JobRecord, attempt: AttemptRecord) -> None:
        """End every task that still runs, all at once, and return when they are dead."""
        async with anyio.create_task_group() as group:
            for task in attempt.unfinished():
                outlook = self._tasks.get(task.key)
                mark = container_id(record, attempt.number, task.role, task.index)
                if isinstance(outlook, process.Running):
                    group.start_soon(self._end, outlook, mark)
                elif isinstance(outlook, process.Lost):
                    group.start_soon(self._kill, mark)

    async def _end(self, running: process.Running, mark: str) -> None:
        if not await process.end(running, self._grace):
            # Its keeper itself did not come to an end: it is done without it.
            await self._kill(mark)
            await process.kill(running)

    async def _find(self, folder: Path) -> process.Outlook:
        return await to_thread.run_sync(process.find, folder, limiter=self._threads)

    async def _kill(self, mark: str) -> None:
        await to_thread.run_sync(self._enclosure.kill, mark, limiter=self._threads)

    def close(self) -> None:
        """Let go of all processes; they go on."""
        for outlook in self._tasks.values():
            if isinstance(outlook, process.Running):
                outlook.close()
        self._tasks.clear()

    def _folder(self, record: JobRecord, attempt: AttemptRecord, task: TaskRecord) -> Path:
        return self._folders.task(record.id, attempt.number, task.role, task.index)


def _runs(outlook: process.Outlook) -> bool:
    if isinstance(outlook, process.Running):
        outlook.close()
        return True
    return False
