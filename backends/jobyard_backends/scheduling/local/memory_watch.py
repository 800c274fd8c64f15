"""The watch over the memory of tasks, where the kernel does not keep it.

Once a second all processes of the machine are looked at in one go. A task whose processes hold more
than it asked for is looked at more closely, since pages that they share are counted once for each,
and is killed if it is still too much. While the gateway is down nobody watches.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
import psutil
from anyio import CapacityLimiter, to_thread
from attrs import frozen

from jobyard_backends.scheduling.local import keeper, process

LOG: Final = logging.getLogger("jobyard.scheduling.local")

INTERVAL: Final = 1.0
"""Seconds between two looks."""

_MEGABYTE: Final = 1024 * 1024
_PARENT_FIELD: Final = 1
_RESIDENT_FIELD: Final = 21
"""The fields of /proc/PID/stat behind the name (proc(5))."""


@frozen
class _Watched:
    running: process.Running
    folder: Path
    memory_mb: int


class MemoryWatch:
    """Kill tasks that use more memory than they asked for."""

    def __init__(self, threads: CapacityLimiter, *, interval: float = INTERVAL) -> None:
        self._threads = threads
        self._interval = interval
        self._watched: dict[int, _Watched] = {}
        self._some = anyio.Event()

    @contextmanager
    def over(self, running: process.Running, folder: Path, memory_mb: int) -> Iterator[None]:
        """Watch over the task of a keeper while the block runs."""
        self._watched[running.pid] = _Watched(running, folder, memory_mb)
        self._some.set()
        try:
            yield
        finally:
            del self._watched[running.pid]

    async def run(self) -> None:
        """Watch until cancelled; costs nothing while no task runs."""
        while True:
            if not self._watched:
                self._some = anyio.Event()
                await self._some.wait()
            try:
                await self._look()
            except OSError:
                LOG.exception("the memory of tasks could not be looked at")
            await anyio.sleep(self._interval)

    async def _look(self) -> None:
        watched = dict(self._watched)
        used = await to_thread.run_sync(_too_much, watched, limiter=self._threads)
        for pid, megabytes in used.items():
            # One that has ended meanwhile is nobody's to kill.
            if self._watched.get(pid) is watched[pid]:
                await to_thread.run_sync(_condemn, watched[pid], megabytes, limiter=self._threads)


def _condemn(watched: _Watched, used: int) -> None:
    reason = f"used {used:,} MB of {watched.memory_mb:,} MB"
    process.condemn(watched.folder, watched.running, keeper.MEMORY_EXCEEDED, reason)


def _too_much(watched: Mapping[int, _Watched]) -> dict[int, int]:
    """Give the megabytes of each keeper's task that has too many."""
    children, resident = _processes()
    found = {}
    for pid, each in watched.items():
        tree = list(_below(pid, children))
        if sum(resident[one] for one in tree) > each.memory_mb * _MEGABYTE:
            used = sum(map(_proportional, tree)) // _MEGABYTE
            if used > each.memory_mb:
                found[pid] = used
    return found


def _processes() -> tuple[dict[int, list[int]], dict[int, int]]:
    """Give the children of every process, and every process's resident bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for pid in psutil.pids():
        try:
            fields = keeper.stat_fields(pid)
        except OSError:
            continue
        children.setdefault(int(fields[_PARENT_FIELD]), []).append(pid)
        resident[pid] = int(fields[_RESIDENT_FIELD]) * page
    return children, resident


def _below(root: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    for child in children.get(root, []):
        yield child
        yield from _below(child, children)


def _proportional(pid: int) -> int:
    """Give a process's bytes, those that it shares divided by all who do."""
    with contextlib.suppress(psutil.Error, OSError):
        return int(psutil.Process(pid).memory_full_info().pss)
    return 0
