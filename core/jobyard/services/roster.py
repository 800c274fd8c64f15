"""Every job as it is to be seen, in all orders; what changes is found without a look at the rest.

A poll gives all jobs. Those that are the very objects of the poll before are known not to have
changed, which is found out for 100,000 in milliseconds. Others are held against what was shown
under their name, a few at a time, and where they are equal, the object of before stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        self._shown: dict[FrameworkName, JobSummary] = {}
        self._ahead: dict[FrameworkName, Entry] = {}
        self.entries: Final[dict[FrameworkName, Entry]] = {}
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
        names |= self._overlay.settle(self._shown, complete=snapshot.complete)
        changes = [change for name in names if (change := self._change(name))]
        self._ahead.clear()
        if changes:
            gone = [change.was for change in changes if change.was is not None]
            come = [change.now for change in changes if change.now is not None]
            self.orders = {
                order: ordering.changed(gone, come) for order, ordering in self.orders.items()
            }
        return changes

    def _known(self, job: JobSummary) -> JobSummary:
        known = self._shown.get(job.name)
        if known is not None and (known is job or known == job):
            return known
        self._ahead[job.name] = Entry(job, self._encode(job))
        return job

    def _renew(self, items: tuple[JobSummary, ...]) -> set[FrameworkName]:
        """Take over what the cluster shows, and give the names under which that is other."""
        gone, come = difference(self._items, items)
        self._items = items
        for job in gone:
            if self._shown.get(job.name) is job:
                del self._shown[job.name]
        self._shown.update((job.name, job) for job in come)
        if len(self._shown) == len(items):
            return {job.name for job in (*gone, *come)}
        # A name came twice, against the seam's promise: the last counts, and all is looked at.
        self._shown.clear()
        self._shown.update((job.name, job) for job in items)
        return {*self.entries, *self._shown}

    def _change(self, name: FrameworkName) -> Change | None:
        was, job = self.entries.get(name), self._overlay.seen(name, self._shown.get(name))
        if job is None:
            return None if was is None else Change(self.entries.pop(name), None)
        if was is not None and (was.job is job or was.job == job):
            return None
        now = self.entries[name] = self._entry(job)
        return Change(was, now)

    def _entry(self, job: JobSummary) -> Entry:
        ahead = self._ahead.get(job.name)
        if ahead is not None and ahead.job is job:
            return ahead
        return Entry(job, self._encode(job))
