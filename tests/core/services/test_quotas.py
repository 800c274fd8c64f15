from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import anyio
import pytest
from attrs import evolve
from sqlalchemy import Connection

from jobyard.clock import SystemClock
from jobyard.database.store import open_store
from jobyard.domain.identity import Actor
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterState,
    VirtualClusterUsage,
)
from jobyard.errors import (
    BackendError,
    Conflict,
    ForbiddenUser,
    NoEnoughQuota,
    NotSupported,
    NoVirtualCluster,
    Rejected,
    RemoveRunningVirtualCluster,
    Unavailable,
    UnknownError,
)
from jobyard.resilience import Guarded
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Scheduler
from jobyard.services.quotas import Quotas
from jobyard.testing.unsupported import UnsupportedScheduler

RUNNING, STOPPED = VirtualClusterState.RUNNING, VirtualClusterState.STOPPED


class Cluster(UnsupportedScheduler):
    """A cluster that holds shares, and fails as the test says."""

    def __init__(self) -> None:
        self.version = 1
        self.shares: dict[str, VirtualClusterShare] = {}
        self.jobs_in: dict[str, int] = {}
        self.failures: list[BackendError | None] = []
        self.down = False
        self.asked = 0
        self.plans: list[CapacityPlan] = []
        self.set(VirtualClusterShare("default", 100.0))

    def set(self, *shares: VirtualClusterShare) -> None:
        self.shares = {share.name: share for share in shares}
        self.version += 1

    async def quotas(self) -> QuotaState:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise Unavailable("scheduling.test is down")
        clusters = (
            VirtualCluster(share, VirtualClusterUsage(active_jobs=self.jobs_in.get(name, 0)))
            for name, share in self.shares.items()
        )
        return QuotaState(str(self.version), tuple(clusters))

    async def apply(self, plan: CapacityPlan) -> None:
        await anyio.lowlevel.checkpoint()
        if plan.version != str(self.version):
            raise Conflict("it has changed")
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.plans.append(plan)
        self.set(*plan.shares)


