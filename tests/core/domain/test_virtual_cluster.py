"""Virtual clusters as a scheduler tells them."""

from __future__ import annotations

from jobyard.domain.virtual_cluster import (
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)


def test_a_virtual_cluster_is_found_by_its_name_and_another_is_not() -> None:
    one, other = (VirtualCluster(VirtualClusterShare(name, 50.0)) for name in ("a", "b"))
    state = QuotaState("1", (one, other))

    assert state.get("a") is one
    assert state.get("b") is other
    assert state.get("c") is None


def test_the_jobs_of_a_virtual_cluster_are_the_active_and_the_pending_ones() -> None:
    assert VirtualClusterUsage(active_jobs=2, pending_jobs=3).jobs == 5
