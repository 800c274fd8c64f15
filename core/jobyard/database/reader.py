"""The readers: a few threads, each of which reads what came at once over one connection."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from attrs import define, field
from sqlalchemy import Connection, Engine

from jobyard.database.engines import READERS
from jobyard.database.unit import Unit, wake

TOGETHER: Final = 32
"""Units that share one transaction at most, so that a slow one holds up few."""


@define(eq=False)
class Reader:
    """Own the threads that read; ``timeout`` is in seconds."""

    engine: Engine
    timeout: float
    _queue: queue.SimpleQueue[Sequence[Unit] | None] = field(factory=queue.SimpleQueue, init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)

    def start(self) -> None:
        """Start the threads."""
        for number in range(READERS):
            thread = threading.Thread(
                target=self._run, name=f"jobyard-reader-{number}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def put(self, units: Sequence[Unit]) -> None:
        """Queue units; those that one call brings share a transaction, up to a bound."""
        for first in range(0, len(units), TOGETHER):
            self._queue.put(units[first : first + TOGETHER])

    def close(self) -> None:
        """Finish what is queued, then end the threads; waits no longer than the timeout."""
        for _ in self._threads:
            self._queue.put(None)
        end = time.monotonic() + self.timeout
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while (units := self._queue.get()) is not None:
            try:
                self._serve([unit for unit in units if unit.wanted])
            finally:
                wake(units)

    def _serve(self, units: Sequence[Unit]) -> None:
        if not units:
            return
        try:
            with self.engine.connect() as connection:
                for unit in units:
                    self._read(connection, unit)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            for unit in units:
                unit.fail(error)

    @staticmethod
    def _read(connection: Connection, unit: Unit) -> None:
        try:
            unit.result = unit.work(connection)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            unit.fail(error)
            connection.rollback()  # the next one begins anew, over a new connection if need be
