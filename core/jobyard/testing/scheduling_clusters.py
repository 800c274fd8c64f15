"""Rules of nodes and virtual clusters: what a cluster has, and how it is shared."""

from __future__ import annotations

from typing import Final

import anyio
import pytest

from jobyard.domain import capacity
from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.domain.states import JobState
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualClusterShare,
    VirtualClusterState,
    VirtualClusterUsage,
)
from jobyard.errors import Conflict, NotSupported, Rejected
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import Presence, Refused
from jobyard.testing.conformance import lacks, requires
from jobyard.testing.jobs import role, submission
from jobyard.testing.scheduling_suite import SchedulingSuite, Trial

FORBIDDEN: Final = 403
NAME: Final = "conformance_81"
SHARE: Final = 5.0
WHOLE: Final = 100.0
ROUNDING: Final = 0.01
ROUNDS: Final = 40


def shares_of(state: QuotaState) -> dict[str, VirtualClusterShare]:
    """Give the shares by the names of their virtual clusters."""
    return {cluster.share.name: cluster.share for cluster in state.clusters}


async def changed(trial: Trial, *shares: tuple[str, float]) -> None:
    """Give virtual clusters their shares, whatever others change meanwhile."""
    for name, percent in shares:
        for _ in range(ROUNDS):
            state = await trial.scheduler.quotas()
            try:
                await trial.scheduler.apply(capacity.updated(state, name, percent, WHOLE))
            except Conflict:
                continue
            break
        else:
            pytest.fail(f"the plan for {name} met a Conflict {ROUNDS} times")


async def in_state(trial: Trial, name: str, wanted: VirtualClusterState) -> None:
    """Have a virtual cluster take new jobs, or not."""
    plan = capacity.in_state(await trial.scheduler.quotas(), name, wanted)
    await trial.scheduler.apply(plan)


