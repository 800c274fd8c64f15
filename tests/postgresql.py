"""A PostgreSQL server of the tests' own: in a folder of its own, reached by a socket in it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg

from jobyard.secret import Secret

_WITHIN: Final = 60.0
"""Seconds for which a server may take to start or to stop."""

_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "16MB",
    "autovacuum": "off",
}
_NUMBERS: Final = count(1)


def programs() -> Path:
    """Find the newest installed server; tests without one fail, and are not left out."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if not found:
        message = "These tests need Debian's package 'postgresql', which scripts/test installs."
        raise RuntimeError(message)
    return found[-1].parent


class PostgresServer:
    """Run a server as an account that is not root, which it refuses to run as."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._programs = programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._account: dict[str, Any] = {}
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
            self._account = {
                "user": account.pw_uid,
                "group": account.pw_gid,
                "extra_groups": [],
            }

    def initialize(self) -> None:
        self._run("initdb", "-D", "data", "-U", "jobyard", "-A", "trust", "--no-sync", "-N")

    def start(self) -> None:
        """Start it, or do nothing where it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        options = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", "-k", str(self.folder), *options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
                **self._account,
            )
        self._await_answer(self._process)

    def crash(self) -> None:
        """End it at once, in the middle of whatever it does; nothing is flushed."""
        self._stop(signal.SIGQUIT)

    def stop(self) -> None:
        """End it, whoever is connected."""
        self._stop(signal.SIGINT)

    def url(self, database: str, *, host: Path | None = None) -> Secret:
        return Secret(f"postgresql://jobyard@/{database}?host={host or self.folder}")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside of any transaction, and give its rows."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self.folder), user="jobyard", dbname=database, autocommit=True
        )

    def create_database(self, template: str = "template1") -> str:
        """Make a database that nobody else has; a template costs less than migrations."""
        name = f"test_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + _WITHIN
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError as error:
                if process.poll() is not None or time.monotonic() > end:
                    log = (self.folder / "log").read_text()
                    message = f"PostgreSQL did not start: {log[-2000:]}"
                    raise RuntimeError(message) from error
                time.sleep(0.02)
            else:
                return

    def _stop(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(number)
            process.wait(_WITHIN)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
            **self._account,
        )
        if done.returncode:
            message = f"{program} failed: {done.stderr}"
            raise RuntimeError(message)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Make a server, and leave nothing of it."""
    # Not below pytest's own folder, into which only its own account may look.
    folder = Path(tempfile.mkdtemp(prefix="jobyard-postgresql-"))
    try:
        server = PostgresServer(folder)
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