class Grantees:
    """Remember which virtual clusters were taken from everybody."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    async def granted(self, actor: Actor, existing: Sequence[str]) -> Sequence[str]:
        return existing if actor.admin else ["default"]

    def forget_grants(self, virtual_cluster: str) -> Callable[[Connection], None]:
        def work(_: Connection) -> None:
            self.forgotten.append(virtual_cluster)

        return work


class World:
    def __init__(self, store: Store) -> None:
        self.cluster = Cluster()
        self.grantees = Grantees()
        self.store = store
        self.quotas = self.gateway()

    def gateway(self, *, max_age: float = 0) -> Quotas:
        clock = SystemClock()
        guard = Guarded[Scheduler]("scheduling.test", clock, timeout=5)
        guard.opened(self.cluster)
        return Quotas(
            scheduling=guard,
            grantees=self.grantees,
            store=self.store,
            clock=clock,
            max_age=max_age,
            stale_for=60,
            timeout=5,
        )

    def capacities(self) -> dict[str, float]:
        return {name: share.capacity for name, share in self.cluster.shares.items()}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_store(None, tmp_path, timeout=5) as store:
        yield World(store)


async def test_a_thousand_readers_cost_one_call(world: World) -> None:
    quotas = world.gateway(max_age=3600)

    async with anyio.create_task_group() as group:
        for _ in range(500):
            group.start_soon(quotas.view)
            group.start_soon(quotas.recent)

    assert world.cluster.asked == 1


async def test_what_was_changed_here_is_told_at_once(world: World) -> None:
    quotas = world.gateway(max_age=3600)
    await quotas.view()

    await quotas.update("vc1", 20, 20)
    assert [each.share.name for each in (await quotas.view()).state.clusters] == ["default", "vc1"]
    await quotas.remove("vc1")
    assert [each.share.name for each in (await quotas.recent()).clusters] == ["default"]


async def test_what_is_remembered_is_no_recent_answer(world: World) -> None:
    await world.quotas.view()
    world.cluster.down = True

    assert (await world.quotas.view()).stale
    with pytest.raises(UnknownError, match=r"scheduling\.test is down"):
        await world.quotas.recent()


async def test_default_is_protected(world: World) -> None:
    with pytest.raises(ForbiddenUser, match=r"^Don't allow to update default vc$"):
        await world.quotas.update("default", 50, 50)
    with pytest.raises(ForbiddenUser, match=r"^Don't allow to update default vc$"):
        await world.quotas.set_state("default", STOPPED)
    with pytest.raises(ForbiddenUser, match=r"^Don't allow to remove default vc\.$"):
        await world.quotas.remove("default")
    assert world.cluster.plans == []


async def test_two_changes_at_once_are_both_made(world: World) -> None:
    other = world.gateway()
    async with anyio.create_task_group() as group:
        group.start_soon(world.quotas.update, "vc1", 30, 30)
        group.start_soon(other.update, "vc2", 20, 20)

    assert world.capacities() == {"default": 50, "vc1": 30, "vc2": 20}


async def test_of_two_changes_that_do_not_fit_together_one_is_refused(world: World) -> None:
    other = world.gateway()
    refused: list[str] = []

    async def ask(quotas: Quotas, name: str) -> None:
        try:
            await quotas.update(name, 60, 60)
        except NoEnoughQuota:
            refused.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(ask, world.quotas, "vc1")
        group.start_soon(ask, other, "vc2")

    assert len(refused) == 1
    assert sum(world.capacities().values()) == 100


async def test_a_namesake_of_a_removed_one_grants_nothing(world: World) -> None:
    await world.quotas.update("vc1", 30, 30)
    assert world.grantees.forgotten == ["vc1"]

    await world.quotas.update("vc1", 40, 40)
    assert world.grantees.forgotten == ["vc1"]

    await world.quotas.remove("vc1")
    assert world.grantees.forgotten == ["vc1", "vc1"]
    assert world.capacities() == {"default": 100}


async def test_unfinished_jobs_block_a_removal_which_changes_nothing(world: World) -> None:
    await world.quotas.update("vc1", 30, 30)
    world.cluster.jobs_in["vc1"] = 2
    before = world.cluster.shares

    with pytest.raises(RemoveRunningVirtualCluster, match="has 2 unfinished jobs"):
        await world.quotas.remove("vc1")

    assert before == world.cluster.shares


async def test_a_job_that_came_in_meanwhile_blocks_a_removal_too(world: World) -> None:
    await world.quotas.update("vc1", 30, 30)
    apply = world.cluster.apply

    async def apply_with_a_late_job(plan: CapacityPlan) -> None:
        world.cluster.jobs_in["vc1"] = 1
        await apply(plan)

    world.cluster.apply = apply_with_a_late_job  # type: ignore[method-assign]  # a double's
    with pytest.raises(RemoveRunningVirtualCluster):
        await world.quotas.remove("vc1")

    assert RUNNING is world.cluster.shares["vc1"].state
    assert world.cluster.shares["vc1"].capacity == 30


async def test_a_removal_that_fails_half_way_is_undone(world: World) -> None:
    await world.quotas.update("vc1", 30, 30)
    world.cluster.failures = [None, Rejected("the queue cannot be removed")]

    with pytest.raises(UnknownError, match=r"^the queue cannot be removed$"):
        await world.quotas.remove("vc1")

    assert VirtualClusterShare("vc1", 30, 30) == world.cluster.shares["vc1"]
    assert world.grantees.forgotten == ["vc1"]


async def test_a_stopped_one_is_stopped_after_a_failed_removal(world: World) -> None:
    await world.quotas.update("vc1", 30, 30)
    await world.quotas.set_state("vc1", STOPPED)
    world.cluster.failures = [Rejected("no")]

    with pytest.raises(UnknownError):
        await world.quotas.remove("vc1")

    assert STOPPED is world.cluster.shares["vc1"].state


async def test_when_the_undoing_fails_its_error_is_told(world: World) -> None:
    await world.quotas.update("vc1", 30, 30)
    world.cluster.failures = [None, Rejected("the first"), Rejected("the second")]

    with pytest.raises(UnknownError, match=r"^the second$"):
        await world.quotas.remove("vc1")


async def test_an_unknown_one_is_not_found(world: World) -> None:
    with pytest.raises(NoVirtualCluster):
        await world.quotas.remove("vc9")
    with pytest.raises(NoVirtualCluster):
        await world.quotas.set_state("vc9", STOPPED)


@pytest.mark.parametrize(
    "failure",
    [NotSupported("shares are set in a file"), Rejected("set the property", status=403)],
)
async def test_a_cluster_whose_shares_cannot_be_changed_says_so(
    world: World, failure: BackendError
) -> None:
    world.cluster.failures = [failure]
    with pytest.raises(ForbiddenUser, match=failure.message):
        await world.quotas.update("vc1", 10, 10)


async def test_the_remembered_is_shown_while_the_cluster_is_down(world: World) -> None:
    known = await world.quotas.view()
    world.cluster.down = True

    assert evolve(known, stale=True) == await world.quotas.view()
    assert await world.quotas.existing() == ["default"]
    with pytest.raises(UnknownError, match=r"scheduling\.test is down"):
        await world.quotas.quotas()


async def test_nothing_is_shown_where_nothing_is_remembered(world: World) -> None:
    world.cluster.down = True
    with pytest.raises(UnknownError):
        await world.quotas.view()


async def test_a_change_that_never_meets_the_state_it_was_made_from_ends(world: World) -> None:
    world.cluster.failures = [Conflict("again")] * 100
    with pytest.raises(UnknownError) as caught:
        await world.quotas.update("vc1", 10, 10)

    assert caught.value.headers["Retry-After"] == "1"
