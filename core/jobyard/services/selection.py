"""Which jobs a list is about (contract, section 7, N)."""

from __future__ import annotations

from attrs import frozen

from jobyard.domain.states import JobState
from jobyard.domain.status import JobSummary


@frozen
class Selection:
    """Choose jobs by everything that is set; ``None`` or empty chooses by nothing.

    ``keyword`` is a part of the name, case included. ``after`` and ``before`` are milliseconds
    since the epoch and exclusive; a job whose time is not known lies in no time.
    """

    username: str | None = None
    virtual_cluster: str | None = None
    states: frozenset[JobState] = frozenset()
    keyword: str = ""
    after: int | None = None
    before: int | None = None

    @property
    def timed(self) -> bool:
        """Tell whether times matter."""
        return self.after is not None or self.before is not None

    def reaches(self, times: tuple[int, int] | None) -> bool:
        """Tell whether jobs of times from the first to the last may be chosen."""
        if not self.timed:
            return True
        if times is None:
            return False
        first, last = times
        return (self.after is None or last > self.after) and (
            self.before is None or first < self.before
        )

    def fits(self, job: JobSummary) -> bool:
        """Tell whether a job is chosen by its name and time."""
        if self.keyword not in job.name.job:
            return False
        at = job.created_at
        return not self.timed or (at is not None and self.reaches((at, at)))
