from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from jobyard.database.instance import (
    LOCK_FILE,
    DatabaseBusy,
    StateDirBusy,
    exclusive_lock,
    state_lock,
)
from jobyard.errors import LoadError, Unavailable
from jobyard.secret import Secret
from tests.databases import Database
from tests.postgresql import PostgresServer

_HOLDER = """
import sys
from pathlib import Path
from jobyard.database.instance import state_lock
with state_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds a state directory."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_holds_the_state_directory(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(StateDirBusy, match=f"in use by process {process.pid}") as caught:
            state_lock(tmp_path).__enter__()
        process.kill()

    assert caught.value.pid == process.pid
    assert "--state-dir" in caught.value.message


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        process.kill()
        process.wait(30)

    with state_lock(tmp_path):
        pass
    with state_lock(tmp_path):
        pass


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    with child, state_lock(tmp_path):
        child.kill()


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600


def test_a_holder_that_does_not_say_who_it_is_is_another_process(tmp_path: Path) -> None:
    with state_lock(tmp_path):
        (tmp_path / LOCK_FILE).write_text("nonsense")
        with pytest.raises(StateDirBusy, match="in use by another process"):
            state_lock(tmp_path).__enter__()


async def test_one_gateway_has_a_role_until_it_gives_it_back(
    postgresql_database: Database,
) -> None:
    url = postgresql_database.url
    assert url is not None
    async with exclusive_lock(url, "local", timeout=10) as lock:
        await lock.check()
        with pytest.raises(DatabaseBusy, match="'local'"):
            async with exclusive_lock(url, "local", timeout=10):
                pass
        async with exclusive_lock(url, "another", timeout=10):
            pass

    for _ in range(5):
        async with exclusive_lock(url, "local", timeout=10):
            pass


async def test_a_lock_that_was_lost_with_its_connection_is_taken_again(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    url = postgresql_database.url
    assert url is not None
    async with exclusive_lock(url, "local", timeout=2) as lock:
        await anyio.to_thread.run_sync(postgresql.crash)
        with pytest.raises(Unavailable):
            await lock.check()
        await anyio.to_thread.run_sync(postgresql.start)

        await lock.check()

        with pytest.raises(DatabaseBusy):
            async with exclusive_lock(url, "local", timeout=10):
                pass


async def test_a_lock_that_another_took_meanwhile_is_lost(
    postgresql_database: Database, postgresql: PostgresServer
) -> None:
    url = postgresql_database.url
    assert url is not None
    async with exclusive_lock(url, "local", timeout=10) as lock:
        await anyio.to_thread.run_sync(postgresql.crash)
        await anyio.to_thread.run_sync(postgresql.start)
        async with exclusive_lock(url, "local", timeout=10):
            with pytest.raises(DatabaseBusy):
                await lock.check()


async def test_no_lock_without_a_server(postgresql: PostgresServer) -> None:
    url = postgresql.url("postgres", host=Path("/nonexistent"))

    with pytest.raises(Unavailable):
        async with exclusive_lock(url, "local", timeout=2):
            pass
    with pytest.raises(LoadError):
        async with exclusive_lock(Secret("mysql://x"), "local", timeout=2):
            pass