class ClusterRules(SchedulingSuite):
    """Hold ``nodes``, ``refusal`` and ``quotas`` against the seam."""

    async def test_default_is_always_there(self, trial: Trial) -> None:
        """``default`` exists, takes jobs, and all capacities are percentages, 100 together."""
        state = await trial.scheduler.quotas()

        shares = shares_of(state)
        assert shares[DEFAULT_VIRTUAL_CLUSTER].state is VirtualClusterState.RUNNING
        for share in shares.values():
            assert 0 <= share.capacity <= share.max_capacity + ROUNDING <= WHOLE + 2 * ROUNDING
        together = sum(share.capacity for share in shares.values())
        assert together == pytest.approx(WHOLE, abs=ROUNDING)

    async def test_usage_counts_what_runs_and_what_waits(self, trial: Trial) -> None:
        """A running job is active and holds its resources; one that waits is pending."""
        before = await self._usage(trial)
        job = await trial.running(role(trial.commands.wait, tasks=2))
        waiting = await trial.waiting()
        counts = (before.active_jobs + 1, before.pending_jobs + 1)

        async def counted() -> bool:
            usage = await self._usage(trial)
            return (usage.active_jobs, usage.pending_jobs) == counts

        await trial.until("one active and one pending job more", counted)
        during = await self._usage(trial)
        assert during.resources.vcores >= before.resources.vcores + 2
        assert during.resources.memory > before.resources.memory
        assert during.used_capacity > before.used_capacity
        for each in (job, waiting):
            await trial.deleted(each.ref)

        async def free() -> bool:
            return await self._usage(trial) == before

        await trial.until("the usage before the jobs", free)

    async def test_an_ended_job_holds_nothing(self, trial: Trial) -> None:
        """What has ended, or was stopped, is neither active nor pending."""
        before = await self._usage(trial)
        await trial.ended(await trial.submitted())
        stopped = await trial.waiting()
        await trial.stop(stopped)

        async def free() -> bool:
            return await self._usage(trial) == before

        await trial.until("the usage before the jobs", free)

    async def test_what_is_not_refused_runs(self, trial: Trial) -> None:
        """A job that ``refusal`` has nothing against runs on an empty cluster."""
        job = submission(role(trial.commands.succeed, tasks=2))
        assert await trial.scheduler.refusal(job) is None
        await trial.submit(job)

        assert (await trial.ended(job)).summary.state is JobState.SUCCEEDED

    async def test_a_task_of_a_whole_node_runs(self, trial: Trial) -> None:
        """A task as large as ``nodes`` says a node is can run, as ``refusal`` agrees."""
        shapes = await trial.scheduler.nodes()
        largest = max((shape.cpus for shape in shapes if shape.count), default=1)
        job = submission(role(trial.commands.succeed, cpus=largest))
        assert await trial.scheduler.refusal(job) is None
        await trial.submit(job)

        assert (await trial.ended(job)).summary.state is JobState.SUCCEEDED

    async def test_a_task_larger_than_any_node_is_refused_with_a_reason(self, trial: Trial) -> None:
        """Where the nodes are known, ``refusal`` says what is wrong with a task above them."""
        job = submission(await trial.oversized())
        reason = await trial.scheduler.refusal(job)

        if await trial.scheduler.nodes():
            assert reason is not None, "the task is larger than any node, and refusal has no reason"
            assert reason.message

    async def test_a_refusal_leaves_nothing_behind(self, trial: Trial) -> None:
        """``refusal`` asks, no more: the job is not there afterwards."""
        for each in (await trial.oversized(), role(trial.commands.succeed)):
            job = submission(each)
            await trial.scheduler.refusal(job)
            assert await trial.scheduler.find_submission(job.ref) is Presence.ABSENT

    async def test_what_is_too_large_is_taken_and_waits(self, trial: Trial) -> None:
        """``submit`` takes what ``refusal`` speaks against; it waits until it is stopped."""
        job = await trial.waiting()

        assert (await trial.status(job)).summary.state is JobState.WAITING

    @lacks(Capability.CAPACITY)
    async def test_without_capacity_plans_are_not_supported(self, trial: Trial) -> None:
        """A cluster that does not declare CAPACITY answers every plan with NotSupported."""
        state = await trial.scheduler.quotas()
        shares = tuple(cluster.share for cluster in state.clusters)
        with pytest.raises(NotSupported):
            await trial.scheduler.apply(CapacityPlan(state.version, shares))

    @staticmethod
    async def _usage(trial: Trial) -> VirtualClusterUsage:
        found = (await trial.scheduler.quotas()).get(DEFAULT_VIRTUAL_CLUSTER)
        assert found is not None
        return found.usage


