"""Start keepers, find them again, and end what is theirs: never anything else.

A pid alone proves nothing, since numbers come around again. A keeper is known by its pid, its
start time and the machine's boot id, and is watched and signalled through a pidfd, which stays
with the one process that it was opened for.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import anyio
import psutil
from attrs import frozen

from jobyard_backends.scheduling.local import keeper
from jobyard_backends.scheduling.local.container_script import script

KEEPER: Final = Path(keeper.__file__)
MARK: Final = "PAI_CONTAINER_ID"
"""The variable by which processes of a task are known where its keeper is gone."""

_LONGEST_ARGUMENT: Final = 120_000
_KILLED_WITHIN: Final = 10.0
_ANEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
COMMAND: Final = "command"
"""The file of a task's folder that holds a command which is too long for an argument."""

START: Final = "start"
"""The file of a task's folder that its container begins with."""


_FOR_THE_LOADER: Final = re.compile(
    r"LD_\w*|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_\w*"
    r"|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TZDIR"
)
"""What can have a program run other code than its own: what glibc ignores in privileged ones."""


MEMORY: Final = "memory"
"""The file of a task's folder in which its container notes that the kernel killed some of it."""


@frozen
class Ended:
    """Say that a task has ended; ``at`` is in milliseconds since the epoch.

    ``reason`` is there where the code is not the command's own.
    """

    code: int
    at: int
    reason: str = ""


@frozen
class Lost:
    """Say that nobody will ever know how a task ended."""

    reason: str
    node_lost: bool = False


class Running:
    """Hold a keeper that runs; close it when done."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd

    async def wait(self) -> None:
        """Return when the keeper has ended; costs nothing meanwhile."""
        await anyio.wait_readable(self._pidfd)
        self._reap()

    def _reap(self) -> None:
        # Only this gateway's own children can be reaped, and only they need it.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)

    def signal(self, number: signal.Signals) -> None:
        """Send the keeper a signal; one that has ended is good."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, number)

    def close(self) -> None:
        """Let go; the process goes on."""
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1


Outlook = Running | Ended | Lost


@frozen
class Account:
    """Be a Unix account that a task runs as."""

    uid: int
    gid: int


@frozen
class Container:
    """Be a task's container: the words that its engine is called with, and the name it has there.

    ``environment`` is the engine's own, ``account`` the one that the task runs as, if not the
    gateway's.
    """

    engine: tuple[str, ...]
    name: str
    environment: Mapping[str, str]
    account: Account | None = None


@frozen
class Bounds:
    """Be what holds a task: the words before its command, and control groups with its limits.

    ``memory_mb`` is what it asked for. Without words nothing is before the command; with a
    ``container`` they are the whole. ``beside`` start something beside the command.
    """

    wrapper: tuple[str, ...] = ()
    cgroups: tuple[Path, ...] = ()
    memory_mb: int = 0
    container: Container | None = None
    beside: tuple[str, ...] = ()


