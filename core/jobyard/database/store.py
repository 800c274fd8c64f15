"""The store: units of work against the gateway's database, off the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from jobyard.database.engines import Engines, open_engines, raise_translated
from jobyard.database.migrating import migrate_engine
from jobyard.database.outbox import Outbox
from jobyard.database.reader import Reader
from jobyard.database.writer import Writer
from jobyard.seams.context import Migrations
from jobyard.secret import Secret

T = TypeVar("T")


class SqlStore:
    """Run units of work over SQLAlchemy Core; implements :class:`jobyard.seams.context.Store`."""

    def __init__(self, engines: Engines, *, timeout: float) -> None:
        self._engines = engines
        self._timeout = timeout
        self._reader = Reader(engines.reader, timeout)
        self._writer = Writer(engines.writer, timeout)
        self._reads = Outbox(self._reader.put, alike=True)
        self._writes = Outbox(self._writer.put, alike=False)
        self._migrators = anyio.CapacityLimiter(1)

    def start(self) -> None:
        """Start the threads that read and write."""
        self._reader.start()
        self._writer.start()

    @property
    def dialect(self) -> str:
        """Name the database: ``sqlite`` or ``postgresql``."""
        return self._engines.writer.dialect.name

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a unit of work that changes nothing; what is asked twice at once is read once.

        Raises:
            Unavailable: The database does not answer, or not in time, or the store is closed.
        """
        return await self._reads.done(work, self._timeout)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a unit of work in one transaction, durable when this returns.

        A caller that is cancelled while its unit is queued has changed nothing; once the unit
        is running it is carried to its end.

        Raises:
            Unavailable: The database does not answer; ``DeadlineExceeded`` when it may have
                done it all the same.
        """
        # Twice, since a batch that is lost is run again.
        return await self._writes.done(work, 2 * self._timeout)

    async def migrate(self, migrations: Migrations) -> None:
        """Bring a component's own tables to their newest revision.

        Raises:
            Unavailable: The database does not answer.
            DatabaseNewer: It was brought to a revision that this Jobyard does not know.
        """
        work = partial(migrate_engine, self._engines.writer, migrations)
        try:
            await anyio.to_thread.run_sync(work, limiter=self._migrators)
        except SQLAlchemyError as error:
            raise_translated(error)

    async def ping(self) -> None:
        """Return if the database answers; raise ``Unavailable`` if not."""
        await self.read(_nothing)

    async def close(self) -> None:
        """Finish what is queued and close every connection."""
        self._reads.close()
        self._writes.close()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._reader.close()
        self._engines.dispose()


def _nothing(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT 1").close()


@asynccontextmanager
async def open_store(
    url: Secret | None,
    state_dir: Path,
    *,
    timeout: float,  # noqa: ASYNC109 - of every unit of work, not of opening
) -> AsyncIterator[SqlStore]:
    """Open the gateway's database, without waiting for it to answer.

    ``url`` is the ``database`` option; without it, it is SQLite in ``state_dir``. ``timeout``
    bounds every wait for the database, in seconds.

    Raises:
        LoadError: The URL cannot be used, or the driver is missing.
    """
    engines = await anyio.to_thread.run_sync(partial(open_engines, url, state_dir, timeout=timeout))
    store = SqlStore(engines, timeout=timeout)
    store.start()
    try:
        yield store
    finally:
        await store.close()
