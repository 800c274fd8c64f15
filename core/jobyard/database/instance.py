"""Locks that keep a second gateway away from what only one may have."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from jobyard.database.engines import (
    database_url,
    postgresql_engine,
    raise_translated,
    translated,
)
from jobyard.database.migrating import advisory_key
from jobyard.errors import JobyardError, Unavailable
from jobyard.secret import Secret

LOG: Final = logging.getLogger("jobyard.instance")
LOCK_FILE: Final = "lock"


class StateDirBusy(JobyardError):
    """Report that another gateway runs on the state directory; ``pid`` is its process."""

    def __init__(self, state_dir: Path, pid: int | None) -> None:
        self.pid = pid
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(
            f"The state directory {state_dir} is in use by {who}. Stop that gateway first, or "
            "start this one with another --state-dir.",
        )


class DatabaseBusy(JobyardError):
    """Report that another gateway on the database has what only one may have."""

    def __init__(self, role: str) -> None:
        self.role = role
        super().__init__(
            f"Another gateway on this database is running '{role}', which only one may. Stop "
            "that gateway first.",
        )


@contextmanager
def state_lock(state_dir: Path) -> Iterator[None]:
    """Hold the state directory for this process; the system lets go of it when it dies.

    The descriptor is not inherited by child processes, which may outlive the gateway.

    Raises:
        StateDirBusy: Another process holds it.
    """
    path = state_dir / LOCK_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateDirBusy(state_dir, _holder(descriptor)) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        # The file stays: removing it would let two processes hold two files of one name.
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> int | None:
    found = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(found) if found.isdigit() else None


class ExclusiveLock:
    """Be a lock that PostgreSQL holds for one connection of this process."""

    def __init__(self, engine: Engine, role: str, *, timeout: float) -> None:
        self._engine = engine
        self._role = role
        self._timeout = timeout
        self._limiter = anyio.CapacityLimiter(1)
        self._connection: Connection | None = None

    async def acquire(self) -> None:
        """Take the lock.

        Raises:
            DatabaseBusy: Another gateway has it.
            Unavailable: The database does not answer.
        """
        await anyio.to_thread.run_sync(self._acquire, limiter=self._limiter)

    async def check(self) -> None:
        """Return if the lock is still held, or was taken again after a lost connection.

        Raises:
            DatabaseBusy: Another gateway has it now.
            Unavailable: The database does not answer.
        """
        await anyio.to_thread.run_sync(self._check, limiter=self._limiter)

    async def release(self) -> None:
        """Give the lock back."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._release, limiter=self._limiter)

    def _acquire(self) -> None:
        connection: Connection | None = None
        taken = None
        try:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            taken = self._ask(connection, "pg_try_advisory_lock")
        except SQLAlchemyError as error:
            raise_translated(error)
        finally:
            if connection is not None and not taken:
                connection.close()
        if not taken:
            raise DatabaseBusy(self._role)
        self._connection = connection

    def _ask(self, connection: Connection, function: str) -> object:
        number = advisory_key(f"exclusive:{self._role}")
        # The function's name is one of this module's own.
        query = text(f"SELECT {function}(:number)")
        return connection.execute(query, {"number": number}).scalar()

    def _check(self) -> None:
        if self._connection is None:
            self._acquire()
            return
        try:
            self._connection.execute(text("SELECT 1"))
        except Exception as error:
            failure = translated(error)
            if not isinstance(failure, Unavailable):
                raise
            self._release()
            self._acquire()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            # The end of the connection frees the lock too, but some time later.
            self._ask(connection, "pg_advisory_unlock")
        except SQLAlchemyError as error:
            LOG.debug("the lock of %s ended with its connection: %s", self._role, error)
        connection.invalidate()
        connection.close()


@asynccontextmanager
async def exclusive_lock(
    url: Secret,
    role: str,
    *,
    timeout: float,  # noqa: ASYNC109 - of every statement, not of the block
) -> AsyncIterator[ExclusiveLock]:
    """Hold a role on a PostgreSQL database, for backends that only one gateway may run.

    Ask :meth:`ExclusiveLock.check` now and then: a lock ends with its connection.

    Raises:
        DatabaseBusy: Another gateway has it.
        Unavailable: The database does not answer.
        LoadError: The URL cannot be used.
    """
    parsed = database_url(url, Path())
    engine = postgresql_engine(parsed, timeout, only_reads=False, size=1)
    lock = ExclusiveLock(engine, role, timeout=timeout)
    try:
        await lock.acquire()
        yield lock
    finally:
        await lock.release()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(partial(engine.dispose))
