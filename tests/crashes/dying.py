"""Be a gateway that dies where it is told to: a program of its own, which no deployer has.

``python -m tests.crashes.dying`` reads one line of JSON for each gateway that is wanted:
``{"arguments": [...], "stdout": file, "stderr": file}``. It forks, becomes the command line
``jobyard`` with these arguments in the child, and prints the child's pid. So a start costs no
imports, which are most of its time.

A request with :data:`DIES_AT` ends the process, by ``os._exit``, at the n-th of the points on its
own way; one with :data:`BACKGROUND_DIES_AT` at the n-th point that no request is at. Points are
before and after each commit, each call of a backend, and each start of a task. Nothing of this is
in the gateway's own code: its outermost functions are wrapped here.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Final, TypeVar

from attrs import define
from starlette.types import Message, Receive, Scope, Send

from jobyard.cli import cli
from jobyard.database.store import SqlStore
from jobyard.front import Front
from jobyard.resilience import Guarded
from jobyard_backends.scheduling.local import process

T = TypeVar("T")

DIES_AT: Final = "x-dies-at"
BACKGROUND_DIES_AT: Final = "x-background-dies-at"
DIED: Final = "died "
"""What begins the line on standard error that names the point."""

EXIT_CODE: Final = 86
_PRELOADED: Final = (
    "jobyard.app",
    "jobyard.cli.running",
    "jobyard.cli.protocols",
    "jobyard_plugins.auth_local",
    "jobyard_plugins.scheduling_local",
    "jobyard_plugins.storage_local",
    "jobyard_backends.auth.local.users",
    "jobyard_backends.scheduling.local.opening",
    "jobyard_backends.storage.local.opening",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.loops.auto",
)


@define
class Fuse:
    """Count points down; 0 is one that never burns."""

    left: int = 0

    def point(self, name: str) -> None:
        """Pass a point, or die at it."""
        self.left -= 1
        if self.left == 0:
            os.write(2, f"{DIED}{name}\n".encode())
            os._exit(EXIT_CODE)


_request: ContextVar[Fuse] = ContextVar("the fuse of the request that is served")
_background: Final = Fuse()


def _point(name: str) -> None:
    _request.get(_background).point(name)


def _title(work: Callable[..., object]) -> str:
    """Name a unit of work by the function that made it."""
    found = work.func if isinstance(work, partial) else work
    return f"{found.__module__.rpartition('.')[2]}.{found.__qualname__.partition('.<')[0]}"


def install() -> None:
    """Wrap what commits, calls outward, and answers."""
    write, bounded, serve = SqlStore.write, Guarded._bounded, Front.__call__

    @wraps(write)
    async def writing(store: SqlStore, work: Callable[[Any], T]) -> T:
        _point(f"before the commit of {_title(work)}")
        result = await write(store, work)
        _point(f"after the commit of {_title(work)}")
        return result

    @wraps(bounded)
    async def calling(guard: Guarded[Any], operation: str, *others: Any, **named: Any) -> Any:
        _point(f"before {guard.name} {operation}")
        try:
            return await bounded(guard, operation, *others, **named)
        finally:
            _point(f"after {guard.name} {operation}")

    async def serving(front: Front, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope.get("headers", ())}
        if BACKGROUND_DIES_AT in headers:
            _background.left = int(headers[BACKGROUND_DIES_AT])
        _request.set(Fuse(int(headers.get(DIES_AT, 0))))
        _point("at the first byte")

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                _point("before the answer")
            await send(message)

        await serve(front, scope, receive, telling)

    for owner, name, replacement in (
        (SqlStore, "write", writing),
        (Guarded, "_bounded", calling),
        (Front, "__call__", serving),
        (process, "prepare", _around(process.prepare)),
        (process, "start", _around(process.start)),
    ):
        setattr(owner, name, replacement)


def _around(work: Callable[..., T]) -> Callable[..., T]:
    @wraps(work)
    def wrapped(*given: object) -> T:
        _point(f"before {_title(work)}")
        result = work(*given)
        _point(f"after {_title(work)}")
        return result

    return wrapped


def _become(arguments: list[str], stdout: str, stderr: str) -> None:
    """Be the gateway; does not return."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(stdout, flags, 0o600), 1)
        os.dup2(os.open(stderr, flags, 0o600), 2)
        cli.main(arguments, prog_name="jobyard")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Fork a gateway for each line, until there are no more."""
    for name in _PRELOADED:
        importlib.import_module(name)
    install()
    # Whoever wants to know how a gateway ended watches it through a pidfd.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(wanted["arguments"], wanted["stdout"], wanted["stderr"])
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
