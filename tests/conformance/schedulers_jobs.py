"""Schedulers that take, run, stop or delete jobs wrongly, or forget them; everything else is the fake's."""

from __future__ import annotations

import anyio
from anyio.lowlevel import checkpoint

from jobyard.domain.identity import Actor
from jobyard.domain.job import (
    JobRef,
    JobSubmission,
    OperationId,
)
from jobyard.domain.states import ExecutionType, FrameworkState
from jobyard.errors import Rejected
from jobyard.seams.scheduling import (
    JobExists,
    Presence,
    Refused,
    Removal,
)
from jobyard.testing.fakes.life import Life
from jobyard.testing.fakes.quota import Quota
from jobyard.testing.fakes.scheduling import FakeScheduler


class AcceptsADuplicate(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        known = self._jobs.get(job.name)
        if known is not None and known.job.submission != job.submission:
            del self._jobs[job.name]
        await super().submit(job)


class LooksThenTakes(FakeScheduler):
    """Look whether a name is free, and take it later."""

    async def submit(self, job: JobSubmission) -> None:
        known = self._jobs.get(job.name)
        if known is not None and known.job.submission != job.submission:
            raise JobExists("taken")
        await checkpoint()
        self._jobs[job.name] = Life(job)


class RefusesTheSameAgain(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        if job.name in self._jobs:
            raise JobExists("taken")
        await super().submit(job)


class BeginsTheSameAgain(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        known = self._jobs.get(job.name)
        if known is not None and known.job.submission == job.submission:
            del self._jobs[job.name]
        await super().submit(job)


class KeepsWhatItRefuses(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        try:
            await super().submit(job)
        except Refused:
            self._jobs[job.name] = Life(job)
            raise


class FoldsNames(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        if any(str(name).lower() == str(job.name).lower() != str(name) for name in self._jobs):
            raise JobExists("taken, but for the case")
        await super().submit(job)


class FindsByName(FakeScheduler):
    async def find_submission(self, ref: JobRef) -> Presence:
        found = await super().find_submission(ref)
        return Presence.OURS if found is Presence.OTHER else found


class ForgetsARow(FakeScheduler):
    starts = 0

    async def run(self) -> None:
        self.starts += 1
        waiting = [name for name, life in self._jobs.items() if life.waiting]
        if self.starts > 1 and waiting:
            self.forget(waiting[0])
        await super().run()


class RunsAgainAfterARestart(FakeScheduler):
    starts = 0

    async def run(self) -> None:
        self.starts += 1
        if self.starts > 1:
            for life in self._jobs.values():
                if not life.over:
                    life.state = FrameworkState.FRAMEWORK_WAITING
        await super().run()


class ForgetsOperations(FakeScheduler):
    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        self.done.clear()
        await super().start(ref, actor, operation)


class RevivesTheStopped(FakeScheduler):
    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        life = self._find(ref)
        if life.over and life.execution_type is ExecutionType.STOP:
            life.state, life.exit_code = FrameworkState.FRAMEWORK_WAITING, None
        await super().start(ref, actor, operation)


class StopsTheEnded(FakeScheduler):
    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await super().stop(ref, actor, operation)
        self._find(ref).exit_code = -7351


class StopsWith143(FakeScheduler):
    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await super().stop(ref, actor, operation)
        life = self._find(ref)
        life.exit_code = 143 if life.exit_code == -7351 else life.exit_code


class LeavesTasksAsKilled(FakeScheduler):
    """Tell the signal where a task was stopped because its job was."""

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await super().stop(ref, actor, operation)
        for attempt in self._find(ref).attempts:
            for task in attempt.tasks:
                task.exit_code = 137 if task.exit_code == -7400 else task.exit_code


class DoesNotStopTheWaiting(FakeScheduler):
    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        if not self._find(ref).waiting:
            await super().stop(ref, actor, operation)


class OperatesByName(FakeScheduler):
    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await super().stop(JobRef(ref.name, None), actor, operation)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        return await super().delete(JobRef(ref.name, None), actor, operation)


class KeepsTheName(FakeScheduler):
    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        if ref.name in self._jobs:
            await self.stop(ref, actor, operation)
        return Removal.DONE


class IsAlwaysGoing(FakeScheduler):
    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        await super().delete(ref, actor, operation)
        return Removal.GOING


class MissesAbsentOnDelete(FakeScheduler):
    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        self._find(ref)
        return await super().delete(ref, actor, operation)


class AnswersFromBefore(FakeScheduler):
    """Know a submission from the second look on."""

    async def find_submission(self, ref: JobRef) -> Presence:
        found = await super().find_submission(ref)
        return found if self.calls["find_submission"] > 1 else Presence.ABSENT


class RefusesTheSameWhileItComes(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        gate = self.gates.setdefault(f"coming {job.submission}", anyio.Event())
        if gate.is_set():
            raise JobExists("it is just coming")
        gate.set()
        await super().submit(job)


class BeginsAgainAtAStart(FakeScheduler):
    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await super().start(ref, actor, operation)
        life = self._find(ref)
        if not life.over:
            life.state = FrameworkState.FRAMEWORK_WAITING


class HeedsTheOwnerAlone(FakeScheduler):
    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        if actor.account != self._find(ref).job.submitter:
            raise Rejected("not yours", status=403)
        await super().stop(ref, actor, operation)


class Restarted(FakeScheduler):
    """Do something at each start but the first."""

    starts = 0

    async def run(self) -> None:
        self.starts += 1
        if self.starts > 1:
            self.again()
        await super().run()

    def again(self) -> None:
        raise NotImplementedError


class ForgetsEverything(Restarted):
    def again(self) -> None:
        self._jobs.clear()


class ForgetsShares(Restarted):
    def again(self) -> None:
        self._quota = Quota(self._quota.nodes)


class OpensOnce(Restarted):
    def again(self) -> None:
        self.down = True
