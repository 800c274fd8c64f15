"""Put the embedded scheduler together, and take it apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from anyio import CapacityLimiter, to_thread

from jobyard.seams.context import Context
from jobyard_backends.scheduling.local import rows
from jobyard_backends.scheduling.local.attempt import THREADS, Tools
from jobyard_backends.scheduling.local.book import Book
from jobyard_backends.scheduling.local.folders import Folders
from jobyard_backends.scheduling.local.launch import Launcher
from jobyard_backends.scheduling.local.machine import inspect
from jobyard_backends.scheduling.local.ports import PortOffice
from jobyard_backends.scheduling.local.scheduler import LocalScheduler
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig
from jobyard_backends.scheduling.local.shares import Shares
from jobyard_backends.scheduling.local.supervisor import Supervisor


@asynccontextmanager
async def opened(config: LocalSchedulingConfig, context: Context) -> AsyncIterator[LocalScheduler]:
    """Open the scheduler; see the package."""
    await context.store.migrate(rows.MIGRATIONS)
    book = Book(context.store, context.clock)
    await book.load()
    shares = Shares(context.store)
    await shares.load()
    folders = Folders(context.state_dir)
    known = {entry.record.id for entry in book.all()}
    threads = CapacityLimiter(THREADS)
    await to_thread.run_sync(partial(folders.sweep, known), limiter=threads)
    office = PortOffice(context.ports, config.address, config.port_numbers)
    launcher = Launcher(context, config, folders, office)
    tools = Tools(book, context.clock, config, launcher, folders, office, threads)
    machine = inspect(config)
    supervisor = Supervisor(tools, machine, shares)
    context.tasks.spawn("the embedded scheduler", supervisor.run)
    try:
        await supervisor.begun()
        yield LocalScheduler(tools, machine, shares, supervisor)
    finally:
        await supervisor.close()
