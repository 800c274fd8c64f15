"""Schedulers that tell the right jobs wrongly; everything else is the fake's."""

from __future__ import annotations

from attrs import evolve

from jobyard.domain.job import (
    FrameworkName,
)
from jobyard.domain.states import FrameworkState
from jobyard.domain.status import JobStatus, JobSummary
from jobyard.seams.scheduling import (
    Snapshot,
)
from jobyard.testing.fakes.scheduling import FakeScheduler


class NeverChangesTheVersion(FakeScheduler):
    async def jobs(self) -> Snapshot[JobSummary]:
        return evolve(await super().jobs(), version="1")


class HidesTheEnded(FakeScheduler):
    async def jobs(self) -> Snapshot[JobSummary]:
        snapshot = await super().jobs()
        return evolve(
            snapshot, items=tuple(each for each in snapshot.items if each.exit_code is None)
        )


class AlwaysTellsTheLastAttempt(FakeScheduler):
    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        return await super().job(name)


class SaysNothingOfWaiting(FakeScheduler):
    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        return evolve(await super().job(name, attempt), waiting=None)


class Tells(FakeScheduler):
    """Tell a job in some other way."""

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        return self.told(await super().job(name, attempt))

    def told(self, status: JobStatus) -> JobStatus:
        raise NotImplementedError


class TellsNobodysName(Tells):
    def told(self, status: JobStatus) -> JobStatus:
        return evolve(status, summary=evolve(status.summary, username=None))


class DoesNotSayWhen(Tells):
    def told(self, status: JobStatus) -> JobStatus:
        return evolve(status, summary=evolve(status.summary, completed_at=None))


class NamesNoTrigger(Tells):
    def told(self, status: JobStatus) -> JobStatus:
        return evolve(status, exit=evolve(status.exit, trigger_role=None, trigger_index=None))


class HidesAddresses(Tells):
    def told(self, status: JobStatus) -> JobStatus:
        roles = tuple(
            evolve(role, tasks=tuple(evolve(task, container_ip=None) for task in role.tasks))
            for role in status.task_roles
        )
        return evolve(status, task_roles=roles)


class GoesBack(Tells):
    """Say that a job runs before it does."""

    def told(self, status: JobStatus) -> JobStatus:
        early = (FrameworkState.APPLICATION_RUNNING, FrameworkState.FRAMEWORK_WAITING)
        looks = self.calls["job"]
        if looks > len(early):
            return status
        summary = evolve(status.summary, framework_state=early[looks - 1], exit_code=None)
        return evolve(status, summary=summary)


class ListsNoExits(FakeScheduler):
    async def jobs(self) -> Snapshot[JobSummary]:
        snapshot = await super().jobs()
        return evolve(snapshot, items=tuple(evolve(each, exit_code=7) for each in snapshot.items))


class CountsJobsForAVersion(FakeScheduler):
    async def jobs(self) -> Snapshot[JobSummary]:
        snapshot = await super().jobs()
        return evolve(snapshot, version=str(len(snapshot.items)))
