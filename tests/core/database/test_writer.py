# ruff: noqa: ASYNC110 - what other threads and processes do is looked for
from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.abc import TaskGroup
from sqlalchemy import Connection, event, text

from jobyard.database.engines import open_engines
from jobyard.database.outbox import Outbox
from jobyard.database.store import SqlStore, open_store
from jobyard.database.tables import FACTS
from jobyard.database.writer import Writer
from jobyard.errors import DeadlineExceeded, Unavailable
from tests.databases import Database, count
from tests.postgresql import PostgresServer

PLENTY = 30.0
"""Seconds after which a test gives up waiting for what must come."""


def fact(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(FACTS.insert().values(name=name, value=""))
        return name

    return work


@asynccontextmanager
async def held_up(store: SqlStore) -> AsyncIterator[TaskGroup]:
    """Keep the writer busy meanwhile, so that what the block starts shares one batch."""
    begun, release = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        release.wait(PLENTY)

    async with anyio.create_task_group() as group:
        group.start_soon(store.write, hold)
        await anyio.to_thread.run_sync(begun.wait)
        try:
            yield group
            await anyio.wait_all_tasks_blocked()
        finally:
            release.set()


async def names(store: SqlStore) -> set[str]:
    def work(connection: Connection) -> set[str]:
        return set(connection.execute(FACTS.select()).scalars())

    return await store.read(work)


class Commits:
    """Count the commits of a store's writing connections."""

    def __init__(self, store: SqlStore) -> None:
        self.count = 0
        event.listen(store._engines.writer, "commit", self._counted)

    def _counted(self, connection: Connection) -> None:
        self.count += 1


async def test_units_that_come_at_once_share_one_commit(store: SqlStore) -> None:
    commits = Commits(store)

    async with held_up(store) as group:
        for number in range(32):
            group.start_soon(store.write, fact(str(number)))

    assert await count(store, FACTS) == 32
    assert commits.count == 2


async def test_the_failure_of_one_unit_undoes_it_alone(store: SqlStore) -> None:
    failures: list[BaseException] = []

    async def failing(number: int) -> None:
        def work(connection: Connection) -> None:
            fact(f"bad {number}")(connection)
            if number % 2:
                raise LookupError(str(number))
            fact(f"bad {number}")(connection)

        try:
            await store.write(work)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    async with held_up(store) as group:
        for number in range(6):
            group.start_soon(failing, number)
            group.start_soon(store.write, fact(f"good {number}"))

    assert await names(store) == {f"good {number}" for number in range(6)}
    assert len(failures) == 6


async def test_a_unit_that_fails_alone_leaves_nothing(store: SqlStore) -> None:
    def work(connection: Connection) -> None:
        fact("half")(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await store.write(work)
    await store.write(fact("whole"))

    assert await names(store) == {"whole"}


async def test_a_queued_unit_whose_caller_gave_up_changes_nothing(store: SqlStore) -> None:
    async with held_up(store) as group:
        async with anyio.create_task_group() as impatient:
            impatient.start_soon(store.write, fact("given up"))
            await anyio.wait_all_tasks_blocked()
            impatient.cancel_scope.cancel()
        group.start_soon(store.write, fact("kept"))

    assert await names(store) == {"kept"}


async def test_a_unit_whose_caller_gives_up_while_it_runs_is_carried_to_its_end(
    store: SqlStore,
) -> None:
    begun, release = threading.Event(), threading.Event()

    def work(connection: Connection) -> None:
        begun.set()
        release.wait(PLENTY)
        fact("carried")(connection)

    async with anyio.create_task_group() as group:
        group.start_soon(store.write, work)
        await anyio.to_thread.run_sync(begun.wait)
        group.cancel_scope.cancel()
    release.set()
    await store.write(fact("next"))

    assert await names(store) == {"carried", "next"}


async def test_a_batch_whose_connection_is_lost_is_run_again(
    postgresql_database: Database,
) -> None:
    runs: list[int] = []

    def cut_once(connection: Connection) -> None:
        runs.append(1)
        fact("cut")(connection)
        if len(runs) == 1:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with postgresql_database.open() as store:
        async with held_up(store) as group:
            group.start_soon(store.write, fact("before"))
            group.start_soon(store.write, cut_once)
            group.start_soon(store.write, fact("after"))

        assert await names(store) == {"before", "cut", "after"}
    assert len(runs) == 2


async def test_two_gateways_that_wait_for_one_another_both_succeed(
    postgresql_database: Database,
) -> None:
    here = {"a": threading.Event(), "b": threading.Event()}

    def crosswise(first: str, second: str) -> Callable[[Connection], None]:
        def take(connection: Connection, name: str) -> None:
            statement = text(
                "INSERT INTO gateway_facts VALUES (:name, '') "
                "ON CONFLICT (name) DO UPDATE SET value = gateway_facts.value || 'x'"
            )
            connection.execute(statement, {"name": name})

        def work(connection: Connection) -> None:
            take(connection, first)
            here[first].set()
            here[second].wait(PLENTY)
            take(connection, second)

        return work

    async with postgresql_database.open() as one, postgresql_database.open() as other:
        async with anyio.create_task_group() as group:
            group.start_soon(one.write, crosswise("a", "b"))
            group.start_soon(other.write, crosswise("b", "a"))

        def read(connection: Connection) -> dict[str, str]:
            return {row.name: row.value for row in connection.execute(FACTS.select())}

        assert await one.read(read) == {"a": "x", "b": "x"}


async def test_writes_through_a_crash_of_the_server_succeed_or_say_so(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    done: set[str] = set()
    refused: set[str] = set()
    first_refusal = anyio.Event()
    enough = anyio.Event()

    async def write(store: SqlStore, writer: int) -> None:
        for number in range(10_000):
            if enough.is_set():
                return
            name = f"{writer}-{number}"
            try:
                await store.write(fact(name))
            except Unavailable:
                refused.add(name)
                first_refusal.set()
                await anyio.sleep(0.01)
            else:
                done.add(name)

    async with postgresql_database.open(timeout=5) as store:
        async with anyio.create_task_group() as group:
            for writer in range(4):
                group.start_soon(write, store, writer)
            with anyio.fail_after(PLENTY):
                while len(done) < 50:
                    await anyio.sleep(0.005)
                await anyio.to_thread.run_sync(postgresql.crash)
                await first_refusal.wait()
                await anyio.to_thread.run_sync(postgresql.start)
                before = len(done)
                while len(done) < before + 50:
                    await anyio.sleep(0.005)
            enough.set()
        written = await names(store)

    # Durability itself is not tried: the server runs without fsync, but its process died.
    assert done <= written
    assert written <= done | refused


class LossyProxy:
    """Stand before a server, and cut the line when the answer to a COMMIT would come.

    ``passing`` says whether the COMMIT itself still gets to the server.
    """

    def __init__(self, folder: Path, server: PostgresServer, *, passing: bool) -> None:
        self.armed = threading.Event()
        self.cuts = 0
        self.down = threading.Event()
        self._passing = passing
        self._target = str(server.folder / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PLENTY)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.down.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            threading.Thread(target=self._upwards, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()

    def _upwards(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while data := self._received(client):
                if b"COMMIT" in data and self.armed.is_set():
                    self.armed.clear()
                    self.cuts += 1
                    self._cut(client, server, data)
                    return
                server.sendall(data)

    def _cut(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        # First the way back, so that no answer gets through.
        client.shutdown(socket.SHUT_RDWR)
        if self._passing:
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        while data := self._received(source):
            try:
                target.sendall(data)
            except OSError:
                return
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _received(source: socket.socket) -> bytes:
        try:
            return source.recv(65536)
        except OSError:
            return b""


@contextmanager
def lossy(folder: Path, server: PostgresServer, *, passing: bool) -> Iterator[LossyProxy]:
    proxy = LossyProxy(folder, server, passing=passing)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.mark.parametrize("passing", [True, False], ids=["committed", "aborted"])
async def test_a_commit_whose_answer_is_lost_is_done_once(
    passing: bool,
    postgresql_database: Database,
    postgresql: PostgresServer,
    tmp_path: Path,
) -> None:
    runs: list[int] = []

    def work(connection: Connection) -> str:
        runs.append(1)
        return fact("once")(connection)

    assert postgresql_database.url is not None
    database = postgresql_database.url.reveal().partition("?")[0].rpartition("/")[2]
    with lossy(tmp_path, postgresql, passing=passing) as proxy:
        url = postgresql.url(database, host=tmp_path)
        async with open_store(url, tmp_path, timeout=10) as store:
            await store.write(fact("before"))
            proxy.armed.set()

            assert await store.write(work) == "once"

            assert await names(store) == {"before", "once"}
    assert proxy.cuts == 1
    assert len(runs) == (1 if passing else 2)


async def test_a_commit_of_which_nobody_can_tell_is_said_to_be_unknown(
    postgresql_database: Database, postgresql: PostgresServer, tmp_path: Path
) -> None:
    assert postgresql_database.url is not None
    database = postgresql_database.url.reveal().partition("?")[0].rpartition("/")[2]

    with lossy(tmp_path, postgresql, passing=True) as proxy:
        url = postgresql.url(database, host=tmp_path)
        async with open_store(url, tmp_path, timeout=1) as store:
            await store.write(fact("before"))
            proxy.armed.set()
            proxy.down.set()

            with pytest.raises(DeadlineExceeded):
                await store.write(fact("perhaps"))

            proxy.down.clear()
            await store.write(fact("after"))


async def test_a_writer_that_was_closed_takes_no_more(tmp_path: Path) -> None:
    engines = open_engines(None, tmp_path, timeout=5)
    writer = Writer(engines.writer, 5)
    writer.start()
    writer.close()
    writer.close()
    late = Outbox(writer.put, alike=False)

    with pytest.raises(Unavailable, match="closed"):
        await late.done(fact("late"), PLENTY)
    engines.dispose()
