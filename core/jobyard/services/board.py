"""The board: every job that the cluster knows, ready to be answered.

Fed by one coalesced poll at most every ``max_age`` seconds, whatever the number of readers; a
detail is asked for as rarely. What this gateway accepted, stopped or deleted shows at once, whatever
the cluster shows yet. While the cluster does not answer, what is remembered is given for
``stale_for`` seconds.
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
from jobyard.packing import Forms, Packed
from jobyard.resilience import Guarded, rejected
from jobyard.seams.observer import JobChanged
from jobyard.seams.scheduling import Scheduler, Snapshot
from jobyard.services.memory import Changes, Memory
from jobyard.services.observers import Observers
from jobyard.services.overlay import Overlay
from jobyard.wire.answers import job_item

_REMEMBERED_DETAILS: Final = 256
_KEPT_EVENTS: Final = 10_000
"""Changes that wait for slow observers at most; the oldest are given up first."""


def _detail_forms() -> Forms:
    return Forms(most=4, largest=256 * 1024)


_Attempt = tuple[FrameworkName, int | None]


@frozen
class View:
    """Be all jobs at one version, newest first; ``stale`` when the cluster does not answer."""

    version: str
    jobs: tuple[JobSummary, ...]
    stale: bool = False
    by_name: dict[FrameworkName, JobSummary] = field(factory=dict, repr=False)
    items: tuple[bytes, ...] = field(default=(), repr=False)
    forms: Forms = field(factory=Forms, repr=False, eq=False)

    def packed(self, username: str | None = None) -> Packed:
        """Give the JSON array of the jobs, or of those of one submitter.

        It is made once, for all who read this version.
        """
        return self.forms.get(username, lambda: b"[" + b",".join(self._items_of(username)) + b"]")

    def _items_of(self, username: str | None) -> Iterable[bytes]:
        if username is None:
            return self.items
        pairs = zip(self.jobs, self.items, strict=True)
        return (item for job, item in pairs if job.username == username)


@frozen
class Detail:
    """Be one job whole; ``stale`` when the cluster does not answer.

    ``forms`` are its encoded forms, one for each address by which callers know the gateway.
    """

    status: JobStatus
    stale: bool = False
    forms: Forms = field(factory=_detail_forms, repr=False, eq=False)


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
        changes: Changes | None = None,
    ) -> None:
        self._scheduling = scheduling
        self._max_age = max_age
        self._observers = observers or Observers()
        self._changes = changes or Changes()
        self._snapshots = Memory[None, Snapshot[JobSummary]](
            clock, self._changes, max_age=max_age, stale_for=stale_for
        )
        self._details = Memory[_Attempt, Detail](
            clock, self._changes, max_age=max_age, stale_for=stale_for, most=_REMEMBERED_DETAILS
        )
        self._view: View | None = None
        self._basis: tuple[str, int] | None = None
        self._era = secrets.token_hex(4)
        self._versions = 0
        self._events: deque[JobChanged] = deque(maxlen=_KEPT_EVENTS)
        self._encoded: dict[FrameworkName, tuple[JobSummary, bytes]] = {}
        self.overlay: Final = Overlay()

    def touch(self) -> None:
        """Say that something changed in the cluster: the next reader asks it."""
        self._changes.note()

    async def view(self) -> View:
        """Give all jobs.

        Raises:
            UnknownError: The cluster does not answer, and nothing fresh enough is remembered.
        """
        fresh = self._snapshots.fresh(None)
        if fresh is not None:
            return self._seen(fresh)
        recalled = await self._snapshots.get(None, self._poll)
        view = self._seen(recalled.value)
        return evolve(view, stale=True) if recalled.stale else view

    async def find(self, name: FrameworkName) -> JobSummary | None:
        """Give one job's summary, or ``None``."""
        return (await self.view()).by_name.get(name)

    async def detail(self, name: FrameworkName, attempt: int | None = None) -> Detail | None:
        """Give one job whole, or ``None`` where there is none."""
        key = (name, attempt)
        fresh = self._details.fresh(key)
        if fresh is not None:
            return self._overlaid(fresh, attempt)
        try:
            recalled = await self._details.get(key, lambda: self._ask(name, attempt))
        except NotFound:
            return self._only_here(name, attempt)
        except UnknownError:
            known = self._only_here(name, attempt)
            if known is None:
                raise
            return evolve(known, stale=True)
        detail = recalled.value
        return self._overlaid(evolve(detail, stale=True) if recalled.stale else detail, attempt)

    async def watch(self) -> None:
        """Poll for ever, and tell the observers of changes, which nobody waits for."""
        while True:
            with contextlib.suppress(UnknownError):
                await self.view()
            while self._events:
                await self._observers.job_changed(self._events.popleft())
            await anyio.sleep(max(self._max_age, 0.2))

    async def _poll(self) -> Snapshot[JobSummary]:
        try:
            return await self._scheduling.call(
                "jobs", lambda scheduler: scheduler.jobs(), idempotent=True
            )
        except BackendError as error:
            raise rejected(error) from error

    async def _ask(self, name: FrameworkName, attempt: int | None) -> Detail:
        try:
            status = await self._scheduling.call(
                "job", lambda scheduler: scheduler.job(name, attempt), idempotent=True
            )
        except NotFound:
            raise
        except BackendError as error:
            raise rejected(error) from error
        return Detail(status)

    def _seen(self, snapshot: Snapshot[JobSummary]) -> View:
        """Give the view, made anew where the cluster or this gateway has something new."""
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
            self._versions += 1
        self._settle_details(by_name)
        return View(f"{self._era}.{self._versions}", jobs, by_name=by_name, items=items)

    def _encode(self, job: JobSummary) -> bytes:
        known = self._encoded.get(job.name)
        if known is not None and (known[0] is job or known[0] == job):
            return known[1]
        # What orjson returns holds far more memory than its length.
        return bytes(memoryview(orjson.dumps(job_item(job))))

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
        return Detail(evolve(detail.status, summary=seen), stale=detail.stale)

    def _settle_details(self, jobs: Mapping[FrameworkName, JobSummary]) -> None:
        """Forget the details of jobs that are no more, or have a successor of their name.

        What a list shows otherwise by now is asked for anew: the two tell the same.
        """

        def gone(key: _Attempt, detail: Detail) -> bool:
            job = jobs.get(key[0])
            return job is None or job.submission != detail.status.summary.submission

        def old(key: _Attempt, detail: Detail) -> bool:
            return jobs.get(key[0]) != detail.status.summary

        self._details.forget(gone)
        self._details.doubt(old)

    def _note_changes(self, before: View | None, after: View) -> None:
        """Note, for the observers, whose state is another; telling them may take long."""
        if not self._observers or before is None:
            return
        for job in after.jobs:
            known = before.by_name.get(job.name)
            was: JobState | None = None if known is None else known.state
            if was is not job.state:
                self._events.append(JobChanged(was, job))
