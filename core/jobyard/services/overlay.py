"""What this gateway knows of jobs before the cluster shows it: read your writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve

from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary

Shown = Callable[[FrameworkName], JobSummary | None]
"""Give what the cluster shows under a name."""

_Incarnation = tuple[FrameworkName, SubmissionId | None]


class Overlay:
    """Hold what was accepted, stopped and deleted here; ``revision`` is raised by each change.

    Everything is kept by a job's submission too: what is known of one incarnation of a name says
    nothing of the next.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._added: dict[FrameworkName, JobSummary] = {}
        self._removed: dict[_Incarnation, int | None] = {}
        self._wanted: dict[_Incarnation, ExecutionType] = {}
        self._elsewhere: dict[FrameworkName, JobSummary] = {}
        self._touched: set[FrameworkName] = set()

    def added(self, job: JobSummary) -> None:
        """Show a job that was accepted."""
        self._added[job.name] = job
        self._touch(job.name)

    def removed(
        self,
        name: FrameworkName,
        submission: SubmissionId | None,
        created_at: int | None = None,
    ) -> None:
        """Hide a job that was deleted.

        Without a submission, as legacy jobs are, ``created_at`` tells it from the next of its name.
        """
        self._forget(name, submission)
        self._removed[name, submission] = created_at
        self._touch(name)

    def undone(self, name: FrameworkName, submission: SubmissionId) -> None:
        """Stop showing a job that was not accepted after all."""
        if self._forget(name, submission):
            self._touch(name)

    def wanted(self, job: JobSummary, kind: ExecutionType) -> None:
        """Show the execution type that was asked for."""
        self._wanted[job.name, job.submission] = kind
        self._touch(job.name)

    def elsewhere(self, jobs: Iterable[JobSummary]) -> None:
        """Show the jobs that another scheduler was given before: they can be read alone."""
        before, self._elsewhere = self._elsewhere, {job.name: job for job in jobs}
        self._touch(*before, *self._elsewhere)

    def find(self, name: FrameworkName) -> JobSummary | None:
        """Give a job that the cluster does not show yet, or another cluster has."""
        job = self._added.get(name) or self._elsewhere.get(name)
        return None if job is None else self._as_wanted(job)

    def waits(self, job: JobSummary) -> bool:
        """Tell whether a job that was accepted here is still not shown by the cluster."""
        known = self._added.get(job.name)
        return known is not None and known.submission == job.submission

    def over(self, job: JobSummary) -> JobSummary | None:
        """Give what is to be seen in place of a job that the cluster shows; ``None`` is nothing."""
        newer = self._added.get(job.name)
        if newer is not None and not self._is_shown(newer, job):
            return self._as_wanted(newer)
        if self._hides(job):
            return self.find(job.name)
        return self._as_wanted(job)

    def seen(self, name: FrameworkName, shown: JobSummary | None) -> JobSummary | None:
        """Give what is to be seen under a name, where the cluster shows this or nothing."""
        return self.find(name) if shown is None else self.over(shown)

    def settle(self, shown: Shown, *, complete: bool = True) -> set[FrameworkName]:
        """Drop what the cluster shows by itself now, and give the names that may look otherwise.

        They are those of which something is or was known here since the last call. ``complete``
        is false where the cluster could not show everything: what it does not show may still be
        there then.
        """
        names = {*self._touched, *self._added}
        names.update(name for name, _ in (*self._removed, *self._wanted))
        self._touched.clear()
        self._settle_added(shown)
        self._settle_removed(shown, complete=complete)
        self._settle_wanted(shown, complete=complete)
        return names

    def _settle_added(self, shown: Shown) -> None:
        for name, job in list(self._added.items()):
            by = shown(name)
            if by is not None and self._is_shown(job, by):
                del self._added[name]

    def _settle_removed(self, shown: Shown, *, complete: bool) -> None:
        if not complete:
            return
        for name, submission in list(self._removed):
            job = shown(name)
            if job is None or job.submission != submission or not self._hides(job):
                del self._removed[name, submission]

    def _settle_wanted(self, shown: Shown, *, complete: bool) -> None:
        for (name, submission), kind in list(self._wanted.items()):
            job, waiting = shown(name), self._added.get(name)
            if job is not None and job.submission == submission:
                settled = job.execution_type is kind
            else:
                settled = complete and (waiting is None or waiting.submission != submission)
            if settled:
                del self._wanted[name, submission]

    def _is_shown(self, job: JobSummary, by: JobSummary) -> bool:
        """Tell whether what the cluster shows is the job, and not an older one of its name."""
        return not self._hides(by) and by.submission in (None, job.submission)

    def _hides(self, job: JobSummary) -> bool:
        """Tell whether a job that the cluster shows is one that was deleted here."""
        key = (job.name, job.submission)
        if key not in self._removed:
            return False
        return job.submission is not None or self._removed[key] in (None, job.created_at)

    def _touch(self, *names: FrameworkName) -> None:
        self._touched.update(names)
        self.revision += 1

    def _forget(self, name: FrameworkName, submission: SubmissionId | None) -> bool:
        self._wanted.pop((name, submission), None)
        known = self._added.get(name)
        if known is None or known.submission != submission:
            return False
        del self._added[name]
        return True

    def _as_wanted(self, job: JobSummary) -> JobSummary:
        kind = self._wanted.get((job.name, job.submission), job.execution_type)
        return job if kind is job.execution_type else evolve(job, execution_type=kind)
