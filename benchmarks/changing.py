"""Log-ins and submissions, which are bound by a hash and by the commits of the database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import httpx
import orjson
from argon2 import PasswordHasher
from attrs import frozen

from benchmarks.gateway import PASSWORD
from benchmarks.processes import Server, gateway
from benchmarks.windows import Figures, measure, together
from jobyard_backends.auth.local import passwords

COMMIT: Final = 0.005
"""Seconds that are added to each commit while jobs are submitted."""
_HASHES: Final = 30
_LOG_IN: Final = {"username": "admin", "password": PASSWORD}
_TOKEN: Final = "/api/v1/token"
_JOBS: Final = "/api/v1/user/admin/jobs"


@frozen
class Changed:
    """Be one case's figures; ``connections`` is the number of clients."""

    case: str
    connections: int
    jobyard: Figures


@frozen
class Hashing:
    """Be what log-ins cost, and what the one hash of each costs alone, in microseconds."""

    log_ins: tuple[Changed, ...]
    hash: float


def log_in(folder: Path, *, seconds: float) -> Hashing:
    """Measure log-ins, and the hash alone."""
    with gateway(folder / "log-in", 0) as server:
        body = orjson.dumps(_LOG_IN).decode()
        cases = tuple(
            Changed(
                "token",
                clients,
                together(
                    [measure(server, _TOKEN, seconds=seconds, connections=clients, body=body)]
                ),
            )
            for clients in (1, 8)
        )
    return Hashing(cases, _hash())


def _hash() -> float:
    hasher = PasswordHasher(passwords.PASSES, passwords.MEMORY_KIB, passwords.LANES)
    kept = hasher.hash(PASSWORD)
    before = time.process_time()
    for _ in range(_HASHES):
        hasher.verify(kept, PASSWORD)
    return (time.process_time() - before) / _HASHES * 1e6


def submit(folder: Path, *, seconds: float) -> tuple[Changed, ...]:
    """Measure durable submissions, of one client and of 32, with slow commits."""
    with gateway(folder / "submission", 0, commit=COMMIT) as server:
        authorization = {"Authorization": f"Bearer {_token(server)}"}
        return tuple(
            Changed(
                "submission",
                clients,
                together(
                    [
                        measure(
                            server,
                            _JOBS,
                            seconds=seconds,
                            connections=clients,
                            headers=authorization,
                            body=_job(f"of-{clients}-@"),
                        )
                    ]
                ),
            )
            for clients in (1, 32)
        )


def _token(server: Server) -> str:
    answer = httpx.post(f"{server.address}{_TOKEN}", json=_LOG_IN).raise_for_status()
    token: str = answer.json()["token"]
    return token


def _job(name: str) -> str:
    role = {"name": "main", "command": "true"}
    return orjson.dumps({"jobName": name, "image": "none", "taskRoles": [role]}).decode()
