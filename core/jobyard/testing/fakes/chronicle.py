"""What happened to the jobs of a fake cluster, in its order, for whoever listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import anyio
from attrs import define, field

from jobyard.domain.job import FrameworkName
from jobyard.domain.status import JobSummary
from jobyard.seams.scheduling import Changed, FeedEvent, Lost, Synced, Vanished


@define
class Chronicle:
    """Count and keep the changes; ``nonce`` tells one chronicle's versions from another's."""

    nonce: str
    _events: list[Changed | Vanished] = field(factory=list)
    _news: anyio.Event = field(factory=anyio.Event)

    @property
    def version(self) -> str:
        """Give the version of the newest change."""
        return self._at(len(self._events))

    def changed(self, job: JobSummary) -> None:
        """Note that a job is now so."""
        self._events.append(Changed(job, self._at(len(self._events) + 1)))
        self.wake()

    def vanished(self, name: FrameworkName) -> None:
        """Note that a job is no more."""
        self._events.append(Vanished(name, self._at(len(self._events) + 1)))
        self.wake()

    def wake(self) -> None:
        """Have those who wait look again."""
        self._news.set()
        self._news = anyio.Event()

    async def news(self) -> None:
        """Return at the next change."""
        await self._news.wait()

    async def follow(
        self, since: str | None, jobs: Sequence[JobSummary]
    ) -> AsyncIterator[FeedEvent]:
        """Give all changes after a version; ``jobs`` are all that there are, for ``None``."""
        told = self._number(since)
        if told is None:
            yield Lost()
            return
        if since is None:
            for job in jobs:
                yield Changed(job, self._at(told))
        while True:
            while told < len(self._events):
                told += 1
                yield self._events[told - 1]
            yield Synced(self._at(told))
            if told == len(self._events):
                await self.news()

    def _at(self, number: int) -> str:
        return f"{self.nonce}-{number}"

    def _number(self, version: str | None) -> int | None:
        if version is None:
            return len(self._events)
        nonce, _, number = version.rpartition("-")
        known = nonce == self.nonce and number.isdecimal() and int(number) <= len(self._events)
        return int(number) if known else None