class CapacityRules(SchedulingSuite):
    """Hold ``apply`` against the seam (capability ``CAPACITY``)."""

    @requires(Capability.CAPACITY)
    async def test_a_plan_comes_true_as_a_whole(self, trial: Trial) -> None:
        """A plan's shares are those that hold afterwards, and the version is another."""
        before = await trial.scheduler.quotas()
        plan = capacity.updated(before, NAME, SHARE, 2 * SHARE)
        await trial.scheduler.apply(plan)
        after = await trial.scheduler.quotas()

        assert shares_of(after) == {share.name: share for share in plan.shares}
        assert after.version != before.version

    @requires(Capability.CAPACITY)
    async def test_a_plan_without_a_cluster_removes_it(self, trial: Trial) -> None:
        """A virtual cluster that a plan lacks is no more, and ``default`` has its capacity."""
        before = shares_of(await trial.scheduler.quotas())
        await changed(trial, (NAME, SHARE))
        await trial.scheduler.apply(capacity.removed(await trial.scheduler.quotas(), NAME))

        assert shares_of(await trial.scheduler.quotas()) == before

    @requires(Capability.CAPACITY)
    async def test_a_plan_against_an_old_version_is_a_conflict(self, trial: Trial) -> None:
        """A plan that was made from an old state changes nothing."""
        old = await trial.scheduler.quotas()
        await changed(trial, (NAME, SHARE))
        now = await trial.scheduler.quotas()
        with pytest.raises(Conflict):
            await trial.scheduler.apply(capacity.updated(old, f"{NAME}_2", SHARE, WHOLE))

        assert await trial.scheduler.quotas() == now

    @requires(Capability.CAPACITY)
    async def test_a_plan_that_makes_no_sense_changes_nothing(self, trial: Trial) -> None:
        """A plan of more than 100 %, without ``default``, or with a name twice, is Rejected."""
        state = await trial.scheduler.quotas()
        fine = VirtualClusterShare(NAME, SHARE)
        plans = [
            (VirtualClusterShare(DEFAULT_VIRTUAL_CLUSTER, WHOLE), fine),
            (fine,),
            (VirtualClusterShare(DEFAULT_VIRTUAL_CLUSTER, WHOLE - 2 * SHARE), fine, fine),
            (VirtualClusterShare(DEFAULT_VIRTUAL_CLUSTER, WHOLE), VirtualClusterShare(NAME, -1.0)),
        ]
        for shares in plans:
            with pytest.raises(Rejected):
                await trial.scheduler.apply(CapacityPlan(state.version, shares))
            assert await trial.scheduler.quotas() == state, shares

    @requires(Capability.CAPACITY)
    async def test_of_parallel_plans_none_is_lost(self, trial: Trial) -> None:
        """Plans at once conflict or come true; the sum is 100 % whenever one looks."""
        names = [f"{NAME}_{number}" for number in range(8)]
        sums: list[float] = []
        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(changed, trial, (name, SHARE), (name, SHARE / 2))
            for _ in range(ROUNDS):
                shares = shares_of(await trial.scheduler.quotas()).values()
                sums.append(sum(share.capacity for share in shares))
        state = shares_of(await trial.scheduler.quotas())

        assert sums == pytest.approx([WHOLE] * ROUNDS, abs=ROUNDING)
        assert {name: state[name].capacity for name in names if name in state} == dict.fromkeys(
            names, SHARE / 2
        )

    @requires(Capability.CAPACITY)
    async def test_a_stopped_cluster_takes_no_new_jobs(self, trial: Trial) -> None:
        """A stopped virtual cluster refuses with 403 and keeps its jobs; it may run again."""
        await changed(trial, (NAME, 2 * SHARE))
        old = await trial.submitted(role(trial.commands.wait), virtual_cluster=NAME)
        await trial.in_state(old, JobState.RUNNING)
        await in_state(trial, NAME, VirtualClusterState.STOPPED)
        job = submission(role(trial.commands.succeed), virtual_cluster=NAME)
        with pytest.raises(Refused) as refused:
            await trial.submit(job)

        assert refused.value.status == FORBIDDEN
        assert await trial.scheduler.find_submission(job.ref) is Presence.ABSENT
        assert (await trial.status(old)).summary.state is JobState.RUNNING
        await in_state(trial, NAME, VirtualClusterState.RUNNING)
        await trial.submit(job)
        assert (await trial.ended(job)).summary.state is JobState.SUCCEEDED

    @requires(Capability.CAPACITY)
    async def test_a_job_counts_in_its_own_cluster(self, trial: Trial) -> None:
        """The usage of a virtual cluster is that of the jobs that were submitted to it."""
        await changed(trial, (NAME, 2 * SHARE))
        job = await trial.submitted(role(trial.commands.wait), virtual_cluster=NAME)
        await trial.in_state(job, JobState.RUNNING)

        async def counted() -> bool:
            state = await trial.scheduler.quotas()
            own, default = state.get(NAME), state.get(DEFAULT_VIRTUAL_CLUSTER)
            assert own is not None
            assert default is not None
            return (own.usage.active_jobs, default.usage.active_jobs) == (1, 0)

        await trial.until(f"one active job in {NAME} and none in default", counted)
        listed = await trial.showing(job, "running", lambda each: each.state is JobState.RUNNING)
        assert listed.virtual_cluster == NAME
