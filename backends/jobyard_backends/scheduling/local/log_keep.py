"""The logs of ended jobs: kept for some time, or up to some size; the jobs themselves stay."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from jobyard.clock import Clock
from jobyard.domain.job import SubmissionId
from jobyard_backends.scheduling.local.book import Book
from jobyard_backends.scheduling.local.folders import Folders
from jobyard_backends.scheduling.local.records import Phase
from jobyard_backends.scheduling.local.retention import Retention

LOG: Final = logging.getLogger("jobyard.scheduling.local")

INTERVAL: Final = 60.0
"""Seconds between two looks."""

_BLOCK: Final = 512
"""Bytes of a block of ``st_blocks`` (stat(3type))."""


class LogKeep:
    """Remove the logs of ended jobs when their time is over, or the oldest when they are too many."""

    def __init__(
        self,
        kept: Retention,
        book: Book,
        folders: Folders,
        clock: Clock,
        threads: CapacityLimiter,
        *,
        interval: float = INTERVAL,
    ) -> None:
        self._kept = kept
        self._book = book
        self._folders = folders
        self._clock = clock
        self._threads = threads
        self._interval = interval
        self._sizes: dict[SubmissionId, int] = {}

    async def run(self) -> None:
        """Look until cancelled, the first time at once."""
        while True:
            try:
                await self.look()
            except OSError:
                LOG.exception("the logs of ended jobs could not be looked at")
            await anyio.sleep(self._interval)

    async def look(self) -> None:
        """Remove what is kept no more."""
        there = await to_thread.run_sync(self._folders.jobs, limiter=self._threads)
        ended = sorted(self._ended(there))
        jobs = [submission for _, submission in ended]
        if self._kept.seconds is not None:
            last = self._clock.now() - 1000 * self._kept.seconds
            over = [submission for at, submission in ended if at <= last]
        else:
            over = await to_thread.run_sync(self._too_many, jobs, limiter=self._threads)
        for submission in over:
            await to_thread.run_sync(self._folders.remove, submission, limiter=self._threads)
            self._sizes.pop(submission, None)

    def _ended(self, there: list[SubmissionId]) -> Iterator[tuple[int, SubmissionId]]:
        """Give the jobs that are over, and when they were; deleted ones are somebody else's."""
        for submission in there:
            entry = self._book.get(submission)
            if entry is None or entry.record.forgotten or entry.record.phase is not Phase.ENDED:
                continue
            yield entry.record.completed_at or 0, submission

    def _too_many(self, oldest_first: list[SubmissionId]) -> list[SubmissionId]:
        """Give the jobs whose logs are more than may be kept: those of the newest stay."""
        room = self._kept.size or 0
        for place, submission in reversed(list(enumerate(oldest_first))):
            # What an ended job has left changes no more.
            if submission not in self._sizes:
                self._sizes[submission] = size_of(self._folders.job(submission))
            room -= self._sizes[submission]
            if room < 0:
                return oldest_first[: place + 1]
        return []


def size_of(folder: Path) -> int:
    """Give the bytes that the files of a folder take on the disk, holes not counted."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(path) / name).st_blocks * _BLOCK
            except FileNotFoundError:
                continue
    return total
