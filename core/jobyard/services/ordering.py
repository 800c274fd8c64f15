"""Jobs in an order, in blocks: a change costs its block, and a page what is on it.

Neither an ordering nor a block ever changes; a new ordering shares with the old one the blocks in
which nothing has changed. So whoever reads one may take as long as it takes.
"""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Final

from attrs import define, field, frozen

from jobyard.domain.status import JobSummary
from jobyard.services.selection import Selection

Key = tuple[str | int, ...]
"""A job's place in an order; no two jobs have the same."""

BLOCK: Final = 512
"""Entries of a block; one that has come to twice as many is cut."""

_REBUILD: Final = 25
"""With more than one change for so many entries, all are sorted anew: it costs less."""


@define(eq=False, weakref_slot=False)
class Entry:
    """Be a job as the board shows it, and its entry in lists, encoded."""

    job: JobSummary
    item: bytes = field(repr=False)


class Order(enum.Enum):
    """Be an order of jobs; each can be read from its other end."""

    NEWEST = "newest"
    NAME = "name"
    STATE = "state"

    def key(self, job: JobSummary) -> Key:
        """Give a job's place: in one state the newest comes first, at one time the full name counts."""
        return _KEYS[self](job)


def _by_name(job: JobSummary) -> Key:
    namespace = job.name.namespace
    return job.name.job, "" if namespace is None else f"~{namespace}"


def _newest(job: JobSummary) -> Key:
    return -(job.created_at or 0), str(job.name)


def _by_state(job: JobSummary) -> Key:
    return job.state.value, *_newest(job)


_KEYS: Final[Mapping[Order, Callable[[JobSummary], Key]]] = {
    Order.NEWEST: _newest,
    Order.NAME: _by_name,
    Order.STATE: _by_state,
}


@define(eq=False)
class Block:
    """Hold some entries in a row, and who of them has what, from when somebody selects by it.

    What is known of the entries is a number for each value, whose bits are their places.
    """

    entries: tuple[Entry, ...]

    @cached_property
    def _users(self) -> Mapping[str | None, int]:
        return _places(entry.job.username for entry in self.entries)

    @cached_property
    def _clusters(self) -> Mapping[str | None, int]:
        return _places(entry.job.virtual_cluster for entry in self.entries)

    @cached_property
    def _states(self) -> Mapping[str | None, int]:
        return _places(entry.job.state for entry in self.entries)

    @cached_property
    def _names(self) -> str:
        return "\n".join(entry.job.name.job for entry in self.entries)

    @cached_property
    def _times(self) -> tuple[int, int] | None:
        times = [entry.job.created_at for entry in self.entries]
        known = [each for each in times if each is not None]
        return (min(known), max(known)) if known else None

    def selected(self, chosen: Selection, places: int, *, reverse: bool) -> Iterator[Entry]:
        """Give the entries of a selection that are at some of the places."""
        if chosen.username is not None:
            places &= self._users.get(chosen.username, 0)
        if chosen.virtual_cluster is not None:
            places &= self._clusters.get(chosen.virtual_cluster, 0)
        if chosen.states:
            places &= sum(self._states.get(state, 0) for state in chosen.states)
        if not places or chosen.keyword not in self._names or not chosen.reaches(self._times):
            return
        slow = bool(chosen.keyword) or chosen.timed
        for place in _backwards(places) if reverse else _forwards(places):
            entry = self.entries[place]
            if not slow or chosen.fits(entry.job):
                yield entry


def _places(values: Iterable[str | None]) -> Mapping[str | None, int]:
    found: dict[str | None, int] = {}
    for place, value in enumerate(values):
        found[value] = found.get(value, 0) | 1 << place
    return found


def _forwards(places: int) -> Iterator[int]:
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


def _backwards(places: int) -> Iterator[int]:
    while places:
        place = places.bit_length() - 1
        yield place
        places ^= 1 << place


@frozen(eq=False)
class Ordering:
    """Hold entries in an order; ``firsts`` are the places of the blocks' first entries."""

    order: Order
    blocks: tuple[Block, ...] = ()
    firsts: tuple[Key, ...] = ()

    def __iter__(self) -> Iterator[Entry]:
        return chain.from_iterable(block.entries for block in self.blocks)

    def changed(self, gone: Collection[Entry], come: Collection[Entry]) -> Ordering:
        """Give the ordering without some of its entries, and with some others."""
        if (len(gone) + len(come)) * _REBUILD > len(self.blocks) * BLOCK:
            return self._rebuilt(gone, come)
        drafts: dict[int, list[Entry]] = {}
        for entry in gone:
            key = self.order.key(entry.job)
            draft = self._draft(drafts, key)
            del draft[bisect_left(draft, key, key=self._key)]
        for entry in come:
            key = self.order.key(entry.job)
            draft = self._draft(drafts, key)
            draft.insert(bisect_left(draft, key, key=self._key), entry)
        return self._assembled(drafts)

    def walk(
        self, chosen: Selection, *, after: Key | None = None, reverse: bool = False
    ) -> Iterator[Entry]:
        """Give the entries of a selection, from behind a place on, which may be anybody's."""
        at, places = self._start(after, reverse=reverse)
        blocks = self.blocks[at::-1] if reverse else self.blocks[at:]
        for block in blocks:
            everywhere = (1 << len(block.entries)) - 1
            yield from block.selected(chosen, everywhere & places, reverse=reverse)
            places = -1

    def _start(self, after: Key | None, *, reverse: bool) -> tuple[int, int]:
        """Give the first block to look at, and the places there that lie behind ``after``."""
        if after is None:
            return len(self.blocks) - 1 if reverse else 0, -1
        at = (bisect_left if reverse else bisect_right)(self.firsts, after) - 1
        if at < 0:
            return 0, 0 if reverse else -1
        entries = self.blocks[at].entries
        if reverse:
            return at, (1 << bisect_left(entries, after, key=self._key)) - 1
        return at, -1 << bisect_right(entries, after, key=self._key)

    def _key(self, entry: Entry) -> Key:
        return self.order.key(entry.job)

    def _draft(self, drafts: dict[int, list[Entry]], key: Key) -> list[Entry]:
        at = max(bisect_right(self.firsts, key) - 1, 0)
        if at not in drafts:
            drafts[at] = list(self.blocks[at].entries)
        return drafts[at]

    def _rebuilt(self, gone: Collection[Entry], come: Collection[Entry]) -> Ordering:
        without = set(map(id, gone))
        entries = [entry for entry in self if id(entry) not in without]
        entries += come
        entries.sort(key=self._key)
        return self._of([Block(tuple(piece)) for piece in _pieces(entries)])

    def _assembled(self, drafts: Mapping[int, Sequence[Entry]]) -> Ordering:
        blocks: list[Block] = []
        for at, block in enumerate(self.blocks):
            draft = drafts.get(at)
            if draft is None:
                blocks.append(block)
            elif not draft:
                continue
            elif blocks and len(draft) + len(blocks[-1].entries) <= BLOCK:
                blocks[-1] = Block((*blocks[-1].entries, *draft))
            else:
                whole = len(draft) <= 2 * BLOCK
                blocks += [Block(tuple(each)) for each in ([draft] if whole else _pieces(draft))]
        return self._of(blocks)

    def _of(self, blocks: Sequence[Block]) -> Ordering:
        firsts = tuple(self._key(block.entries[0]) for block in blocks)
        return Ordering(self.order, tuple(blocks), firsts)


def _pieces(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    return (entries[at : at + BLOCK] for at in range(0, len(entries), BLOCK))
