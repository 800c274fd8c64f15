"""The writer: one thread that gathers units of work and commits them together.

A commit waits for the disk, or for PostgreSQL's; thirty-two units that wait for one commit cost
what one would. Each unit runs in a savepoint, so that the failure of one undoes it alone.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from jobyard.database.engines import NO_ANSWER, translated
from jobyard.errors import DeadlineExceeded, Unavailable

LOG: Final = logging.getLogger("jobyard.database")
BATCH: Final = 256
"""Units that share one commit at most."""

CLOSED: Final = "The gateway's database is closed."

_OUTCOME_POLL: Final = 0.05
_CONTENTION: Final = frozenset({"40001", "40P01"})
"""PostgreSQL's codes of a conflict between two transactions, of which one may be run again."""


@define(eq=False)
class Unit:
    """Be one unit of work on its way: what to run, who waits, and how it ended."""

    work: Callable[[Connection], object]
    loop: asyncio.AbstractEventLoop
    waiter: asyncio.Future[Any]
    result: object = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell who waits; whoever was cancelled meanwhile waits no more."""
        if self.waiter.done():
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class _Lost(Exception):
    """Carry why a batch as a whole did not get into the database."""


class _Unknown(Exception):
    """Carry that nobody could tell whether a batch was committed."""


@define(eq=False)
class Writer:
    """Own the writing connection, and the thread that uses it; ``timeout`` is in seconds."""

    engine: Engine
    timeout: float
    _queue: queue.SimpleQueue[Unit | None] = field(factory=queue.SimpleQueue, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _connection: Connection | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="jobyard-writer", daemon=True)
        self._thread.start()

    def put(self, unit: Unit) -> None:
        """Queue a unit.

        Raises:
            Unavailable: The writer is closed.
        """
        with self._lock:
            if self._closed:
                raise Unavailable(CLOSED)
            self._queue.put(unit)

    def close(self) -> None:
        """Finish what is queued, then end the thread; waits no longer than twice the timeout."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if self._thread is not None:
            self._thread.join(2 * self.timeout)

    def _run(self) -> None:
        try:
            going = True
            while going:
                batch, going = self._next_batch()
                if batch:
                    self._serve(batch)
        finally:
            self._drop_connection()

    def _next_batch(self) -> tuple[list[Unit], bool]:
        first = self._queue.get()
        if first is None:
            return [], False
        batch = [first]
        while len(batch) < BATCH:
            try:
                unit = self._queue.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return batch, False
            batch.append(unit)
        return batch, True

    def _serve(self, batch: Sequence[Unit]) -> None:
        # A caller that gave up before its unit began is told nothing, and changes nothing.
        wanted = [unit for unit in batch if not unit.waiter.cancelled()]
        try:
            self._attempt_twice(wanted)
        except BaseException as error:
            self._drop_connection()
            for unit in wanted:
                unit.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            _wake(wanted)

    def _attempt_twice(self, units: Sequence[Unit]) -> None:
        """Run a batch; once more when it is known that nothing of it is in the database."""
        if not units:
            return
        for last in (False, True):
            try:
                self._attempt(units, last=last)
            except _Unknown as unknown:
                raise DeadlineExceeded(
                    NO_ANSWER, detail=str(unknown), retry_after=1
                ) from unknown.__cause__
            except _Lost as lost:
                self._drop_connection()
                if last:
                    cause = lost.__cause__ or lost
                    raise translated(cause) from cause
                LOG.warning("a batch of %d units is run again: %s", len(units), lost)
            else:
                return

    def _attempt(self, units: Sequence[Unit], *, last: bool) -> None:
        try:
            connection = self._connected()
            transaction = connection.begin()
            for unit in units:
                self._run_unit(connection, unit, alone=len(units) == 1, last=last)
            if len(units) == 1 and units[0].error is not None:
                transaction.rollback()
                return
            number = _transaction_number(connection)
        except (SQLAlchemyError, Unavailable) as error:
            raise _Lost(_reason(error)) from error
        try:
            transaction.commit()
        except SQLAlchemyError as error:
            if not self._was_committed(number, error):
                raise _Lost(_reason(error)) from error

    @staticmethod
    def _run_unit(connection: Connection, unit: Unit, *, alone: bool, last: bool) -> None:
        unit.result, unit.error = None, None
        savepoint = None if alone else connection.begin_nested()
        try:
            unit.result = unit.work(connection)
        except Exception as error:
            if isinstance(error, DBAPIError) and _spoils_all(error, last=last):
                raise
            unit.error = _failure(error)
            if savepoint is not None:
                savepoint.rollback()
        else:
            if savepoint is not None:
                savepoint.commit()

    def _was_committed(self, number: str | None, error: SQLAlchemyError) -> bool:
        """Ask PostgreSQL what became of a commit whose answer was lost."""
        if number is None:
            return False
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            self._drop_connection()
            try:
                connection = self._connected()
                found: str | None = connection.execute(
                    text("SELECT pg_xact_status(CAST(:number AS xid8))"), {"number": number}
                ).scalar()
                connection.rollback()
            except SQLAlchemyError as again:
                LOG.debug("the database is not back yet: %s", _reason(again))
                found = None
            if found in {"committed", "aborted"}:
                return found == "committed"
            time.sleep(_OUTCOME_POLL)
        raise _Unknown(_reason(error)) from error

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._drop_connection()
            self._connection = self.engine.connect()
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except SQLAlchemyError as error:
            LOG.debug("a lost connection could not be closed: %s", _reason(error))


def _spoils_all(error: DBAPIError, *, last: bool) -> bool:
    """Tell whether a batch must be run again for an error that one of its units met."""
    if error.connection_invalidated:
        return True
    return not last and getattr(error.orig, "sqlstate", None) in _CONTENTION


def _transaction_number(connection: Connection) -> str | None:
    """Give PostgreSQL's number of the transaction, if it wrote anything."""
    if connection.dialect.name != "postgresql":
        return None
    number: str | None = connection.execute(
        text("SELECT CAST(pg_current_xact_id_if_assigned() AS text)")
    ).scalar()
    return number


def _failure(error: Exception) -> BaseException:
    failure = translated(error)
    if failure is not error:
        failure.__cause__ = error
    return failure


def _reason(error: BaseException) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error).strip()


def _wake(units: Sequence[Unit]) -> None:
    """Tell every caller, with one wake-up of each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
    for unit in units:
        by_loop.setdefault(unit.loop, []).append(unit)
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, settled)
        except RuntimeError:
            LOG.debug("%d units ended after their event loop", len(settled))


def _settle_all(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.settle()
