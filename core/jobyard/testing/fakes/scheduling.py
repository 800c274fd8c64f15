"""The fake cluster as a provider, for whatever chooses or opens one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard.seams.context import Context
from jobyard.seams.provider import (
    API_VERSIONS,
    Capability,
    SchedulingProvider,
    Seam,
    scheduling_provider,
)
from jobyard.testing.fakes.cluster import CAPABILITIES, Done, FakeScheduler

__all__ = [
    "CAPABILITIES",
    "FAKE_SCHEDULING",
    "Done",
    "FakeScheduler",
    "FakeSchedulingSettings",
    "fake_scheduling",
]


@frozen
class FakeSchedulingSettings:
    """Be no settings at all."""


def fake_scheduling(
    *,
    capabilities: Iterable[Capability] = CAPABILITIES,
    make: Callable[..., FakeScheduler] = FakeScheduler,
) -> SchedulingProvider:
    """Make a provider of fake clusters: one for each state directory, which outlives its closing.

    What it opens is the :class:`FakeScheduler` itself; its jobs go on by themselves while it is
    open. ``make`` is given the ``capabilities``, for doubles that are wrong in one thing.
    """
    clusters: dict[Path, FakeScheduler] = {}
    able = frozenset(capabilities)

    @asynccontextmanager
    async def opened(_: FakeSchedulingSettings, context: Context) -> AsyncIterator[FakeScheduler]:
        cluster = clusters.setdefault(context.state_dir, make(capabilities=able))
        context.tasks.spawn("the fake cluster", cluster.run)
        yield cluster

    return scheduling_provider(
        name="fake",
        api=API_VERSIONS[Seam.SCHEDULING],
        summary="Runs jobs in memory, for tests.",
        config=FakeSchedulingSettings,
        open=opened,
        capabilities=able,
    )


FAKE_SCHEDULING: Final = fake_scheduling()
