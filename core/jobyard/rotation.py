"""Several servers of which one is active, and which one is remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import anyio

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


class Rotation:
    """Remember which of some addresses answered last, and go on to the next where one does not.

    ``patience`` is for how many seconds they are gone through again and again.
    """

    def __init__(self, addresses: Sequence[str], *, patience: float) -> None:
        self._addresses = tuple(addresses)
        self._patience = patience
        self._active = 0

    @property
    def active(self) -> str:
        """Give the address that is taken for the active one."""
        return self._addresses[self._active]

    async def turns(self) -> AsyncIterator[str]:
        """Give addresses, the active one first, again and again until time is over."""
        end = anyio.current_time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            for _ in self._addresses:
                yield self.active
            if anyio.current_time() + pause > end:
                return
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def leave(self, address: str) -> None:
        """Take the next for the active one, unless somebody did so already."""
        if self.active == address:
            self._active = (self._active + 1) % len(self._addresses)
