"""A gateway is killed from outside, whatever it is at, while many submit.

With ``JOBYARD_LONG=1`` there are 10,000 submissions from 32 clients; else 60 from 8.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest

from tests.crashes import records
from tests.crashes.mortal import Mortal
from tests.e2e.processes import PATIENCE, until

LONG: Final = os.environ.get("JOBYARD_LONG") == "1"
JOBS: Final = 10_000 if LONG else 60
CLIENTS: Final = 32 if LONG else 8
KILLS: Final = 200 if LONG else 8


class Storm:
    """Submit jobs from many threads, each until it was accepted."""

    def __init__(self, gateway: Mortal) -> None:
        self._gateway = gateway
        self._sent = 0
        self._moved = threading.Condition()
        self._lives = threading.Event()
        self._over = False

    def submit(self, name: str) -> None:
        """Submit one job until it is accepted; its gateway may be gone at any moment."""
        headers = {"Authorization": f"Bearer {self._gateway.token}", "Idempotency-Key": name}
        document = self._gateway.job(name)
        url = f"http://127.0.0.1:{self._gateway.port}/api/v1/user/admin/jobs"
        with httpx.Client(headers=headers, timeout=PATIENCE, verify=False) as client:
            while not self._over:
                assert self._lives.wait(PATIENCE)
                self._count()
                try:
                    response = client.post(url, json=document)
                except httpx.TransportError:
                    continue
                if response.status_code == 202:
                    return
                # Whether the last one was accepted is not known yet.
                assert response.status_code == 500, response.text

    def _count(self) -> None:
        with self._moved:
            self._sent += 1
            self._moved.notify_all()

    def run(self, names: list[str], moments: Iterator[int]) -> None:
        """Have everything submitted, and the gateway killed after so many more requests."""
        self._lives.set()
        with ThreadPoolExecutor(CLIENTS) as pool:
            submissions = [pool.submit(self.submit, name) for name in names]
            try:
                for moment in moments:
                    self._await_requests(moment)
                    self._lives.clear()
                    self._gateway.kill()
                    self._gateway.start()
                    self._lives.set()
                for submission in submissions:
                    submission.result()
            finally:
                self._over = True
                self._lives.set()

    def _await_requests(self, more: int) -> None:
        with self._moved:
            wanted = self._sent + more
            assert self._moved.wait_for(lambda: self._sent >= wanted, PATIENCE)


def unfinished(gateway: Mortal) -> int:
    rows = records.read(gateway.state).scheduling_local_jobs
    return sum(row["phase"] != "ended" for row in rows)


def test_every_accepted_job_is_there_and_ran_once_however_often_the_gateway_is_killed(
    gateway: Mortal,
) -> None:
    names = [f"job{number}" for number in range(JOBS)]
    chance = random.Random(4)
    # Fewer than there are submissions: so there is always one under way.
    moments = (chance.randint(1, JOBS // KILLS - 1) for _ in range(KILLS))
    Storm(gateway).run(names, moments)
    gateway.kill()
    gateway.start(plain=True)

    left = JOBS + 1
    while left:
        until(lambda most=left: unfinished(gateway) < most)  # type: ignore[misc]
        left = unfinished(gateway)
    gateway.agrees()
    assert gateway.names() == set(names)
    states = {job["state"] for job in gateway.good("GET", "/jobs")}
    assert states == {"SUCCEEDED"}
    assert gateway.ran() == {name: f"{name}\n" for name in names}
    gateway.leaves_nothing()
    empty = records.read(gateway.state)
    assert (empty.jobs, empty.scheduling_local_jobs, empty.port_leases) == ((), (), ())
    assert list((gateway.state / "scheduling.local" / "jobs").iterdir()) == []


@pytest.mark.parametrize("alone", [False, True])
def test_a_killed_shell_is_the_jobs_own_failure(gateway: Mortal, alone: bool) -> None:
    gateway.submit("one", "exec sleep 1000")
    gateway.reaching("one", "RUNNING")
    until(lambda: "one" in gateway.ran())
    if alone:
        gateway.kill()
    shells = [pid for pid, _ in records.shells_of(gateway.state)]
    assert len(shells) == 1
    os.kill(shells[0], signal.SIGKILL)
    if alone:
        gateway.start()

    assert gateway.reaching("one", "FAILED")["appExitCode"] == 137
    gateway.agrees()
    assert gateway.ran() == {"one": "one\n"}


@pytest.mark.parametrize("alone", [False, True])
def test_a_killed_keeper_takes_its_task_with_it_and_the_job_is_tried_again(
    gateway: Mortal, alone: bool
) -> None:
    # The second attempt finds two lines, and ends at once.
    gateway.submit("one", f"test $(wc -l < {gateway.marks}/one) = 2 || exec sleep 1000")
    gateway.reaching("one", "RUNNING")
    until(lambda: "one" in gateway.ran())
    if alone:
        gateway.kill()
    keepers = [pid for _, pid in records.keepers_of(gateway.state)]
    assert len(keepers) == 1
    os.kill(keepers[0], signal.SIGKILL)
    if alone:
        gateway.start()

    status = gateway.reaching("one", "SUCCEEDED")
    assert status["retryDetails"] == {"user": 0, "platform": 1, "resource": 0}
    gateway.agrees()
    first = gateway.good("GET", "/user/admin/jobs/one?attempt=0")["jobStatus"]
    assert first["appExitCode"] == -7113
