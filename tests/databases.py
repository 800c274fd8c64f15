"""The databases that the tests of the store, and of all that lies on it, are run on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
from anyio.lowlevel import checkpoint
from attrs import frozen
from sqlalchemy import Connection, Table, func, select

from jobyard.clock import SystemClock
from jobyard.database.engines import READERS
from jobyard.database.store import SqlStore, open_store
from jobyard.seams.context import Store
from jobyard.secret import Secret


@frozen
class Database:
    """Be a database of one test's own, already migrated, which can be opened many times."""

    dialect: str
    url: Secret | None
    state_dir: Path

    def open(self, *, timeout: float = 10) -> AbstractAsyncContextManager[SqlStore]:
        """Open a store, as another gateway on the same database would."""
        return open_store(self.url, self.state_dir, timeout=timeout)


class HandClock:
    """Be a clock that goes on when a test says so."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = SystemClock().now() / 1000 if seconds is None else seconds

    def now(self) -> int:
        return round(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds


async def count(store: Store, table: Table) -> int:
    """Count a table's rows."""

    def work(connection: Connection) -> int:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

    return await store.read(work)


async def filled(store: Store) -> None:
    """Have every reader open the connection now that it keeps: it is no job's."""
    together = threading.Barrier(READERS)

    def waiting(_: int) -> Callable[[Connection], None]:
        def wait(_: Connection) -> None:
            together.wait(60)

        return wait

    async with anyio.create_task_group() as group:
        for number in range(READERS):
            group.start_soon(store.read, waiting(number))
            # What is asked for in one turn of the loop is one reader's.
            for _ in range(5):
                await checkpoint()
