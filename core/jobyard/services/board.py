"""The board: every job that the cluster knows, ready to be answered.

Fed by one coalesced poll at most every ``max_age`` seconds, whatever the number of readers. What
this gateway accepted, stopped or deleted shows at once, whatever the cluster shows yet. While
the cluster does not answer, what is remembered is given for ``stale_for`` seconds.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

import anyio
import orjson
from attrs import evolve, field, frozen

from jobyard.clock import Clock
from jobyard.domain.job import FrameworkName
from jobyard.domain.states import JobState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import BackendError, NotFound, UnknownError
from jobyard.packing import Packed
from jobyard.resilience import Guarded, rejected
from jobyard.seams.observer import JobChanged
from jobyard.seams.scheduling import Scheduler, Snapshot
from jobyard.services.observers import Observers
from jobyard.services.overlay import Overlay
from jobyard.wire.answers import job_item

_REMEMBERED_DETAILS: Final = 256
_REMEMBERED_LISTS: Final = 64
"""Lists of submitters whose bytes are kept until the next version."""
_KEPT_EVENTS: Final = 10_000
"""Changes that wait for slow observers at most; the oldest are given up first."""


@frozen
class View:
    """Be all jobs at one version, newest first; ``stale`` when the cluster does not answer."""

    version: str
    jobs: tuple[JobSummary, ...]
    stale: bool = False
    by_name: dict[FrameworkName, JobSummary] = field(factory=dict, repr=False)
    items: tuple[bytes, ...] = field(default=(), repr=False)
    _packed: dict[str | None, Packed] = field(factory=dict, init=False, repr=False, eq=False)

    def packed(self, username: str | None = None) -> Packed:
        """Give the JSON array of the jobs, or of those of one submitter.

        It is made once, for all who read this version.
        """
        known = self._packed.get(username)
        if known is None:
            known = Packed(b"[" + b",".join(self._items_of(username)) + b"]")
            if len(self._packed) < _REMEMBERED_LISTS:
                self._packed[username] = known
        return known

    def _items_of(self, username: str | None) -> Iterable[bytes]:
        if username is None:
            return self.items
        pairs = zip(self.jobs, self.items, strict=True)
        return (item for job, item in pairs if job.username == username)


@frozen
class Detail:
    """Be one job whole; ``stale`` when the cluster does not answer."""

    status: JobStatus
    stale: bool = False


def _newest_first(jobs: Iterable[JobSummary]) -> tuple[JobSummary, ...]:
    return tuple(sorted(jobs, key=lambda job: (-(job.created_at or 0), str(job.name))))


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
        self._basis: tuple[str, int] | None = None
        self._era = secrets.token_hex(4)
        self._changes = 0
        self._events: deque[JobChanged] = deque(maxlen=_KEPT_EVENTS)
        self._encoded: dict[FrameworkName, tuple[JobSummary, bytes]] = {}
        self._details: dict[tuple[FrameworkName, int | None], tuple[float, JobStatus]] = {}
        self.overlay: Final = Overlay()

    def touch(self) -> None:
        """Say that something changed in the cluster: the next reader asks it."""
        self._dirty = True

    async def view(self) -> View:
        """Give all jobs.

        Raises:
            UnknownError: The cluster does not answer, and nothing fresh enough is remembered.
        """
        if self._fresh():
            return self._current()
        async with self._lock:
            if not self._fresh():
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
            return self._only_here(name, attempt)
        except UnknownError as error:
            return self._remembered_detail(name, attempt, error)
        except BackendError as error:
            return self._remembered_detail(name, attempt, rejected(error))
        self._remember_detail(name, attempt, status)
        return self._overlaid(Detail(status), attempt)

    async def watch(self) -> None:
        """Poll for ever, and tell the observers of changes, which nobody waits for."""
        while True:
            with contextlib.suppress(UnknownError):
                await self.view()
            while self._events:
                await self._observers.job_changed(self._events.popleft())
            await anyio.sleep(max(self._max_age, 0.2))

    def _fresh(self) -> bool:
        age = self._clock.monotonic() - self._polled_at
        return self._snapshot is not None and not self._dirty and age < self._max_age

    async def _poll(self) -> None:
        self._dirty = False
        try:
            self._snapshot = await self._scheduling.call(
                "jobs", lambda scheduler: scheduler.jobs(), idempotent=True
            )
        except BackendError as error:
            self._dirty = True
            raise rejected(error) from error
        except BaseException:
            self._dirty = True
            raise
        self._polled_at = self._clock.monotonic()

    def _current(self) -> View:
        """Give the view, made anew where the cluster or this gateway has something new."""
        snapshot = self._snapshot
        if snapshot is None:
            message = "the board was read before it was filled"
            raise RuntimeError(message)
        basis = (snapshot.version, self.overlay.revision)
        if self._view is None or basis != self._basis:
            before, self._view = self._view, self._build(snapshot)
            self._basis = basis
            self._note_changes(before, self._view)
        return self._view

    def _build(self, snapshot: Snapshot[JobSummary]) -> View:
        seen = self.overlay.apply(snapshot.items, complete=snapshot.complete)
        jobs = _newest_first(seen)
        by_name = {job.name: job for job in jobs}
        self._encoded = {job.name: (job, self._encode(job)) for job in jobs}
        items = tuple(self._encoded[job.name][1] for job in jobs)
        if self._view is None or items != self._view.items:
            self._changes += 1
        self._forget_details(by_name)
        return View(f"{self._era}.{self._changes}", jobs, by_name=by_name, items=items)

    def _encode(self, job: JobSummary) -> bytes:
        known = self._encoded.get(job.name)
        if known is not None and (known[0] is job or known[0] == job):
            return known[1]
        # What orjson returns holds far more memory than its length.
        return bytes(memoryview(orjson.dumps(job_item(job))))

    def _remembered(self, error: UnknownError) -> View:
        age = self._clock.monotonic() - self._polled_at
        if self._snapshot is None or age > self._stale_for:
            raise error
        return evolve(self._current(), stale=True)

    def _only_here(self, name: FrameworkName, attempt: int | None) -> Detail | None:
        known = self.overlay.find(name)
        return None if known is None or attempt else Detail(JobStatus(summary=known))

    def _overlaid(self, detail: Detail, attempt: int | None) -> Detail | None:
        cluster = detail.status.summary
        seen = self.overlay.over(cluster)
        if seen is None or seen.submission != cluster.submission:
            return self._only_here(cluster.name, attempt)
        if seen is cluster:
            return detail
        return evolve(detail, status=evolve(detail.status, summary=seen))

    def _remember_detail(self, name: FrameworkName, attempt: int | None, status: JobStatus) -> None:
        self._details.pop((name, attempt), None)
        while len(self._details) >= _REMEMBERED_DETAILS:
            del self._details[next(iter(self._details))]
        self._details[name, attempt] = (self._clock.monotonic(), status)

    def _forget_details(self, jobs: Mapping[FrameworkName, JobSummary]) -> None:
        """Forget the details of jobs that are no more, or have a successor of their name."""
        for name, attempt in list(self._details):
            _, status = self._details[name, attempt]
            job = jobs.get(name)
            if job is None or job.submission != status.summary.submission:
                del self._details[name, attempt]

    def _remembered_detail(
        self, name: FrameworkName, attempt: int | None, error: UnknownError
    ) -> Detail | None:
        at, status = self._details.get((name, attempt), (float("-inf"), None))
        if status is not None and self._clock.monotonic() - at <= self._stale_for:
            return self._overlaid(Detail(status, stale=True), attempt)
        known = self._only_here(name, attempt)
        if known is None:
            raise error
        return evolve(known, stale=True)

    def _note_changes(self, before: View | None, after: View) -> None:
        """Note, for the observers, whose state is another; telling them may take long."""
        if not self._observers or before is None:
            return
        for job in after.jobs:
            known = before.by_name.get(job.name)
            was: JobState | None = None if known is None else known.state
            if was is not job.state:
                self._events.append(JobChanged(was, job))
