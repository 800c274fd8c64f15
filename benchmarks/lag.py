"""How late the event loop of a gateway is, measured from within.

An observer that is told nothing sleeps again and again, and notes how much later than it wanted
it woke up. What it noted is written when the gateway stops.
"""

from __future__ import annotations

import time
import types
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import anyio
import orjson
from attrs import frozen

import jobyard
from benchmarks.point import at_hand
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.provider import ObserverProvider, Seam, observer_provider

PAUSE: Final = 0.005
"""Seconds between two looks."""


@frozen
class LagSettings:
    """Say where the lags are written."""

    file: Path = option(doc="The file, made when the gateway stops.")


@frozen
class Lag:
    """Be how late the loop was in a time, in milliseconds.

    ``cpu`` is the most processor time that its thread took between two looks: what a busy
    machine does not stretch.
    """

    p50: float
    p99: float
    most: float
    cpu: float


class Probe:
    """Note, again and again, when the loop should have come and how late it was."""

    def __init__(self) -> None:
        self.noted: list[tuple[float, float, float]] = []

    async def run(self) -> None:
        """Go on until somebody ends it."""
        while True:
            due, before = time.monotonic() + PAUSE, time.thread_time()
            await anyio.sleep(PAUSE)
            self.noted.append((due, time.monotonic() - due, time.thread_time() - before))


def lag_probe() -> EntryPoint:
    """Announce the probe as the observer ``lag``."""

    @asynccontextmanager
    async def opened(settings: LagSettings, context: Context) -> AsyncIterator[Probe]:
        probe = Probe()
        context.tasks.spawn("the probe of the event loop", probe.run)
        yield probe
        await anyio.Path(settings.file).write_bytes(orjson.dumps(probe.noted))

    provider = observer_provider(
        name="lag", api=1, summary="Measures the event loop.", config=LagSettings, open=opened
    )

    def announce() -> Iterable[ObserverProvider]:
        return [provider]

    plugin = types.SimpleNamespace(jobyard_observer_providers=jobyard.hookimpl(announce))
    return at_hand(Seam.OBSERVERS, "lag", plugin)


def lag_between(file: Path, begin: float, end: float) -> Lag:
    """Read how late the loop was between two times of the monotonic clock."""
    noted: list[tuple[float, float, float]] = orjson.loads(file.read_bytes())
    within = [(lag * 1e3, cpu * 1e3) for due, lag, cpu in noted if begin <= due <= end]
    late = sorted(lag for lag, _ in within)
    busiest = max(cpu for _, cpu in within)
    return Lag(late[len(late) // 2], late[len(late) * 99 // 100], late[-1], busiest)
