"""The shares of virtual clusters, which change as a whole or not at all."""

from __future__ import annotations

import pytest

from jobyard.database.store import SqlStore
from jobyard.domain.virtual_cluster import CapacityPlan, VirtualClusterShare
from jobyard.errors import Conflict, Rejected
from jobyard_backends.scheduling.local import rows
from jobyard_backends.scheduling.local.decisions import Need, Resources
from jobyard_backends.scheduling.local.shares import Shares

DEFAULT = VirtualClusterShare("default", 70, 100)
VC1 = VirtualClusterShare("vc1", 30, 50)


@pytest.fixture
async def shares(store: SqlStore) -> Shares:
    await store.migrate(rows.MIGRATIONS)
    opened = Shares(store)
    await opened.load()
    return opened


def version(shares: Shares) -> str:
    return shares.state(Resources(1, 1, 0), (), {}).version


async def test_the_first_is_default_with_everything(shares: Shares) -> None:
    assert shares.all() == (VirtualClusterShare("default", 100, 100),)


async def test_a_plan_is_true_at_once_and_after_a_restart(shares: Shares, store: SqlStore) -> None:
    await shares.apply(CapacityPlan(version(shares), (VC1, DEFAULT)))
    again = Shares(store)
    await again.load()

    assert shares.all() == again.all() == (DEFAULT, VC1)
    assert version(shares) == version(again)


async def test_a_plan_from_an_older_state_is_a_conflict_and_changes_nothing(
    shares: Shares, store: SqlStore
) -> None:
    old, other = version(shares), Shares(store)
    await other.load()
    await shares.apply(CapacityPlan(old, (DEFAULT, VC1)))

    for late in (shares, other):
        with pytest.raises(Conflict):
            await late.apply(CapacityPlan(old, (VirtualClusterShare("default", 100),)))
    assert shares.all() == (DEFAULT, VC1)


@pytest.mark.parametrize(
    "plan",
    [
        (),
        (VC1,),
        (DEFAULT, VC1, VC1),
        (DEFAULT, VirtualClusterShare("vc1", 31, 50)),
        (DEFAULT, VirtualClusterShare("vc1", 30, 20)),
        (DEFAULT, VirtualClusterShare("vc1", -1, 20)),
        (DEFAULT, VirtualClusterShare("vc1", 30, 101)),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(
    shares: Shares, plan: tuple[VirtualClusterShare, ...]
) -> None:
    with pytest.raises(Rejected) as refused:
        await shares.apply(CapacityPlan(version(shares), plan))

    assert refused.value.status == 400
    assert [share.name for share in shares.all()] == ["default"]


async def test_usage_is_of_the_jobs_that_hold_a_place_and_those_that_wait(shares: Shares) -> None:
    await shares.apply(CapacityPlan(version(shares), (DEFAULT, VC1)))
    held = (Need("a", "vc1", Resources(2, 100, 1), 0), Need("b", "vc1", Resources(1, 300, 0), 0))

    state = shares.state(Resources(10, 1000, 4), held, {"default": 1})

    default, vc1 = state.get("default"), state.get("vc1")
    assert default is not None
    assert vc1 is not None
    assert (vc1.usage.active_jobs, vc1.usage.pending_jobs, vc1.usage.used_capacity) == (2, 0, 40.0)
    assert (vc1.usage.resources.memory, vc1.usage.resources.vcores) == (400, 3)
    assert (default.usage.active_jobs, default.usage.pending_jobs, default.usage.jobs) == (0, 1, 1)
