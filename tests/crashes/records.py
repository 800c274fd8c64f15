"""What is written down of jobs, and whether it agrees with what there is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
from attrs import frozen

from jobyard.database.engines import SQLITE_FILE

_LIVE: Final = {"starting", "running", "ending"}

Row = dict[str, Any]


@frozen
class Records:
    """Be the rows of a state directory's database, at one moment."""

    jobs: tuple[Row, ...]
    operations: tuple[Row, ...]
    port_leases: tuple[Row, ...]
    users: tuple[Row, ...]
    grants: tuple[Row, ...]
    scheduling_local_jobs: tuple[Row, ...]
    scheduling_local_attempts: tuple[Row, ...]
    scheduling_local_ends: tuple[Row, ...]
    scheduling_local_shares: tuple[Row, ...]

    def is_begun(self) -> bool:
        """Tell whether a stop, start or delete is under way."""
        return bool(self.operations)

    def scheduled(self, name: str) -> Row | None:
        """Give the scheduler's row of a name that is not being forgotten."""
        rows = self.scheduling_local_jobs
        return next((row for row in rows if row["name"] == name and not row["forgotten"]), None)

    def execution_type(self, name: str) -> str | None:
        """Give whether a job is to run or to be stopped, as the scheduler wrote it down."""
        row = self.scheduled(name)
        return None if row is None else str(row["execution_type"])


def read(state: Path) -> Records:
    """Read everything in one transaction, also where a gateway has died over it."""
    connection = sqlite3.connect(f"file:{state / SQLITE_FILE}?mode=ro", uri=True, timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("BEGIN")
        tables = {
            name: tuple(dict(row) for row in connection.execute(f"SELECT * FROM {name}"))
            for name in (each.name for each in Records.__attrs_attrs__)
        }
    finally:
        connection.close()
    return Records(**tables)


def disagreements(state: Path) -> list[str]:
    """Say everything that does not fit together, of a gateway that has nothing to do."""
    records = read(state)
    # Looked at behind the rows: what runs then and has no row is no job's.
    return [
        *_of_the_journal(records),
        *_of_attempts(records),
        *_of_ports(records),
        *_of_folders(records, state / "scheduling.local" / "jobs"),
        *_of_processes(records, state),
        *_of_accounts(records),
    ]


def _of_the_journal(records: Records) -> Iterator[str]:
    for row in records.operations:
        yield f"{row['kind']} of {row['name']} is not done"
    for row in records.jobs:
        if (row["phase"], row["owner"], row["lease_until"]) != ("accepted", "", 0):
            yield f"{row['name']} is {row['phase']}, of {row['owner']!r} until {row['lease_until']}"
    given = {(row["submission"], row["name"]) for row in records.jobs}
    taken = {(row["submission"], row["name"]) for row in records.scheduling_local_jobs}
    for each in sorted(given ^ taken):
        yield f"{each} is in one of the two tables of jobs alone"
    for row in records.scheduling_local_jobs:
        if row["forgotten"]:
            yield f"{row['name']} is still being deleted"


def _of_attempts(records: Records) -> Iterator[str]:
    found: dict[str, list[int]] = {}
    for row in records.scheduling_local_attempts:
        found.setdefault(row["submission"], []).append(row["number"])
    for row in records.scheduling_local_jobs:
        if row["phase"] not in {"running", "ended"}:
            yield f"{row['name']} is on its way: {row['phase']}"
        numbers = sorted(found.pop(row["submission"], []))
        if numbers != list(range(row["attempts"])):
            yield f"{row['name']} began {row['attempts']} attempts, and has {numbers}"
    known = {row["submission"] for row in records.scheduling_local_jobs}
    for submission in {*found, *(row["submission"] for row in records.scheduling_local_ends)}:
        if submission not in known:
            yield f"attempts or ends of {submission}, which is no job"


def _of_ports(records: Records) -> Iterator[str]:
    # Every job here has a port, and has it just as long as it runs.
    wanted = {
        f"local_{row['submission']}_{row['attempts'] - 1}"
        for row in records.scheduling_local_jobs
        if row["phase"] in _LIVE
    }
    for owner in sorted(wanted ^ {row["owner"] for row in records.port_leases}):
        yield f"{owner} is without a port, or has one and does not run"


def _of_folders(records: Records, folder: Path) -> Iterator[str]:
    there = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
    begun = {row["submission"] for row in records.scheduling_local_jobs if row["attempts"]}
    launched = {
        row["submission"]
        for row in records.scheduling_local_attempts
        if row["launched_at"] is not None
    }
    for name in sorted(there - begun):
        yield f"there is a folder of {name}, which never began"
    for name in sorted(launched - there):
        yield f"the folder of {name} is missing"


def _of_processes(records: Records, state: Path) -> Iterator[str]:
    runs = {row["submission"] for row in records.scheduling_local_jobs if row["phase"] == "running"}
    keepers = dict(keepers_of(state))
    for name in sorted(runs ^ keepers.keys()):
        yield f"{name} runs without a keeper, or a keeper without it"
    shells = {pid for pid, folder in shells_of(state) if _submission(folder, state) not in runs}
    for pid in sorted(shells):
        yield f"process {pid} is of a job that does not run"


def _of_accounts(records: Records) -> Iterator[str]:
    known = {row["key"] for row in records.users}
    for row in records.grants:
        if row["user_key"] not in known:
            yield f"{row['user_key']} is granted {row['virtual_cluster']}, and is no user"
    total = sum(row["capacity"] for row in records.scheduling_local_shares)
    if records.scheduling_local_shares and total != 100:
        yield f"the virtual clusters have {total} % together"


def keepers_of(state: Path) -> Iterator[tuple[str, int]]:
    """Give the submissions and pids of the keepers that run."""
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if len(line) > 1 and line[-2].endswith("keeper.py") and line[-1].startswith(str(state)):
            yield _submission(line[-1], state), process.pid


def shells_of(state: Path) -> Iterator[tuple[int, str]]:
    """Give the pids of the processes of tasks, and the folders that they began in.

    What holds a task, and is not its own, is left out.
    """
    for process in psutil.process_iter():
        try:
            environment = {} if process.name() == "bwrap" else process.environ()
        except psutil.Error:
            continue
        folder = environment.get("HOME", "")
        if "PAI_CONTAINER_ID" in environment and folder.startswith(str(state)):
            yield process.pid, folder


def _submission(folder: str, state: Path) -> str:
    return Path(folder).relative_to(state / "scheduling.local" / "jobs").parts[0]
