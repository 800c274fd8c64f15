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
from collections.abc import Iterable
from typing import Final

import anyio
from attrs import evolve, frozen

from jobyard.clock import Clock
from jobyard.domain.job import FrameworkName
from jobyard.domain.states import JobState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import BackendError, NotFound, UnknownError
from jobyard.resilience import Guarded, rejected
from jobyard.seams.observer import JobChanged
from jobyard.seams.scheduling import Scheduler, Snapshot
from jobyard.services.listing import View
from jobyard.services.memory import Changes, Memory
from jobyard.services.observers import Observers
from jobyard.services.ordering import Key, Order
from jobyard.services.overlay import Overlay
from jobyard.services.roster import Change, Roster

_REMEMBERED_DETAILS: Final = 256
_KEPT_EVENTS: Final = 10_000
"""Changes that wait for slow observers at most; the oldest are given up first."""

_Attempt = tuple[FrameworkName, int | None]


@frozen
class Detail:
    """Be one job whole; ``stale`` when the cluster does not answer."""

    status: JobStatus
    stale: bool = False


def _place(change: Change) -> Key:
    entry = change.now or change.was
    return () if entry is None else Order.NEWEST.key(entry.job)


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
        self.overlay: Final = Overlay()
        self._roster = Roster(self.overlay)

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
        await self.view()
        entry = self._roster.entries.get(name)
        return None if entry is None else entry.job

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
            snapshot = await self._scheduling.call(
                "jobs", lambda scheduler: scheduler.jobs(), idempotent=True
            )
        except BackendError as error:
            raise rejected(error) from error
        return await self._roster.recognised(snapshot)

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
        known = self._view
        if known is not None and basis == self._basis:
            return known
        self._basis = basis
        changes = self._roster.take(snapshot)
        if changes:
            self._settle_details()
        if known is not None:
            self._note_changes(changes)
            if not any(change.listed for change in changes):
                return known
        self._versions += 1
        self._view = View(f"{self._era}.{self._versions}", self._roster.orders)
        return self._view

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

    def _settle_details(self) -> None:
        """Forget the details of jobs that are no more, or have a successor of their name.

        What a list shows otherwise by now is asked for anew: the two tell the same.
        """
        entries = self._roster.entries

        def gone(key: _Attempt, detail: Detail) -> bool:
            entry = entries.get(key[0])
            return entry is None or entry.job.submission != detail.status.summary.submission

        def old(key: _Attempt, detail: Detail) -> bool:
            entry = entries.get(key[0])
            return entry is None or entry.job != detail.status.summary

        self._details.forget(gone)
        self._details.doubt(old)

    def _note_changes(self, changes: Iterable[Change]) -> None:
        """Note, for the observers, whose state is another; telling them may take long."""
        if not self._observers:
            return
        for change in sorted(changes, key=_place):
            was: JobState | None = None if change.was is None else change.was.job.state
            if change.now is not None and was is not change.now.job.state:
                self._events.append(JobChanged(was, change.now.job))
