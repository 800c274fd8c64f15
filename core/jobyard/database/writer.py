"""The writer: one thread that gathers units of work and commits them together.

A commit waits for the disk, or for PostgreSQL's; thirty-two units that wait for one commit cost
what one would. A batch of which a unit fails is rolled back and run again with a savepoint around
each, so that the failure of one undoes it alone, and the good pay for no savepoints.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from attrs import define, field
from sqlalchemy import Connection, Engine, RootTransaction, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from jobyard.database.engines import NO_ANSWER, translated
from jobyard.database.unit import CLOSED, LOG, Unit, wake
from jobyard.errors import DeadlineExceeded, Unavailable

BATCH: Final = 256
"""Units from which on a batch takes no more."""

_OUTCOME_POLL: Final = 0.05
_CONTENTION: Final = frozenset({"40001", "40P01"})
"""PostgreSQL's codes of a conflict between two transactions, of which one may be run again."""


class _Lost(Exception):
    """Carry why a batch as a whole did not get into the database."""


class _Unknown(Exception):
    """Carry that nobody could tell whether a batch was committed."""


@define(eq=False)
class Writer:
    """Own the writing connection, and the thread that uses it; ``timeout`` is in seconds."""

    engine: Engine
    timeout: float
    _queue: queue.SimpleQueue[Sequence[Unit] | None] = field(factory=queue.SimpleQueue, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _connection: Connection | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="jobyard-writer", daemon=True)
        self._thread.start()

    def put(self, units: Sequence[Unit]) -> None:
        """Queue units.

        Raises:
            Unavailable: The writer is closed.
        """
        with self._lock:
            if self._closed:
                raise Unavailable(CLOSED)
            self._queue.put(units)

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
        batch = [*first]
        while len(batch) < BATCH:
            try:
                units = self._queue.get_nowait()
            except queue.Empty:
                break
            if units is None:
                return batch, False
            batch.extend(units)
        return batch, True

    def _serve(self, batch: Sequence[Unit]) -> None:
        # A caller that gave up before its unit began is told nothing, and changes nothing.
        wanted = [unit for unit in batch if unit.wanted]
        try:
            self._attempt_twice(wanted)
        except BaseException as error:
            self._drop_connection()
            for unit in wanted:
                unit.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            wake(wanted)

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
            transaction = self._run_all(connection, units, last=last)
            if transaction is None:
                return
            number = _transaction_number(connection)
        except (SQLAlchemyError, Unavailable) as error:
            raise _Lost(_reason(error)) from error
        try:
            transaction.commit()
        except SQLAlchemyError as error:
            if not self._was_committed(number, error):
                raise _Lost(_reason(error)) from error

    @classmethod
    def _run_all(
        cls, connection: Connection, units: Sequence[Unit], *, last: bool
    ) -> RootTransaction | None:
        """Run a batch, and give what is to be committed; ``None`` where its only unit failed."""
        transaction = connection.begin()
        if all(cls._run_unit(connection, unit, last=last) for unit in units):
            return transaction
        transaction.rollback()
        if len(units) == 1:
            return None
        transaction = connection.begin()
        for unit in units:
            savepoint = connection.begin_nested()
            if cls._run_unit(connection, unit, last=last):
                savepoint.commit()
            else:
                savepoint.rollback()
        return transaction

    @staticmethod
    def _run_unit(connection: Connection, unit: Unit, *, last: bool) -> bool:
        unit.result, unit.error = None, None
        try:
            unit.result = unit.work(connection)
        except Exception as error:
            if isinstance(error, DBAPIError) and _spoils_all(error, last=last):
                raise
            unit.fail(error)
        return unit.error is None

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


def _reason(error: BaseException) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error).strip()
