"""Log-ins to a directory over LDAPS, beside bare binds of ldap3 in threads.

``python -m benchmarks.directory`` runs an OpenLDAP server of its own and prints a table. All verify
the certificate and connect anew for each password; ours looks the user and the groups up besides.
"""

from __future__ import annotations

import argparse
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Final, cast

import anyio
import ldap3
from anyio import CapacityLimiter, to_thread
from attrs import frozen

from benchmarks.table import table
from jobyard.seams.auth import Authenticator
from jobyard.seams.provider import AuthProvider, Seam
from jobyard.testing import opened, provider_named
from tests.slapd import PASSWORD, Slapd, dn_of, group, person, running_slapd

AT_ONCE: Final = 200
THREADS: Final = (4, 16)
"""Threads of the bare binds: as many as ours, and so many that waiting costs them nothing."""
_TICK: Final = 0.001

LogIn = Callable[[str], Coroutine[object, object, None]]


@frozen
class Burst:
    """Be one burst of log-ins: how many a second, and the loop's longest lag in milliseconds.

    ``cpu`` is in microseconds of processor a log-in.
    """

    rate: float
    lag: float
    cpu: float


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.directory", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="bursts of each side")
    asked = parser.parse_args()
    with running_slapd() as server:
        server.add(*(person(f"user{number}") for number in range(AT_ONCE)))
        server.add(group("everybody", *(dn_of(f"user{number}") for number in range(AT_ONCE))))
        sides = anyio.run(_measured, server, asked.rounds)
    rows = [_row(name, bursts) for name, bursts in sides.items()]
    head = (f"{AT_ONCE} log-ins at once", "/s", "CPU us", "longest lag, ms")
    sys.stdout.write(f"{table(head, rows)}\n\n")
    *bare, ours = sides.values()
    for threads, bursts in zip(THREADS, bare, strict=True):
        ratio = statistics.median(b.rate / a.rate for a, b in zip(bursts, ours, strict=True))
        sys.stdout.write(f"Of the bare rate with {threads} threads: {ratio:.0%}\n")


def _row(name: str, bursts: list[Burst]) -> tuple[str, ...]:
    rate = statistics.median(each.rate for each in bursts)
    cpu = statistics.median(each.cpu for each in bursts)
    lag = statistics.median(each.lag for each in bursts)
    return name, f"{rate:,.0f}", f"{cpu:,.0f}", f"{lag:.1f}"


async def _measured(server: Slapd, rounds: int) -> dict[str, list[Burst]]:
    provider = cast("AuthProvider", provider_named(Seam.AUTH, "ldap"))
    with tempfile.TemporaryDirectory(prefix="jobyard-benchmark-") as folder:
        async with opened(provider, server.settings(), Path(folder)) as subject:
            sides: dict[str, LogIn] = {
                f"bare bind of ldap3, {threads} threads": partial(
                    _bind, server, CapacityLimiter(threads)
                )
                for threads in THREADS
            }
            sides["provider ldap"] = partial(_log_in, subject.backend)
            bursts: dict[str, list[Burst]] = {name: [] for name in sides}
            for _ in range(rounds):
                for name, log_in in sides.items():
                    bursts[name].append(await _burst(log_in))
    return bursts


async def _burst(log_in: LogIn) -> Burst:
    lags: list[float] = []
    async with anyio.create_task_group() as ticking:
        ticking.start_soon(_tick, lags)
        begun, used = time.monotonic(), time.process_time()
        async with anyio.create_task_group() as group:
            for number in range(AT_ONCE):
                group.start_soon(log_in, f"user{number}")
        seconds, cpu = time.monotonic() - begun, time.process_time() - used
        ticking.cancel_scope.cancel()
    return Burst(AT_ONCE / seconds, max(lags) * 1e3, cpu / AT_ONCE * 1e6)


async def _tick(lags: list[float]) -> None:
    while True:
        begun = time.monotonic()
        await anyio.sleep(_TICK)
        lags.append(time.monotonic() - begun - _TICK)


async def _log_in(users: Authenticator, name: str) -> None:
    if await users.authenticate(name, PASSWORD) is None:
        message = f"{name} was not let in"
        raise RuntimeError(message)


async def _bind(server: Slapd, threads: CapacityLimiter, name: str) -> None:
    await to_thread.run_sync(_bound, server, name, limiter=threads)


def _bound(server: Slapd, name: str) -> None:
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(server.ca_file))
    place = ldap3.Server("127.0.0.1", server.tls_port, use_ssl=True, tls=tls, get_info=ldap3.NONE)
    connection = ldap3.Connection(
        place, dn_of(name), PASSWORD.reveal(), client_strategy=ldap3.SAFE_SYNC, auto_bind=True
    )
    connection.unbind()


if __name__ == "__main__":
    main()
