"""Put the embedded scheduler together, and take it apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from jobyard.seams.context import Context
from jobyard_backends.scheduling.local import rows
from jobyard_backends.scheduling.local.attempt import THREADS, Tools
from jobyard_backends.scheduling.local.book import Book, Entry
from jobyard_backends.scheduling.local.enclosure import Enclosure, enclose
from jobyard_backends.scheduling.local.folders import Folders
from jobyard_backends.scheduling.local.images import Images
from jobyard_backends.scheduling.local.launch import Launcher
from jobyard_backends.scheduling.local.log_keep import LogKeep
from jobyard_backends.scheduling.local.log_room import LogRoom
from jobyard_backends.scheduling.local.machine import inspect
from jobyard_backends.scheduling.local.memory_watch import MemoryWatch
from jobyard_backends.scheduling.local.ports import PortOffice
from jobyard_backends.scheduling.local.records import container_id
from jobyard_backends.scheduling.local.retention import retention
from jobyard_backends.scheduling.local.scheduler import LocalScheduler
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig
from jobyard_backends.scheduling.local.shares import Shares
from jobyard_backends.scheduling.local.supervisor import Supervisor

_MEGABYTE: Final = 1024 * 1024


@asynccontextmanager
async def opened(config: LocalSchedulingConfig, context: Context) -> AsyncIterator[LocalScheduler]:
    """Open the scheduler; see the package."""
    threads = CapacityLimiter(THREADS)
    enclosure = await to_thread.run_sync(
        partial(enclose, config, context.state_dir, context.hidden), limiter=threads
    )
    await context.store.migrate(rows.MIGRATIONS)
    book = Book(context.store, context.clock)
    await book.load()
    shares = Shares(context.store)
    await shares.load()
    folders = Folders(context.state_dir)
    await to_thread.run_sync(
        partial(_sweep, folders, tuple(book.all()), enclosure), limiter=threads
    )
    office = PortOffice(context.ports, config.address, config.port_numbers)
    images = Images(enclosure.engine)
    launcher = Launcher(context, config, folders, office, enclosure=enclosure, images=images)
    room = LogRoom(config.log_size_mb * _MEGABYTE, threads)
    memory = MemoryWatch(threads) if enclosure.watched else None
    kept = retention(config.keep_logs)
    keep = None if kept is None else LogKeep(kept, book, folders, context.clock, threads)
    tools = Tools(
        book=book,
        clock=context.clock,
        config=config,
        launcher=launcher,
        folders=folders,
        office=office,
        enclosure=enclosure,
        images=images,
        threads=threads,
        room=room,
        memory=memory,
        keep=keep,
    )
    machine = inspect(config)
    supervisor = Supervisor(tools, machine, shares)
    context.tasks.spawn("the embedded scheduler", supervisor.run)
    try:
        await supervisor.begun()
        yield LocalScheduler(tools, machine, shares, supervisor)
    finally:
        await supervisor.close()
        if enclosure.cgroups is not None:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(enclosure.cgroups.leave, limiter=threads)


def _sweep(folders: Folders, known: Iterable[Entry], enclosure: Enclosure) -> None:
    """Remove what is left of jobs and tasks that are no more; blocks."""
    folders.sweep({entry.record.id for entry in known})
    enclosure.sweep({name for entry in known for name in _tasks(entry)})


def _tasks(entry: Entry) -> Iterator[str]:
    if entry.attempt is not None:
        for task in entry.attempt.unfinished():
            yield container_id(entry.record, entry.attempt.number, task.role, task.index)
