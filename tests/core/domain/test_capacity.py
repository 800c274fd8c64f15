from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain import capacity
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import ApiError, NoDefaultVirtualCluster, NoEnoughQuota, NoVirtualCluster

STOPPED = VirtualClusterState.STOPPED


def state(**shares: float) -> QuotaState:
    clusters = (
        VirtualCluster(VirtualClusterShare(name, share, 100.0 if name == "default" else share))
        for name, share in shares.items()
    )
    return QuotaState("7", tuple(clusters))


def shares(plan: CapacityPlan) -> dict[str, tuple[float, float]]:
    return {share.name: (share.capacity, share.max_capacity) for share in plan.shares}


def test_a_new_virtual_cluster_takes_its_capacity_from_default() -> None:
    plan = capacity.updated(state(default=100), "vc1", 30, 50)

    assert plan.version == "7"
    assert shares(plan) == {"default": (70, 100), "vc1": (30, 50)}


def test_a_smaller_share_gives_the_rest_back() -> None:
    plan = capacity.updated(state(default=10, vc1=90), "vc1", 40, 40)

    assert shares(plan) == {"default": (60, 100), "vc1": (40, 40)}


def test_default_may_be_drained_to_nothing() -> None:
    plan = capacity.updated(state(default=40, vc1=60), "vc2", 40, 40)

    assert shares(plan)["default"] == (0, 100)


def test_default_may_borrow_all_whatever_it_could_before() -> None:
    bounded = QuotaState("7", (VirtualCluster(VirtualClusterShare("default", 60.0, 70.0)),))

    assert shares(capacity.updated(bounded, "vc1", 40, 40))["default"] == (20, 100)


def test_more_than_default_has_is_refused() -> None:
    with pytest.raises(NoEnoughQuota):
        capacity.updated(state(default=40, vc1=60), "vc2", 41, 100)


def test_without_default_nothing_can_be_shared() -> None:
    with pytest.raises(NoDefaultVirtualCluster):
        capacity.updated(state(vc1=60), "vc1", 50, 50)
    with pytest.raises(NoDefaultVirtualCluster):
        capacity.removed(state(vc1=60), "vc1")


def test_a_change_keeps_whether_jobs_are_accepted() -> None:
    stopped = capacity.in_state(state(default=50, vc1=50), "vc1", STOPPED)
    again = QuotaState("8", tuple(map(VirtualCluster, stopped.shares)))

    plan = capacity.updated(again, "vc1", 60, 60)

    assert [share.state for share in plan.shares if share.name == "vc1"] == [STOPPED]


def test_an_unknown_one_can_neither_be_removed_nor_stopped() -> None:
    with pytest.raises(NoVirtualCluster, match="vc1"):
        capacity.removed(state(default=100), "vc1")
    with pytest.raises(NoVirtualCluster):
        capacity.in_state(state(default=100), "vc1", STOPPED)


Step = tuple[str, float | None]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.none() | st.floats(0, 100) | st.integers(0, 100).map(float),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_is_done_the_shares_add_up_to_all_of_the_cluster(steps: list[Step]) -> None:
    now = state(default=100)
    for name, share in steps:
        try:
            plan = (
                capacity.removed(now, name)
                if share is None
                else capacity.updated(now, name, share, share)
            )
        except ApiError:
            continue
        now = QuotaState(plan.version, tuple(map(VirtualCluster, plan.shares)))

        assert sum(each.capacity for each in plan.shares) == pytest.approx(100)
        assert all(0 <= each.capacity <= each.max_capacity <= 100 for each in plan.shares)
        assert "default" in shares(plan)
