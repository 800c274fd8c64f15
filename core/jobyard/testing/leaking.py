"""A probe for what is left when a backend was closed."""

from __future__ import annotations

import asyncio
import enum
import threading
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import anyio
import psutil

_GRACE: Final = 2.0
"""Seconds in which what is ending has to have ended."""

_POLL: Final = 0.01
# Both are pools of the event loop's own, which keep idle threads for later.
_POOLS: Final = ("AnyIO worker thread", "asyncio_")


class Kind(enum.StrEnum):
    """Name what can be left open."""

    TASK = "task"
    THREAD = "thread"
    FILE = "file"
    SOCKET = "socket"
    PROCESS = "process"


Held = Mapping[tuple[Kind, object], str]


@asynccontextmanager
async def leaks(*, outliving: Collection[Kind] = ()) -> AsyncIterator[None]:
    """Fail where a block leaves a task, thread, file, socket or child process behind.

    What was open before is nobody's leak. What is just ending has two seconds for it. Kinds in
    ``outliving`` may stay. An error of the block comes out as it is, unexamined.

    Raises:
        AssertionError: Something is left; the message names each.
    """
    before = _held()
    yield
    deadline = time.monotonic() + _GRACE
    left = _left(before, outliving)
    while left and time.monotonic() < deadline:
        await anyio.sleep(_POLL)
        left = _left(before, outliving)
    if left:
        message = f"left open: {'; '.join(sorted(left))}"
        raise AssertionError(message)


def _left(before: Held, outliving: Collection[Kind]) -> list[str]:
    return [
        f"{key[0].value} {name}"
        for key, name in _held().items()
        if key not in before and key[0] not in outliving
    ]


def _held() -> Held:
    return {**_tasks(), **_threads(), **_descriptors(), **_children()}


def _tasks() -> Held:
    # By the task itself and not by its id, which a later one may have again.
    return {
        (Kind.TASK, task): f"'{task.get_name()}' ({task.get_coro()})"
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task() and not _is_runners(task)
    }


def _is_runners(task: asyncio.Task[object]) -> bool:
    """Tell whether a task is one with which anyio's pytest plugin hands a phase of a test over."""
    return getattr(task.get_coro(), "__qualname__", "").startswith("TestRunner.")


def _threads() -> Held:
    return {
        (Kind.THREAD, thread): f"'{thread.name}'"
        for thread in threading.enumerate()
        if not thread.name.startswith(_POOLS)
    }


def _descriptors() -> Held:
    held: dict[tuple[Kind, object], str] = {}
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # the folder's own, which is closed by now
            target = str(descriptor.readlink())
            kind = Kind.SOCKET if target.startswith("socket:") else Kind.FILE
            held[kind, (descriptor, target)] = f"{descriptor.name} ({target})"
    return held


def _children() -> Held:
    held: dict[tuple[Kind, object], str] = {}
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            held[Kind.PROCESS, (child.pid, child.create_time())] = f"{child.pid} ({child.name()})"
    return held
