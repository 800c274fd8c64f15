"""Schedulers that decide wrongly: completion, retry, virtual clusters and nodes; everything else is the fake's."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from anyio.lowlevel import checkpoint
from attrs import evolve

from jobyard.domain.job import (
    JobSubmission,
    TaskRole,
)
from jobyard.domain.node import NodeShape
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState, VirtualClusterUsage
from jobyard.errors import Conflict, Rejected
from jobyard.seams.scheduling import (
    Refused,
)
from jobyard.testing.fakes.life import Life
from jobyard.testing.fakes.scheduling import FakeScheduler


class ChangesWhatItIsGiven(FakeScheduler):
    """Run another job than the one that was handed over."""

    async def submit(self, job: JobSubmission) -> None:
        roles = tuple(self.role(each) for each in job.config.task_roles)
        config = evolve(
            job.config, task_roles=roles, retry_count=self.retries(job.config.retry_count)
        )
        await super().submit(evolve(job, config=config))

    def role(self, role: TaskRole) -> TaskRole:
        return role

    def retries(self, count: int) -> int:
        return count


class IgnoresMinSucceeded(ChangesWhatItIsGiven):
    def role(self, role: TaskRole) -> TaskRole:
        return evolve(role, min_succeeded_task_count=None)


class FailsAtTheFirst(ChangesWhatItIsGiven):
    def role(self, role: TaskRole) -> TaskRole:
        return evolve(role, min_failed_task_count=1)


class NeverFails(ChangesWhatItIsGiven):
    def role(self, role: TaskRole) -> TaskRole:
        return evolve(role, min_failed_task_count=None)


class SucceedsAtTheFirst(ChangesWhatItIsGiven):
    def role(self, role: TaskRole) -> TaskRole:
        return evolve(role, min_succeeded_task_count=1)


class RetriesOnceMore(ChangesWhatItIsGiven):
    def retries(self, count: int) -> int:
        return count + 1 if count > 0 else count


class RetriesOnceLess(ChangesWhatItIsGiven):
    def retries(self, count: int) -> int:
        return count - 1 if count > 0 else count


class RetriesAtLeastOnce(ChangesWhatItIsGiven):
    def retries(self, count: int) -> int:
        return max(count, 1) if count >= 0 else count


class NeverRetriesWithoutLimit(ChangesWhatItIsGiven):
    def retries(self, count: int) -> int:
        return 1 if count == -1 else count


class RetriesNoSuccess(ChangesWhatItIsGiven):
    def retries(self, count: int) -> int:
        return -1 if count == -2 else count


class RetriesSuccesses(ChangesWhatItIsGiven):
    def retries(self, count: int) -> int:
        return -2 if count == -1 else count


class IgnoresTheVersion(FakeScheduler):
    async def apply(self, plan: CapacityPlan) -> None:
        await checkpoint()
        self._quota.apply(evolve(plan, version=str(self._quota.version)))


class AppliesHalf(FakeScheduler):
    async def apply(self, plan: CapacityPlan) -> None:
        try:
            await super().apply(plan)
        except Rejected:
            self._quota.shares = (*self._quota.shares, plan.shares[-1])
            raise


class AppliesInTwoSteps(FakeScheduler):
    """Let others look between the two halves of a plan."""

    async def apply(self, plan: CapacityPlan) -> None:
        if plan.version != str(self._quota.version):
            raise Conflict("changed meanwhile")
        kept = {share.name: share for share in self._quota.shares}
        self._quota.shares = tuple({**kept, plan.shares[-1].name: plan.shares[-1]}.values())
        await anyio.sleep(0.003)
        await super().apply(evolve(plan, version=str(self._quota.version)))


class TakesEverything(FakeScheduler):
    """Have no rules for virtual clusters."""

    def _admit(self, job: JobSubmission) -> None:
        return


class CountsTheEnded(FakeScheduler):
    async def quotas(self) -> QuotaState:
        state = await super().quotas()
        jobs = sum(1 for life in self._jobs.values() if life.over)
        usage = VirtualClusterUsage(active_jobs=jobs)
        return evolve(state, clusters=tuple(evolve(each, usage=usage) for each in state.clusters))


class RefusesNothing(FakeScheduler):
    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        return None


class RefusesTheLarge(FakeScheduler):
    """Refuse what has to wait."""

    def _admit(self, job: JobSubmission) -> None:
        super()._admit(job)
        if self._quota.refusal(job.config) is not None:
            raise Refused("too large", status=400)


class RunsEverythingInDefault(FakeScheduler):
    async def submit(self, job: JobSubmission) -> None:
        config = evolve(job.config, virtual_cluster="default")
        await super().submit(evolve(job, config=config))


class IgnoresTheMaximum(FakeScheduler):
    async def apply(self, plan: CapacityPlan) -> None:
        shares = tuple(evolve(share, max_capacity=100.0) for share in plan.shares)
        await super().apply(evolve(plan, shares=shares))


class NeverRemoves(FakeScheduler):
    async def apply(self, plan: CapacityPlan) -> None:
        old = self._quota.shares
        await super().apply(plan)
        names = {share.name for share in plan.shares}
        kept = tuple(share for share in old if share.name not in names)
        self._quota.shares = (*self._quota.shares, *kept)


class HasNoDefault(FakeScheduler):
    async def quotas(self) -> QuotaState:
        state = await super().quotas()
        return evolve(state, clusters=state.clusters[1:])


class RefusesEverything(FakeScheduler):
    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, "no")


class KeepsWhatItIsAsked(FakeScheduler):
    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        self._jobs.setdefault(job.name, Life(job))
        return await super().refusal(job)


class BoastsOfItsNodes(FakeScheduler):
    async def nodes(self) -> Sequence[NodeShape]:
        return [evolve(each, cpus=each.cpus + 1) for each in await super().nodes()]
