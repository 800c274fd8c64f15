"""How a running job is told to end: at its owner's request, or because it has to."""

from __future__ import annotations

from typing import Final

import anyio
from attrs import field, frozen, mutable

from jobyard.domain.status import AttemptExit, ExitType

PREEMPTED: Final = -7120
"""The exit code of a job that had to make room for another virtual cluster; transient."""

RAN_TOO_LONG: Final = -7130
"""The exit code of a job that ran longer than it said; non-transient."""


@frozen
class Cut:
    """Be why a job is ended although nobody asked for it."""

    code: int
    told: AttemptExit


def ran_too_long(runs: int) -> Cut:
    """End a job that ran longer than so many milliseconds, which it said were the most."""
    message = (
        f"The job was stopped because it ran longer than {runs // 1000} s, "
        "its extras.maxRunSeconds."
    )
    return Cut(RAN_TOO_LONG, AttemptExit(ExitType.NON_TRANSIENT, message))


def preempted(cluster: str) -> Cut:
    """End a job of a virtual cluster that borrows, so that another gets its share."""
    message = (
        f"The job was stopped to give back what virtual cluster {cluster} had borrowed; "
        "it starts again when there is room."
    )
    return Cut(PREEMPTED, AttemptExit(ExitType.TRANSIENT_NORMAL, message))


@mutable(eq=False)
class Halt:
    """Be the word to end; ``cut`` is why, unless it was asked for, as its record says then."""

    cut: Cut | None = None
    _told: anyio.Event = field(factory=anyio.Event)

    @property
    def told(self) -> bool:
        """Tell whether the word was given."""
        return self._told.is_set()

    def give(self, cut: Cut | None = None) -> None:
        """Give the word; the first reason stays."""
        if cut is not None and not self.told:
            self.cut = cut
        self._told.set()

    async def wait(self) -> None:
        """Return when the word was given."""
        await self._told.wait()
