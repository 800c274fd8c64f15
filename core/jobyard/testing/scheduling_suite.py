"""What the rules of the scheduling seam share: the author's fixtures, and a trial of jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

import anyio
import pytest
from attrs import define, field

from jobyard.database.leadership import SqlLeadership
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, TaskRole
from jobyard.domain.states import ENDED, JobState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.errors import BackendError, NotFound
from jobyard.seams.context import Context
from jobyard.seams.provider import Seam
from jobyard.seams.scheduling import Reconciled, Removal, Scheduler
from jobyard.services.background import background
from jobyard.testing.jobs import OWNER, Commands, operation, role, submission
from jobyard.testing.subject import Subject
from jobyard.testing.supplied import Supplied

SchedulingSubject = Subject[Any]
"""A subject whose backend is a ``Scheduler``, and whatever its capabilities say."""

HUGE: Final = 1_000_000
"""CPU numbers that no node has."""

_LOOK_AGAIN: Final = 0.02


@define
class Trial:
    """Put jobs on a scheduler, wait for what becomes of them, and leave none behind.

    ``patience`` is in seconds, for each thing that is waited for.
    """

    scheduler: Scheduler
    commands: Commands
    patience: float
    _handed_over: dict[JobRef, None] = field(factory=dict)

    async def submitted(
        self,
        *roles: TaskRole,
        name: str | None = None,
        retry_count: int = 0,
        virtual_cluster: str = "default",
    ) -> JobSubmission:
        """Hand a new job over; without roles it has one task, which succeeds."""
        job = submission(
            *(roles or (role(self.commands.succeed),)),
            name=name,
            retry_count=retry_count,
            virtual_cluster=virtual_cluster,
        )
        await self.submit(job)
        return job

    async def submit(self, job: JobSubmission) -> None:
        """Hand a job over; whatever comes of it, it is gone after the test."""
        self._handed_over[job.ref] = None
        await self.scheduler.submit(job)

    def adopt(self, *jobs: JobSubmission) -> None:
        """Take over the jobs of an earlier trial, to delete them in the end."""
        self._handed_over |= dict.fromkeys(job.ref for job in jobs)

    async def running(self, *roles: TaskRole, name: str | None = None) -> JobSubmission:
        """Hand a new job over, and return when it runs; without roles it runs until stopped."""
        job = await self.submitted(*(roles or (role(self.commands.wait),)), name=name)
        await self.in_state(job, JobState.RUNNING)
        return job

    async def waiting(self, name: str | None = None) -> JobSubmission:
        """Hand a job over that waits, since no node could ever hold its task."""
        return await self.submitted(await self.oversized(), name=name)

    async def oversized(self) -> TaskRole:
        """Give a role whose task is larger than any node."""
        largest = max((shape.cpus for shape in await self.scheduler.nodes()), default=HUGE)
        return role(self.commands.succeed, cpus=largest + 1)

    async def stop(self, job: JobSubmission) -> None:
        """Ask for a job to be stopped."""
        await self.scheduler.stop(job.ref, OWNER, operation())

    async def status(self, job: JobSubmission, attempt: int | None = None) -> JobStatus:
        """Give a job whole."""
        return await self.scheduler.job(job.name, attempt)

    async def listed(self, job: JobSubmission) -> JobSummary | None:
        """Give a job as the list has it, if it has it."""
        items = (await self.scheduler.jobs()).items
        return next((each for each in items if each.name == job.name), None)

    async def unlisted(self, job: JobSubmission) -> None:
        """Return when the list has a job no more."""

        async def gone() -> bool:
            return await self.listed(job) is None

        await self.until(f"a list without {job.name}", gone)

    async def showing(
        self, job: JobSubmission, what: str, enough: Callable[[JobSummary], bool]
    ) -> JobSummary:
        """Wait until the list has a job as it should be, and give it."""
        seen: list[JobSummary] = []

        async def there() -> bool:
            found = await self.listed(job)
            seen[:] = [] if found is None else [found]
            return found is not None and enough(found)

        await self.until(f"in the list {job.name} {what}", there)
        return seen[0]

    async def until(self, what: str, there: Callable[[], Awaitable[bool]]) -> None:
        """Return when something is there; fail when that takes longer than the patience."""
        with anyio.move_on_after(self.patience):
            while not await there():  # noqa: ASYNC110 - a cluster is looked at, as the core does
                await anyio.sleep(_LOOK_AGAIN)
            return
        pytest.fail(f"{what} within {self.patience:g} s was expected, and did not come")

    async def reaching(
        self, job: JobSubmission, what: str, enough: Callable[[JobStatus], bool]
    ) -> JobStatus:
        """Wait until a job is as it should be, and give it."""
        seen: list[JobStatus] = []

        async def there() -> bool:
            seen[:] = [await self.status(job)]
            return enough(seen[0])

        await self.until(f"{job.name} {what}", there)
        return seen[0]

    async def in_state(self, job: JobSubmission, *states: JobState) -> JobStatus:
        """Wait until a job is in one of the states, and give it."""
        what = " or ".join(states)
        return await self.reaching(job, what, lambda status: status.summary.state in states)

    async def ended(self, job: JobSubmission) -> JobStatus:
        """Wait until a job is over, and give it."""
        return await self.in_state(job, *ENDED)

    async def deleted(self, ref: JobRef) -> None:
        """Delete a job, and return when all of it is gone."""
        delete = operation()

        async def done() -> bool:
            return await self.scheduler.delete(ref, OWNER, delete) is Removal.DONE

        await self.until(f"the removal of {ref.name}", done)

    async def clean(self) -> None:
        """Delete whatever was handed over; a scheduler that cannot is past caring for."""
        for ref in [*self._handed_over]:
            try:
                await self.deleted(ref)
            except BackendError:
                continue
            del self._handed_over[ref]

    async def knows(self, name: FrameworkName) -> bool:
        """Tell whether the scheduler gives a job of that name."""
        try:
            await self.scheduler.job(name)
        except NotFound:
            return False
        return True


@asynccontextmanager
async def working(scheduler: object, context: Context) -> AsyncIterator[None]:
    """Run a scheduler's own loop meanwhile, where it has one, as the gateway that leads does."""
    leadership = context.leadership
    if not isinstance(scheduler, Reconciled) or not isinstance(leadership, SqlLeadership):
        yield
        return
    loop = scheduler

    async def reign() -> None:
        async with leadership.reign() as term:
            await loop.reconcile(term)

    async with background() as tasks:
        tasks.spawn("the scheduler's own loop", reign)
        yield


