"""Engines: how the gateway's database is reached, and which failures mean that it is not."""

from __future__ import annotations

import importlib.util
import math
import os
from pathlib import Path
from typing import Any, Final, NoReturn

from attrs import frozen
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeout,
)

from jobyard.errors import LoadError, Unavailable
from jobyard.secret import Secret

SQLITE_FILE: Final = "jobyard.sqlite"
READERS: Final = 4
"""Threads, and connections, that read at once."""

_SQLITE_ERROR: Final = 1
_SQLITE_FULL: Final = 13
_DISK_FULL: Final = "53100"
"""PostgreSQL's name for it, of class 53 (insufficient resources)."""
NO_ANSWER: Final = "The gateway's database does not answer."
_NO_ROOM: Final = "The gateway's database has no room left."
_POSTGRES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


@frozen
class Engines:
    """Be the two engines of one database: one connection writes, a few read."""

    writer: Engine
    reader: Engine

    def dispose(self) -> None:
        """Close what is idle; what is in use closes when it is given back."""
        self.writer.dispose()
        self.reader.dispose()


def open_engines(url: Secret | None, state_dir: Path, *, timeout: float) -> Engines:
    """Make the engines without reaching for the database yet; ``timeout`` is in seconds.

    Raises:
        LoadError: The URL is not one that is understood, or its driver is missing.
    """
    parsed = database_url(url, state_dir)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, timeout)
    return _postgresql(parsed, timeout)


def database_url(url: Secret | None, state_dir: Path) -> URL:
    """Understand the ``database`` option; without one it is SQLite in the state directory.

    Raises:
        LoadError: It is not a URL, or neither SQLite's nor PostgreSQL's.
    """
    if url is None:
        return URL.create("sqlite", database=str(state_dir / SQLITE_FILE))
    try:
        parsed = make_url(url.reveal())
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise LoadError("database", "The database's URL cannot be read.") from None
    if parsed.drivername in _POSTGRES:
        if importlib.util.find_spec("psycopg") is None:
            raise LoadError(
                "database",
                "PostgreSQL needs a driver that is not installed; "
                "install it with: pip install 'jobyard[postgres]'",
            )
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed
    raise LoadError(
        "database",
        "The database's URL must begin with postgresql://, or be sqlite:///PATH.",
    )


def translated(error: BaseException) -> BaseException:
    """Give what a caller is to see: ``Unavailable`` where the database did not do its part.

    A mistake in a statement, a broken constraint and an error of the caller's own stay.
    """
    if isinstance(error, PoolTimeout):
        return Unavailable(NO_ANSWER, detail="no connection became free in time", retry_after=1)
    if not isinstance(error, DBAPIError) or not _is_absence(error):
        return error
    message = _NO_ROOM if _is_full(error) else NO_ANSWER
    return Unavailable(message, detail=str(error.orig).strip(), retry_after=1)


def raise_translated(error: Exception) -> NoReturn:
    """Raise what a caller is to see of an error that is being handled."""
    failure = translated(error)
    if failure is error:
        raise error
    raise failure from error


def _is_full(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    return code == _SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL


def _is_absence(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if not isinstance(error, (OperationalError, InterfaceError)):
        return False
    return getattr(error.orig, "sqlite_errorcode", None) != _SQLITE_ERROR


def _sqlite(url: URL, timeout: float) -> Engines:
    path = Path(url.database or "")
    writer = create_engine(url, hide_parameters=True, pool_size=2, pool_timeout=timeout)
    reader = create_engine(
        url, hide_parameters=True, pool_size=READERS, max_overflow=READERS, pool_timeout=timeout
    )
    for engine, only_reads in ((writer, False), (reader, True)):
        _prepare_sqlite(engine, path, timeout, only_reads=only_reads)
    return Engines(writer, reader)


def _prepare_sqlite(engine: Engine, path: Path, timeout: float, *, only_reads: bool) -> None:
    @event.listens_for(engine, "do_connect")
    def create_privately(*_: object) -> None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(NO_ANSWER, detail=str(error)) from error
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # The driver would begin transactions behind our back, and too late.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={round(timeout * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if only_reads:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


def postgresql_engine(url: URL, timeout: float, *, only_reads: bool, size: int) -> Engine:
    """Make an engine whose every statement, and connecting, ends after ``timeout`` seconds."""
    limit = math.ceil(timeout * 1000)
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=size,
        max_overflow=size,
        pool_timeout=timeout,
        pool_pre_ping=only_reads,
        connect_args={
            "connect_timeout": max(2, math.ceil(timeout)),
            "tcp_user_timeout": limit,
            "application_name": "jobyard",
        },
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        # Not by the connection's options: a pooler in between refuses them.
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {limit}")
            cursor.execute(f"SET idle_in_transaction_session_timeout = {4 * limit}")
            if only_reads:
                cursor.execute("SET default_transaction_read_only = on")
                cursor.execute("SET default_transaction_isolation = 'repeatable read'")
        connection.autocommit = False

    return engine


def _postgresql(url: URL, timeout: float) -> Engines:
    return Engines(
        writer=postgresql_engine(url, timeout, only_reads=False, size=2),
        reader=postgresql_engine(url, timeout, only_reads=True, size=READERS),
    )
