"""Every job as it is to be seen, in all orders; what changes is found without a look at the rest.

A poll gives all jobs. Those that are the very objects of the poll before are known not to have
changed, which is found out for 100,000 in milliseconds. Others are held against what was shown
under their name, a few at a time, and where they are equal, the object of before stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from operator import is_not
from typing import Final, TypeVar

import anyio.lowlevel
import orjson
from attrs import frozen

from jobyard.domain.job import FrameworkName
from jobyard.domain.status import JobSummary
from jobyard.seams.scheduling import Snapshot
from jobyard.services.ordering import Entry, Order, Ordering
from jobyard.services.overlay import Overlay
from jobyard.wire.answers import job_item

T = TypeVar("T")

_AT_A_STRETCH: Final = 500
"""Jobs that are compared or encoded before the event loop goes round."""


@frozen
class Change:
    """Be one job as it was seen and as it is; ``None`` where it was not, or is no more."""

    was: Entry | None
    now: Entry | None

    @property
    def listed(self) -> bool:
        """Tell whether lists show it."""
        return self.was is None or self.now is None or self.was.item != self.now.item


def difference(old: Sequence[T], new: Sequence[T]) -> tuple[list[T], list[T]]:
    """Give the objects that are in the old alone, and those that are in the new alone."""
    both = min(len(old), len(new))
    places = list(compress(range(both), map(is_not, old, new)))
    gone = [*(old[place] for place in places), *old[both:]]
    come = [*(new[place] for place in places), *new[both:]]
    moved = {*map(id, gone)} & {*map(id, come)}
    return _without(moved, gone), _without(moved, come)


def _without(moved: set[int], items: list[T]) -> list[T]:
    return [item for item in items if id(item) not in moved] if moved else items


def encode(job: JobSummary) -> bytes:
    """Encode a job's entry in lists."""
    # What orjson returns holds far more memory than its length.
    return bytes(memoryview(orjson.dumps(job_item(job))))


class Roster:
    """Hold the entries of all jobs; ``encode`` makes their bytes."""

    def __init__(self, overlay: Overlay, encode: Callable[[JobSummary], bytes] = encode) -> None:
        self._overlay = overlay
        self._encode = encode
        self._items: tuple[JobSummary, ...] = ()
        self._ahead: dict[FrameworkName, Entry] = {}
        self._apart: dict[FrameworkName, JobSummary | None] = {}
        """What the cluster shows, where that is not what is seen; all else is in the entries."""
        self._names = 0
        self.entries: dict[FrameworkName, Entry] = {}
        self.orders: Mapping[Order, Ordering] = {order: Ordering(order) for order in Order}

    async def recognised(self, snapshot: Snapshot[JobSummary]) -> Snapshot[JobSummary]:
        """Give a snapshot whose equal jobs are the objects of before; the others are made ready.

        The event loop goes round meanwhile.
        """
        items = snapshot.items
        others = list(compress(range(len(items)), map(is_not, self._items, items)))
        others += range(len(self._items), len(items))
        known = list(items)
        for count, place in enumerate(others, 1):
            known[place] = self._known(items[place])
            if count % _AT_A_STRETCH == 0:
                await anyio.lowlevel.checkpoint()
        return Snapshot(snapshot.version, snapshot.as_of, tuple(known), snapshot.complete)

    def take(self, snapshot: Snapshot[JobSummary]) -> Sequence[Change]:
        """Take in what the cluster shows and what this gateway knows beside; give what changed."""
        names = self._renew(snapshot.items)
        known_here = self._overlay.settle(self._shown, complete=snapshot.complete)
        changes = [change for name in (*names, *known_here) if (change := self._change(name))]
        self._ahead = {}
        self._apart = dict(self._apart)  # without the room that a large change has taken
        if changes:
            gone = [change.was for change in changes if change.was is not None]
            come = [change.now for change in changes if change.now is not None]
            self.orders = {
                order: ordering.changed(gone, come) for order, ordering in self.orders.items()
            }
        return changes

    def _shown(self, name: FrameworkName) -> JobSummary | None:
        """Give what the cluster shows under a name."""
        if name in self._apart:
            return self._apart[name]
        entry = self.entries.get(name)
        return None if entry is None else entry.job

    def _known(self, job: JobSummary) -> JobSummary:
        known = self._shown(job.name)
        if known is not None and (known is job or known == job):
            return known
        self._ahead[job.name] = Entry(job, self._encode(job))
        return job

    def _renew(self, items: tuple[JobSummary, ...]) -> Iterable[FrameworkName]:
        """Take over what the cluster shows, and give the names under which that is other."""
        gone, come = difference(self._items, items)
        self._items = items
        for job in gone:
            if self._shown(job.name) is job:
                self._apart[job.name] = None
                self._names -= 1
        for job in come:
            self._names += self._shown(job.name) is None
            self._apart[job.name] = job
        if self._names == len(items):
            return [job.name for job in (*come, *gone)]
        # A name came twice, against the seam's promise: the last counts, and all is looked at.
        shown = {job.name: job for job in items}
        self._names = len(shown)
        self._apart = {**dict.fromkeys({*self.entries, *self._apart}), **shown}
        return tuple(self._apart)

    def _change(self, name: FrameworkName) -> Change | None:
        """Have a name show what is to be seen under it."""
        was, shown = self.entries.get(name), self._shown(name)
        job = self._overlay.seen(name, shown)
        if job is shown:
            self._apart.pop(name, None)
        else:
            self._apart[name] = shown
        if job is None:
            return None if was is None else Change(self.entries.pop(name), None)
        if was is not None and (was.job is job or was.job == job):
            was.job = job
            return None
        now = self.entries[name] = self._entry(job)
        return Change(was, now)

    def _entry(self, job: JobSummary) -> Entry:
        ahead = self._ahead.get(job.name)
        if ahead is not None and ahead.job is job:
            return ahead
        return Entry(job, self._encode(job))
