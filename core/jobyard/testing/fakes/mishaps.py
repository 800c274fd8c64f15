"""What goes wrong with a fake cluster's calls, as a test says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint
from attrs import define, field

from jobyard.errors import Unavailable
from jobyard.seams.scheduling import NotSent

ANY = "any call"
"""Stand for whichever call comes next."""


@define
class Mishaps:
    """Keep what is to go wrong; everything is used up once, but for ``down``.

    ``calls`` counts the calls by their names. While ``down``, nothing arrives: a submission
    raises ``NotSent`` and everything else ``Unavailable``.
    """

    down: bool = False
    calls: Counter[str] = field(factory=Counter)
    gates: dict[str, anyio.Event] = field(factory=dict)
    _before: defaultdict[str, list[BaseException]] = field(factory=lambda: defaultdict(list))
    _after: defaultdict[str, list[BaseException]] = field(factory=lambda: defaultdict(list))

    def fail_next(self, error: BaseException, *, on: str = ANY) -> None:
        """Raise an error at the next call, of that name, before it does anything."""
        self._before[on].append(error)

    def lose_next(self, error: BaseException, *, on: str = ANY) -> None:
        """Raise an error after the next call, of that name, has done everything."""
        self._after[on].append(error)

    def hold(self, call: str) -> anyio.Event:
        """Keep calls of a name waiting until the event that is given here is set."""
        return self.gates.setdefault(call, anyio.Event())

    @asynccontextmanager
    async def call(self, name: str) -> AsyncIterator[None]:
        """Be around what a call does."""
        self.calls[name] += 1
        await checkpoint()
        if name in self.gates:
            await self.gates[name].wait()
        if self.down:
            message = "the cluster cannot be reached"
            raise NotSent(message) if name == "submit" else Unavailable(message)
        _raise_first(self._before, name)
        yield
        _raise_first(self._after, name)


def _raise_first(errors: defaultdict[str, list[BaseException]], name: str) -> None:
    for key in (name, ANY):
        if errors[key]:
            raise errors[key].pop(0)