class SchedulingSuite(Supplied):
    """Have the fixtures of the scheduling seam; those below are there to be overridden."""

    seam = Seam.SCHEDULING

    @pytest.fixture
    def commands(self) -> Commands:
        """Give the commands for tasks; override it where tasks are run by no shell."""
        return Commands()

    @pytest.fixture
    def patience(self) -> float:
        """Give the seconds for which one thing is waited for at most."""
        return 30.0

    @pytest.fixture
    def outage(self) -> AbstractContextManager[object]:
        """Give a context manager that makes the cluster unreachable while it is open."""
        raise NotImplementedError

    @pytest.fixture
    async def trial(
        self, subject: SchedulingSubject, commands: Commands, patience: float
    ) -> AsyncIterator[Trial]:
        """Give a trial on the opened scheduler; its jobs are deleted after the test."""
        async with on_trial(subject, commands, patience) as trial:
            yield trial


@asynccontextmanager
async def on_trial(
    subject: SchedulingSubject, commands: Commands, patience: float
) -> AsyncIterator[Trial]:
    """Try a scheduler, and delete the jobs of the trial in the end."""
    async with working(subject.backend, subject.context):
        trial = Trial(subject.backend, commands, patience)
        try:
            yield trial
        finally:
            await trial.clean()


@asynccontextmanager
async def left_running(
    subject: SchedulingSubject, commands: Commands, patience: float
) -> AsyncIterator[Trial]:
    """Try a scheduler, and leave its jobs to the next start; a failure of the block leaves none."""
    async with working(subject.backend, subject.context):
        trial = Trial(subject.backend, commands, patience)
        try:
            yield trial
        except BaseException:
            await trial.clean()
            raise
