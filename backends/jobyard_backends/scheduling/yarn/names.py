"""One change of a name at a time: looking first and then putting is not one step there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import anyio

from jobyard.domain.job import FrameworkName


class Names:
    """Let changes of one name wait for one another.

    Between gateways the journal sees to it, which holds each name for one of them.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[FrameworkName, anyio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def alone(self, name: FrameworkName) -> AsyncIterator[None]:
        """Keep every other change of a name out meanwhile."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks.setdefault(name, anyio.Lock())
        async with lock:
            yield
