"""Lists of jobs, as bytes: whole or in pages, of all or of some, made once for each version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import anyio
import anyio.lowlevel
import orjson
from attrs import field, frozen

from jobyard.domain.status import JobSummary
from jobyard.packing import Forms, Packed
from jobyard.services.ordering import Entry, Key, Order, Ordering
from jobyard.services.selection import Selection

_ROOM: Final = 16 * 1024 * 1024
"""Bytes of lists that are kept of one version, beside the whole one."""

_AT_A_STRETCH: Final = 2000
"""Entries that are joined before the event loop goes round."""


@frozen
class Query:
    """Ask for a list.

    ``after`` is the place in the order that the last page ended with, ``limit`` how many jobs a
    page has at most, ``fields`` what is wanted of each, all if empty.
    """

    chosen: Selection = field(factory=Selection)
    order: Order = Order.NEWEST
    reverse: bool = False
    fields: tuple[str, ...] = ()
    limit: int | None = None
    after: Key | None = None


EVERYTHING: Final = Query()


@frozen
class Page:
    """Be a list, and the place that it ended with where there is more."""

    packed: Packed
    end: Key | None = None


def _forms() -> Forms[Query, Page]:
    return Forms(most=256, room=_ROOM, size=lambda page: len(page.packed.body))


@frozen
class View:
    """Be all jobs at one version; ``stale`` when the cluster does not answer.

    It stays as it is, also while a newer one is made.
    """

    version: str
    orders: Mapping[Order, Ordering] = field(repr=False)
    stale: bool = False
    _whole: Forms[None, Packed] = field(
        factory=lambda: Forms(most=1), repr=False, eq=False, alias="whole"
    )
    _pages: Forms[Query, Page] = field(factory=_forms, repr=False, eq=False, alias="pages")
    _turn: anyio.Lock = field(factory=anyio.Lock, repr=False, eq=False, alias="turn")

    @property
    def jobs(self) -> tuple[JobSummary, ...]:
        """Give the jobs, newest first."""
        return tuple(entry.job for entry in self.orders[Order.NEWEST])

    def whole(self) -> Packed:
        """Give the JSON array of all jobs, newest first."""
        entries = self.orders[Order.NEWEST]
        return self._whole.get(None, lambda: Packed(_array([entry.item for entry in entries])))

    async def page(self, query: Query) -> Page:
        """Give a list; it is made once for all who read this version, if there is room."""
        if query == EVERYTHING:
            return Page(self.whole())
        limit = query.limit
        if limit is not None:
            return self._pages.get(query, lambda: self._limited(query, limit))
        known = self._pages.known(query)
        if known is not None:
            return known
        # Long ones one after the other: they take the loop in turns with everybody else.
        async with self._turn:
            known = self._pages.known(query)
            if known is not None:
                return known
            return self._pages.keep(query, await self._long(query))

    def _walk(self, query: Query) -> Iterator[Entry]:
        ordering = self.orders[query.order]
        return ordering.walk(query.chosen, after=query.after, reverse=query.reverse)

    def _limited(self, query: Query, limit: int) -> Page:
        found = list(islice(self._walk(query), limit + 1))
        entries = found[:limit]
        end = query.order.key(entries[-1].job) if len(found) > limit else None
        return Page(Packed(_array([_item(entry, query.fields) for entry in entries])), end)

    async def _long(self, query: Query) -> Page:
        walk = self._walk(query)
        items: list[bytes] = []
        while piece := list(islice(walk, _AT_A_STRETCH)):
            items += (_item(entry, query.fields) for entry in piece)
            await anyio.lowlevel.checkpoint()
        return Page(Packed(_array(items)))


def _array(items: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(items)


def _item(entry: Entry, fields: tuple[str, ...]) -> bytes:
    if not fields:
        return entry.item
    item = orjson.loads(entry.item)
    return orjson.dumps({name: item[name] for name in fields if name in item})
