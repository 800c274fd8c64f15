"""The probe for blocking sees what blocks, however busy the machine, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Final

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from attrs import frozen

from jobyard.testing import blocking
from jobyard.testing.blocking import LONGEST_BLOCK, blocked_for, never_blocks
from jobyard.testing.runner import failures_of
from jobyard.testing.subject import Subject
from tests.core.testing.suites import Tiny, TinySuite, tiny_provider

LOOP: Final = -1
BLOCKED: Final = "the event loop was blocked for"


@contextmanager
def _busy_machine() -> Iterator[None]:
    """Keep every processor busy with more than it can do."""
    children: list[int] = []
    try:
        for _ in range(4 * (os.cpu_count() or 1)):
            child = os.spawnlp(os.P_NOWAIT, sys.executable, sys.executable, "-Sc", "while 1: 1")
            children.append(child)
        yield
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


async def _sleeps() -> None:
    time.sleep(0.1)  # noqa: ASYNC251 - the culprit


async def _computes() -> None:
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        pass


async def _polite() -> None:
    for _ in range(20):
        await anyio.sleep(0.005)
    await anyio.to_thread.run_sync(time.sleep, 0.1)


@pytest.mark.parametrize("culprit", [_sleeps, _computes])
async def test_what_blocks_is_caught(culprit: object) -> None:
    assert callable(culprit)
    with pytest.raises(AssertionError, match=BLOCKED):
        await never_blocks(culprit)


async def test_what_waits_elsewhere_is_not() -> None:
    await never_blocks(_polite)


async def test_a_busy_machine_is_not_blamed_on_the_call() -> None:
    with _busy_machine():
        await never_blocks(_polite)


async def test_a_busy_machine_hides_no_culprit() -> None:
    async def sleeps_long() -> None:
        time.sleep(0.3)  # noqa: ASYNC251 - the culprit

    with _busy_machine(), pytest.raises(AssertionError, match=BLOCKED):
        await never_blocks(sleeps_long)


@frozen
class Piece:
    """Be a piece of time as the clocks show it, in milliseconds, and what counts of it."""

    gap: int
    loop_starved: int
    probe_starved: int
    used: int
    counts: int


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(Piece(5, 0, 0, 0, 5), id="the loop sleeps"),
        pytest.param(Piece(5, 0, 0, 5, 5), id="the loop computes"),
        pytest.param(Piece(5, 5, 0, 0, 0), id="the loop has no processor"),
        pytest.param(Piece(40, 0, 35, 0, 40), id="the loop sleeps and the probe has no processor"),
        pytest.param(Piece(90, 0, 0, 80, 80), id="somebody holds the lock and computes"),
        pytest.param(Piece(90, 0, 0, 1, 1), id="somebody holds the lock and has no processor"),
        pytest.param(Piece(90, 60, 0, 80, 30), id="the loop has no processor for some of it"),
    ],
)
def test_what_is_the_machines_does_not_count(piece: Piece, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = _Clocks()
    monkeypatch.setattr(blocking, "time", clocks)
    monkeypatch.setattr(blocking, "_RunDelay", clocks.delay)
    meter = blocking._Meter(LOOP)
    clocks.pass_by(piece)

    assert meter.stalled() == pytest.approx(piece.counts / 1000)
    assert meter.stalled() == 0


class _Clocks:
    """Show times that a test decides on."""

    def __init__(self) -> None:
        self.now = self.used = 100.0
        self.starved: dict[bool, float] = {}

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.used

    def pass_by(self, piece: Piece) -> None:
        self.now += piece.gap / 1000
        self.used += piece.used / 1000
        self.starved = {True: piece.loop_starved / 1000, False: piece.probe_starved / 1000}

    def delay(self, thread: int) -> SimpleNamespace:
        return SimpleNamespace(since=lambda: self.starved.pop(thread == LOOP, 0.0))


async def test_what_blocks_the_first_time_alone_is_forgiven() -> None:
    calls = iter([_sleeps, _polite])

    async def call() -> None:
        await next(calls)()

    await never_blocks(call)


async def test_the_length_of_a_block_is_told() -> None:
    async with blocked_for() as blockage:
        await _sleeps()

    assert blockage.longest > LONGEST_BLOCK


async def test_the_probe_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    async with blocked_for():
        await anyio.lowlevel.checkpoint()
    left = set(threading.enumerate()) - before

    assert [each.name for each in left if "jobyard" in each.name] == []


async def test_an_error_of_the_call_comes_out() -> None:
    async def fails() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await never_blocks(fails)


class _Sleeping(Tiny):
    async def ping(self) -> None:
        await _sleeps()


class _Suite(TinySuite):
    async def test_a_ping_does_not_block(self, subject: Subject[Tiny]) -> None:
        await never_blocks(subject.backend.ping)


def test_a_suite_catches_a_backend_that_sleeps() -> None:
    class Sleeping(_Suite):
        provider = tiny_provider(lambda _: _Sleeping())

    tests = ["test_a_ping_does_not_block"]

    assert failures_of(Sleeping, tests=tests) == set(tests)
    assert failures_of(_Suite, tests=tests) == set()
