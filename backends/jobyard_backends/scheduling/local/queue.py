"""Who waits, in lines that are kept sorted, so that a look at them costs nothing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterator, Mapping, Sequence

from attrs import frozen

from jobyard_backends.scheduling.local.decisions import Need


@frozen
class Line:
    """Be the first so many of a line; it holds until the line changes."""

    needs: Sequence[Need]
    end: int
    without: Collection[str]

    def __iter__(self) -> Iterator[Need]:
        for place in range(self.end):
            need = self.needs[place]
            if need.key not in self.without:
                yield need


class Queue:
    """Keep one line for each virtual cluster.

    A job whose time has not come, as in the back-off of a retry, stands behind all whose has.
    """

    def __init__(self) -> None:
        self._needs: dict[str, Need] = {}
        self._lines: dict[str, list[Need]] = {}

    def __len__(self) -> int:
        return len(self._needs)

    def __iter__(self) -> Iterator[Need]:
        return iter(self._needs.values())

    def put(self, need: Need) -> None:
        """Have a job wait, or wait elsewhere."""
        if self._needs.get(need.key) == need:
            return
        self.discard(need.key)
        self._needs[need.key] = need
        insort(self._lines.setdefault(need.cluster, []), need, key=_order)

    def discard(self, key: str) -> None:
        """Have a job wait no longer, if it does."""
        need = self._needs.pop(key, None)
        if need is not None:
            line = self._lines[need.cluster]
            del line[bisect_left(line, need.order, key=_order)]
            if not line:
                del self._lines[need.cluster]

    def lines(self, now: int, without: Collection[str] = ()) -> Mapping[str, Line]:
        """Give the lines of those whose time has come, without some, which had better be few."""
        due = {name: _due(line, now) for name, line in self._lines.items()}
        return {
            name: Line(line, due[name], without) for name, line in self._lines.items() if due[name]
        }

    def position(self, need: Need, without: Collection[str] = ()) -> int:
        """Give the place of a job in its line, from 1, some others not counted."""
        place = bisect_left(self._lines.get(need.cluster, []), need.order, key=_order)
        return 1 + place - sum(1 for each in self._apart(need.cluster, without) if each < place)

    def lengths(self, without: Collection[str] = ()) -> Mapping[str, int]:
        """Count who waits in each line, some others and those in back-off included."""
        return {
            name: len(line) - len(self._apart(name, without)) for name, line in self._lines.items()
        }

    def _apart(self, cluster: str, without: Collection[str]) -> list[int]:
        needs = (self._needs[key] for key in without if key in self._needs)
        line = self._lines.get(cluster, [])
        return [bisect_left(line, n.order, key=_order) for n in needs if n.cluster == cluster]

    def next_due(self, now: int) -> int | None:
        """Give when the time of the next one comes, in milliseconds; ``None`` for never."""
        coming = ((line, _due(line, now)) for line in self._lines.values())
        return min((line[end].since for line, end in coming if end < len(line)), default=None)


def _due(line: Sequence[Need], now: int) -> int:
    return bisect_left(line, (now + 1, ""), key=_order)


def _order(need: Need) -> tuple[int, str]:
    return need.order
