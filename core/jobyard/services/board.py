"""The board: every job that the cluster knows, ready to be answered.

Fed by one coalesced poll at most every ``max_age`` seconds, whatever the number of readers. What
this gateway accepted, stopped or deleted shows at once, whatever the cluster shows yet. While
the cluster does not answer, what is remembered is given for ``stale_for`` seconds.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from typing import Final

import anyio
import orjson
from attrs import evolve, field, frozen

from jobyard.clock import Clock
from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import ExecutionType, JobState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import NotFound, UnknownError
from jobyard.resilience import Guarded
from jobyard.seams.observer import JobChanged
from jobyard.seams.scheduling import Scheduler, Snapshot
from jobyard.services.observers import Observers
from jobyard.wire.answers import job_item

_REMEMBERED_DETAILS: Final = 256


@frozen
class View:
    """Be all jobs at one version, newest first; ``stale`` when the cluster does not answer."""

    version: str
    jobs: tuple[JobSummary, ...]
    stale: bool = False
    by_name: dict[FrameworkName, JobSummary] = field(factory=dict, repr=False)
    items: tuple[bytes, ...] = field(default=(), repr=False)

    def encoded(self, username: str | None = None) -> bytes:
        """Give the JSON array of the jobs, or of those of one submitter."""
        if username is None:
            return b"[" + b",".join(self.items) + b"]"
        pairs = zip(self.jobs, self.items, strict=True)
        return b"[" + b",".join(item for job, item in pairs if job.username == username) + b"]"


@frozen
class Detail:
    """Be one job whole; ``stale`` when the cluster does not answer."""

    status: JobStatus
    stale: bool = False


def _newest_first(jobs: Iterable[JobSummary]) -> tuple[JobSummary, ...]:
    return tuple(sorted(jobs, key=lambda job: (-(job.created_at or 0), str(job.name))))


class Overlay:
    """Hold what this gateway knows before the cluster shows it: read your writes."""

    def __init__(self) -> None:
        self._added: dict[FrameworkName, JobSummary] = {}
        self._removed: dict[FrameworkName, SubmissionId | None] = {}
        self._wanted: dict[FrameworkName, tuple[SubmissionId | None, ExecutionType]] = {}

    def added(self, job: JobSummary) -> None:
        """Show a job that was accepted."""
        self._added[job.name] = job

    def removed(self, name: FrameworkName, submission: SubmissionId | None) -> None:
        """Hide a job that was deleted, or never came to be."""
        self._added.pop(name, None)
        self._wanted.pop(name, None)
        self._removed[name] = submission

    def undone(self, name: FrameworkName) -> None:
        """Stop showing a job that was not accepted after all."""
        self._added.pop(name, None)

    def wanted(self, job: JobSummary, kind: ExecutionType) -> None:
        """Show the execution type that was asked for."""
        self._wanted[job.name] = (job.submission, kind)

    def find(self, name: FrameworkName) -> JobSummary | None:
        """Give a job that the cluster does not show yet."""
        return self._added.get(name)

    def hides(self, job: JobSummary) -> bool:
        """Tell whether a job that the cluster shows was deleted here."""
        return job.name in self._removed and self._removed[job.name] == job.submission

    def apply(self, jobs: Iterable[JobSummary]) -> list[JobSummary]:
        """Lay this over what the cluster shows, and drop what it shows by itself now."""
        shown = {job.name: job for job in jobs}
        for name in [name for name in self._removed if name not in shown]:
            del self._removed[name]
        visible = [self._as_wanted(job) for job in shown.values() if not self.hides(job)]
        names = {job.name for job in visible}
        for name in [name for name in self._added if name in names]:
            del self._added[name]
        return [*visible, *self._added.values()]

    def _as_wanted(self, job: JobSummary) -> JobSummary:
        submission, kind = self._wanted.get(job.name, (None, job.execution_type))
        if submission != job.submission or kind is job.execution_type:
            self._wanted.pop(job.name, None)
            return job
        return evolve(job, execution_type=kind)


class Board:
    """Answer lists and details.

    ``max_age`` and ``stale_for`` are in seconds; 0 switches either off.
    """

    def __init__(
        self,
        scheduling: Guarded[Scheduler],
        clock: Clock,
        *,
        max_age: float,
        stale_for: float,
        observers: Observers | None = None,
    ) -> None:
        self._scheduling = scheduling
        self._clock = clock
        self._max_age = max_age
        self._stale_for = stale_for
        self._observers = observers or Observers()
        self._lock = anyio.Lock()
        self._snapshot: Snapshot[JobSummary] | None = None
        self._polled_at = 0.0
        self._dirty = True
        self._view: View | None = None
        self._era = secrets.token_hex(4)
        self._changes = 0
        self._encoded: dict[FrameworkName, tuple[JobSummary, bytes]] = {}
        self._details: dict[tuple[FrameworkName, int | None], tuple[float, JobStatus]] = {}
        self.overlay: Final = Overlay()

    def touch(self) -> None:
        """Say that something changed here: the next reader asks the cluster."""
        self._dirty = True
        self._changes += 1

    async def view(self) -> View:
        """Give all jobs.

        Raises:
            UnknownError: The cluster does not answer, and nothing fresh enough is remembered.
        """
        if self._fresh():
            return self._current()
        async with self._lock:
            if self._fresh():
                return self._current()
            try:
                await self._poll()
            except UnknownError as error:
                return self._remembered(error)
        return self._current()

    async def find(self, name: FrameworkName) -> JobSummary | None:
        """Give one job's summary, or ``None``."""
        return (await self.view()).by_name.get(name)

    async def detail(self, name: FrameworkName, attempt: int | None = None) -> Detail | None:
        """Give one job whole, or ``None`` where there is none."""
        try:
            status = await self._scheduling.call(
                "job", lambda scheduler: scheduler.job(name, attempt), idempotent=True
            )
        except NotFound:
            added = self.overlay.find(name)
            return None if added is None or attempt else Detail(JobStatus(summary=added))
        except UnknownError as error:
            return self._remembered_detail(name, attempt, error)
        if self.overlay.hides(status.summary):
            added = self.overlay.find(name)
            return None if added is None else Detail(JobStatus(summary=added))
        self._remember_detail(name, attempt, status)
        return Detail(status)

    async def watch(self) -> None:
        """Poll for ever, so that observers hear of changes that nobody reads."""
        while True:
            with contextlib.suppress(UnknownError):
                await self.view()
            await anyio.sleep(max(self._max_age, 0.2))

    def _fresh(self) -> bool:
        age = self._clock.monotonic() - self._polled_at
        return self._snapshot is not None and not self._dirty and age < self._max_age

    async def _poll(self) -> None:
        self._dirty = False
        try:
            snapshot = await self._scheduling.call(
                "jobs", lambda scheduler: scheduler.jobs(), idempotent=True
            )
        except BaseException:
            self._dirty = True
            raise
        changed = self._snapshot is None or snapshot.version != self._snapshot.version
        self._snapshot, self._polled_at = snapshot, self._clock.monotonic()
        before = self._view
        if changed or before is None or not before.version.endswith(f".{self._changes}"):
            self._view = self._build(snapshot)
            await self._tell(before, self._view)

    def _build(self, snapshot: Snapshot[JobSummary]) -> View:
        jobs = _newest_first(self.overlay.apply(snapshot.items))
        by_name = {job.name: job for job in jobs}
        self._encoded = {job.name: (job, self._encode(job)) for job in jobs}
        items = tuple(self._encoded[job.name][1] for job in jobs)
        version = f"{self._era}.{snapshot.version}.{self._changes}"
        return View(version, jobs, by_name=by_name, items=items)

    def _encode(self, job: JobSummary) -> bytes:
        known = self._encoded.get(job.name)
        if known is not None and known[0] == job:
            return known[1]
        # What orjson returns holds far more memory than its length.
        return bytes(memoryview(orjson.dumps(job_item(job))))

    def _current(self) -> View:
        if self._view is None:
            message = "the board was read before it was filled"
            raise RuntimeError(message)
        return self._view

    def _remembered(self, error: UnknownError) -> View:
        age = self._clock.monotonic() - self._polled_at
        if self._snapshot is None or age > self._stale_for:
            raise error
        return evolve(self._build(self._snapshot), stale=True)

    def _remember_detail(self, name: FrameworkName, attempt: int | None, status: JobStatus) -> None:
        self._details.pop((name, attempt), None)
        while len(self._details) >= _REMEMBERED_DETAILS:
            del self._details[next(iter(self._details))]
        self._details[name, attempt] = (self._clock.monotonic(), status)

    def _remembered_detail(
        self, name: FrameworkName, attempt: int | None, error: UnknownError
    ) -> Detail:
        at, status = self._details.get((name, attempt), (float("-inf"), None))
        if status is not None and self._clock.monotonic() - at <= self._stale_for:
            return Detail(status, stale=True)
        added = self.overlay.find(name)
        if added is None or attempt is not None:
            raise error
        return Detail(JobStatus(summary=added), stale=True)

    async def _tell(self, before: View | None, after: View) -> None:
        if not self._observers or before is None:
            return
        for job in after.jobs:
            known = before.by_name.get(job.name)
            was: JobState | None = None if known is None else known.state
            if was is not job.state:
                await self._observers.job_changed(JobChanged(was, job))