def prepare(
    folder: Path,
    command: str,
    environment: Mapping[str, str],
    grace: float,
    bounds: Bounds = Bounds(),
) -> None:
    """Write what a keeper is to run into the folder of its task."""
    argv, around = _arguments(folder, command, environment, bounds)
    container = bounds.container
    document = {
        "argv": argv,
        "environment": dict(around),
        "grace": grace,
        "wrapped": bool(bounds.wrapper),
        "cgroups": [str(each) for each in bounds.cgroups],
        "memory_mb": bounds.memory_mb,
        "engine": [] if container is None else list(container.engine),
        "name": "" if container is None else container.name,
    }
    descriptor = os.open(folder / "spec", _ANEW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        marshal.dump(document, file)


def _arguments(
    folder: Path, command: str, environment: Mapping[str, str], bounds: Bounds
) -> tuple[list[str], Mapping[str, str]]:
    """Give what is executed, and the environment of that."""
    if bounds.container is not None:
        _fill(folder, command, environment, bounds.container)
        return list(bounds.wrapper), bounds.container.environment
    if len(command.encode()) > _LONGEST_ARGUMENT:
        # The kernel takes no longer argument; a file says the same.
        (folder / COMMAND).write_text(command, encoding="utf-8")
        argv = ["/bin/bash", str(folder / COMMAND)]
    else:
        argv = ["/bin/bash", "-c", command]
    if not bounds.wrapper:
        return argv, environment
    around, within = _parted(environment)
    if within:
        argv = ["/usr/bin/env", *(f"{name}={value}" for name, value in within.items()), *argv]
    return [*bounds.wrapper, *bounds.beside, *argv], around


def _fill(folder: Path, command: str, environment: Mapping[str, str], container: Container) -> None:
    """Write the files that a container begins with, for the account that runs in it alone."""
    for name, text in ((START, script(environment)), (COMMAND, command), (MEMORY, "")):
        descriptor = os.open(folder / name, _ANEW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if container.account is not None:
            os.chown(folder / name, container.account.uid, container.account.gid)


def _parted(environment: Mapping[str, str]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Give what a sandbox may be started with, and what is for the task alone.

    The sandbox is the gateway's own program, outside of itself: a job's code is not to run in it.
    """
    within = {name: each for name, each in environment.items() if _FOR_THE_LOADER.fullmatch(name)}
    return {name: each for name, each in environment.items() if name not in within}, within


def start(folder: Path) -> Running:
    """Start the keeper of a prepared folder, in a session of its own.

    Raises:
        OSError: The machine has no room for another process.
    """
    null = "/dev/null"
    pid = os.posix_spawn(
        sys.executable,
        (sys.executable, "-I", "-S", "-B", str(KEEPER), str(folder)),
        {"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        file_actions=(
            (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(folder / "keeper.err"), os.O_WRONLY | os.O_CREAT, 0o600),
        ),
        setsid=True,
        setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM),
        setsigmask=(),
    )
    return Running(pid, os.pidfd_open(pid))


def read_end(folder: Path) -> Ended | None:
    """Give how a task ended, if its keeper wrote it."""
    try:
        document = json.loads((folder / "exit").read_bytes())
        reason = str(document.get("reason", ""))
        return Ended(int(document["code"]), int(document["ended"]), reason)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def find(folder: Path) -> Outlook:
    """Find the task of a folder again: it runs, has ended, or is lost.

    A task without a keeper is given up: a keeper that is late finds so, and runs nothing.
    """
    ended = read_end(folder)
    if ended is not None:
        return ended
    claimed = _read_claim(folder)
    if claimed is None:
        nobody: dict[str, int | str] = {"pid": 0, "started": 0, "boot": keeper.boot_id()}
        if not folder.is_dir() or keeper.claim(str(folder), nobody):
            return Lost("it was never started")
        claimed = _read_claim(folder)
    if claimed is None or claimed["boot"] != keeper.boot_id():
        return Lost("the machine was restarted", node_lost=True)
    running = _open(int(str(claimed["pid"])), int(str(claimed["started"])))
    if running is not None:
        return running
    # It may have ended between the two looks.
    return read_end(folder) or Lost("its keeper is gone")


def _read_claim(folder: Path) -> dict[str, object] | None:
    try:
        document = json.loads((folder / "keeper.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return {"pid": 0, "started": 0, "boot": ""}
    return {"pid": 0, "started": 0, "boot": "", **document}


def _open(pid: int, started: int) -> Running | None:
    if pid <= 0:
        return None
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        ours = keeper.start_ticks(pid) == started
    except (OSError, IndexError, ValueError):
        ours = False
    if ours:
        return Running(pid, pidfd)
    os.close(pidfd)
    return None


async def end(running: Running, grace: float) -> bool:
    """Have a keeper end its task: SIGTERM, the grace in seconds, SIGKILL; tell whether it did."""
    running.signal(signal.SIGTERM)
    with anyio.move_on_after(grace + _KILLED_WITHIN):
        await running.wait()
        return True
    return False


def condemn(folder: Path, running: Running, code: int, reason: str) -> None:
    """Have a task killed at once, and its end told with a code and an ASCII reason of ours; blocks."""
    draft = folder / "verdict.draft"
    draft.write_text(f"{code} {reason}", encoding="ascii")
    draft.rename(folder / "verdict")
    running.signal(signal.SIGUSR1)


async def kill(running: Running) -> None:
    """Kill a keeper itself; its task goes on where nobody killed it."""
    running.signal(signal.SIGKILL)
    with anyio.move_on_after(_KILLED_WITHIN):
        await running.wait()


def kill_marked(container_id: str) -> int:
    """Kill every process that carries the task's mark in its environment; count them."""
    killed = 0
    for process in psutil.process_iter():
        # A process that is gone, or another user's, is not ours to look at.
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == container_id:
                process.kill()
                killed += 1
    return killed
