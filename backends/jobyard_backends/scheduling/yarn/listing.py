"""The list of all jobs, which may be many: read and made off the event loop."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import orjson
from anyio import CapacityLimiter, to_thread
from attrs import frozen

from jobyard.clock import Clock
from jobyard.domain.status import JobSummary
from jobyard.errors import Unavailable
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Snapshot
from jobyard_backends.scheduling.yarn import marks, views
from jobyard_backends.scheduling.yarn.failures import translated
from jobyard_backends.scheduling.yarn.launcher import Fields, Launcher
from jobyard_backends.scheduling.yarn.marks import Incarnation, Marks

_KEPT_FOR: Final = 24 * 3600 * 1000
"""Milliseconds for which marks and operations are kept of jobs that are no more."""
_SWEPT_EVERY: Final = 60 * 1000


@frozen
class _Read:
    """Be the list as it came last, and what was made of it."""

    digest: bytes
    jobs: tuple[JobSummary, ...]


class Listing:
    """Give the jobs of the launcher, as their owners' wishes make them."""

    def __init__(self, launcher: Launcher, store: Store, clock: Clock) -> None:
        self._launcher = launcher
        self._store = store
        self._clock = clock
        self._reader = CapacityLimiter(1)
        self._last = _Read(b"", ())
        self._swept_at = 0

    async def snapshot(self) -> Snapshot[JobSummary]:
        """Give every job, at a version that is made of what was read.

        Raises:
            Unavailable: The launcher does not answer, or with something else.
        """
        as_of = self._clock.now()
        with translated():
            content = await self._launcher.frameworks()
        known = await self._store.read(marks.all_marks)
        read = await to_thread.run_sync(_read, content, self._last, limiter=self._reader)
        self._last = read
        jobs = _marked(read.jobs, known) if known else read.jobs
        await self._sweep(read.jobs, known)
        return Snapshot(_version(read.digest, known), as_of, jobs)

    async def _sweep(self, jobs: Sequence[JobSummary], known: Marks) -> None:
        """Forget now and then what is kept of jobs that are no more."""
        now = self._clock.now()
        if now - self._swept_at < _SWEPT_EVERY:
            return
        self._swept_at = now
        there = {marks.incarnation_of(job) for job in jobs} if known else set[Incarnation]()
        await self._store.write(marks.sweep(known.keys() - there, now - _KEPT_FOR))


def _read(content: bytes, last: _Read) -> _Read:
    """Read a list; blocks. What comes as before is not read again."""
    digest = blake2b(content, digest_size=16).digest()
    if digest == last.digest:
        return last
    try:
        said = Fields.of(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise Unavailable("What answers is no launcher.", detail=repr(error)) from error
    if not isinstance(said.raw.get("summarizedFrameworkInfos"), list):
        raise Unavailable("What answers is no launcher.", detail="a list without frameworks")
    named = (each for each in said.listed("summarizedFrameworkInfos") if each.text("frameworkName"))
    jobs = {job.name: job for job in map(views.summary, named)}
    return _Read(digest, tuple(jobs.values()))


def _marked(jobs: Sequence[JobSummary], known: Marks) -> tuple[JobSummary, ...]:
    return tuple(views.marked(job, known.get(marks.incarnation_of(job))) for job in jobs)


def _version(digest: bytes, known: Marks) -> str:
    if not known:
        return digest.hex()
    text = repr(sorted((job.framework, job.key, repr(mark)) for job, mark in known.items()))
    return blake2b(digest + text.encode(), digest_size=16).hexdigest()
