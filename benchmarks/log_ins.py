"""What log-ins give away by the time that they take, and what many at once do to everybody else."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import orjson
from attrs import frozen

from benchmarks.gateway import PASSWORD
from benchmarks.lag import Lag, lag_between
from benchmarks.processes import Server, gateway, on_the_clients_core
from benchmarks.ranks import difference, mann_whitney

MANY: Final = 1000
"""Log-ins at once."""
_SAMPLES: Final = 300
_NAMES: Final = 12
_WARMING: Final = 20
_IDLE: Final = 3.0
_PATIENCE: Final = 300
"""Seconds that each of many log-ins may wait, so that all are worked off."""
_THROTTLES: Final = (("throttled", "10/minute"), ("unthrottled", "off"))
_TOKEN: Final = "/api/v1/token"


@frozen
class Compared:
    """Be the log-ins of two kinds of names: medians in milliseconds, what ``p`` their ranks have.

    ``low`` and ``high`` bound the first's median less the second's, in microseconds, at 95 %.
    """

    first: str
    second: str
    samples: int
    first_median: float
    second_median: float
    p: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """Give the first's median by the second's."""
        return self.first_median / self.second_median


@frozen
class Crowd:
    """Be many log-ins at once; ``idle`` is the loop's lag before, ``lag`` while they went on."""

    throttle: str
    log_ins: int
    good: int
    seconds: float
    idle: Lag
    lag: Lag


@frozen
class LogIns:
    """Be everything that was measured of log-ins."""

    names: tuple[Compared, ...]
    crowds: tuple[Crowd, ...]


def log_ins(folder: Path) -> LogIns:
    """Measure."""
    return LogIns(
        names=_names(folder / "names"),
        crowds=tuple(_crowd(folder / name, each) for name, each in _THROTTLES),
    )


# --------------------------------------------------------------------------------------- names


def _names(folder: Path) -> tuple[Compared, ...]:
    """Let known and unknown names, and for comparison two sets of unknown ones, take turns."""
    known, unknown, others = (
        [f"user_{number:02}_{kind}" for number in range(_NAMES)]
        for kind in ("known", "other", "again")
    )
    with gateway(folder, 0, "--throttle", "off") as server:
        _make_users(server, known)
        with on_the_clients_core():
            took = _take_turns(server, [known, unknown, others])
    return (
        _compared("known", took[0], "unknown", took[1]),
        _compared("unknown", took[2], "unknown", took[1]),
    )


def _make_users(server: Server, names: Sequence[str]) -> None:
    with httpx.Client(base_url=server.address, timeout=30) as client:
        login = {"username": "admin", "password": PASSWORD}
        token = client.post(_TOKEN, json=login).raise_for_status().json()["token"]
        for name in names:
            user = {"username": name, "password": PASSWORD, "modify": False}
            client.put(
                "/api/v1/user", json=user, headers={"Authorization": f"Bearer {token}"}
            ).raise_for_status()


def _take_turns(server: Server, kinds: Sequence[Sequence[str]]) -> list[list[float]]:
    """Give, for each kind, what its log-ins took, in milliseconds; each round in another order."""
    draw = random.Random(1)
    took: list[list[float]] = [[] for _ in kinds]
    where = urlsplit(server.address)
    with closing(HTTPConnection(where.hostname or "", where.port, timeout=30)) as connection:
        for turn in range(_WARMING + _SAMPLES):
            for kind in draw.sample(range(len(kinds)), len(kinds)):
                milliseconds = _wrong(connection, kinds[kind][turn % _NAMES])
                if turn >= _WARMING:
                    took[kind].append(milliseconds)
    return took


def _wrong(connection: HTTPConnection, name: str) -> float:
    body = orjson.dumps({"username": name, "password": "a wrong one"})
    begin = time.perf_counter()
    connection.request("POST", _TOKEN, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    milliseconds = (time.perf_counter() - begin) * 1e3
    if b"IncorrectPassworkError" not in said:
        message = f"{name}: {answer.status} {said!r}"
        raise RuntimeError(message)
    return milliseconds


def _compared(first: str, one: Sequence[float], second: str, other: Sequence[float]) -> Compared:
    low, high = difference(one, other)
    return Compared(
        first=first,
        second=second,
        samples=len(one),
        first_median=statistics.median(one),
        second_median=statistics.median(other),
        p=mann_whitney(one, other),
        low=low * 1e3,
        high=high * 1e3,
    )


# --------------------------------------------------------------------------------------- crowds


def _crowd(folder: Path, throttle: str) -> Crowd:
    folder.mkdir()
    file = folder / "lag.json"
    options = ("--throttle", throttle, "--timeout", str(_PATIENCE), "--lag", str(file))
    with gateway(folder, 0, *options) as server, on_the_clients_core():
        asyncio.run(_all_at_once(server, 1))
        calm = time.monotonic()
        time.sleep(_IDLE)
        begin = time.monotonic()
        statuses = asyncio.run(_all_at_once(server, MANY))
        end = time.monotonic()
    return Crowd(
        throttle=throttle,
        log_ins=MANY,
        good=statuses[200],
        seconds=end - begin,
        idle=lag_between(file, calm, begin),
        lag=lag_between(file, begin, end),
    )


async def _all_at_once(server: Server, number: int) -> Counter[int]:
    """Log in on so many connections, which are all open before the first is written to."""
    where = urlsplit(server.address)
    opened = [await asyncio.open_connection(where.hostname, where.port) for _ in range(number)]
    body = orjson.dumps({"username": "admin", "password": PASSWORD})
    head = (
        f"POST {_TOKEN} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    for _, writer in opened:
        writer.write(head.encode() + body)
    answers = await asyncio.gather(*(reader.read() for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    return Counter(int(answer.split(maxsplit=2)[1]) for answer in answers)
