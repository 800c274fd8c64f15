"""What this gateway knows of jobs before the cluster shows it: read your writes."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobSummary

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

    def added(self, job: JobSummary) -> None:
        """Show a job that was accepted."""
        self._added[job.name] = job
        self.revision += 1

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
        self.revision += 1

    def undone(self, name: FrameworkName, submission: SubmissionId) -> None:
        """Stop showing a job that was not accepted after all."""
        if self._forget(name, submission):
            self.revision += 1

    def wanted(self, job: JobSummary, kind: ExecutionType) -> None:
        """Show the execution type that was asked for."""
        self._wanted[job.name, job.submission] = kind
        self.revision += 1

    def elsewhere(self, jobs: Iterable[JobSummary]) -> None:
        """Show the jobs that another scheduler was given before: they can be read alone."""
        self._elsewhere = {job.name: job for job in jobs}
        self.revision += 1

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

    def apply(self, jobs: Iterable[JobSummary], *, complete: bool = True) -> list[JobSummary]:
        """Lay this over what the cluster shows, and drop what it shows by itself now.

        ``complete`` is false where the cluster could not show everything: what it does not show
        may still be there then.
        """
        shown = {job.name: job for job in jobs}
        self._settle(shown, complete=complete)
        visible = {name: seen for name, job in shown.items() if (seen := self.over(job))}
        for name in (*self._added, *self._elsewhere):
            if name not in visible and (job := self.find(name)) is not None:
                visible[name] = job
        return list(visible.values())

    def _settle(self, shown: dict[FrameworkName, JobSummary], *, complete: bool) -> None:
        for name, job in list(self._added.items()):
            if name in shown and self._is_shown(job, shown[name]):
                del self._added[name]
        incarnations = {(job.name, job.submission): job for job in shown.values()}
        if complete:
            still = {key for key, job in incarnations.items() if self._hides(job)}
            self._removed = {key: at for key, at in self._removed.items() if key in still}
        for key, kind in list(self._wanted.items()):
            name, submission = key
            waiting = self._added.get(name)
            if key in incarnations:
                settled = incarnations[key].execution_type is kind
            else:
                settled = complete and (waiting is None or waiting.submission != submission)
            if settled:
                del self._wanted[key]

    def _is_shown(self, job: JobSummary, by: JobSummary) -> bool:
        """Tell whether what the cluster shows is the job, and not an older one of its name."""
        return not self._hides(by) and by.submission in (None, job.submission)

    def _hides(self, job: JobSummary) -> bool:
        """Tell whether a job that the cluster shows is one that was deleted here."""
        key = (job.name, job.submission)
        if key not in self._removed:
            return False
        return job.submission is not None or self._removed[key] in (None, job.created_at)

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
