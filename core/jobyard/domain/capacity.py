"""The arithmetic of capacities: what a virtual cluster gets, ``default`` gives (contract, 5).

Each function makes a whole plan from a whole state, so that a scheduler applies it or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import NoDefaultVirtualCluster, NoEnoughQuota, NoVirtualCluster

WHOLE: Final = 100.0
"""Percent."""

_ROUNDING: Final = 1e-6


def updated(state: QuotaState, name: str, capacity: float, max_capacity: float) -> CapacityPlan:
    """Give the plan that makes a virtual cluster, or changes its share.

    Both capacities are in percent, ``0 <= capacity <= max_capacity <= 100``.

    Raises:
        NoDefaultVirtualCluster: There is no ``default`` to take it from.
        NoEnoughQuota: ``default`` has less than what is asked for.
    """
    shares = _shares(state)
    known = _find(shares, name)
    before = 0.0 if known is None else known.capacity
    default = _default_after(shares, capacity - before)
    wanted = (
        VirtualClusterShare(name, capacity, max_capacity)
        if known is None
        else evolve(known, capacity=capacity, max_capacity=max_capacity)
    )
    return _plan(state, [default, wanted])


def removed(state: QuotaState, name: str) -> CapacityPlan:
    """Give the plan without a virtual cluster, whose capacity goes back to ``default``.

    Raises:
        NoDefaultVirtualCluster: There is no ``default`` to give it to.
        NoVirtualCluster: There is no such virtual cluster.
    """
    shares = _shares(state)
    default = _default_after(shares, -_known(shares, name).capacity)
    plan = _plan(state, [default])
    return evolve(plan, shares=tuple(share for share in plan.shares if share.name != name))


def in_state(state: QuotaState, name: str, wanted: VirtualClusterState) -> CapacityPlan:
    """Give the plan in which a virtual cluster accepts new jobs, or does not.

    Raises:
        NoVirtualCluster: There is no such virtual cluster.
    """
    return _plan(state, [evolve(_known(_shares(state), name), state=wanted)])


def _shares(state: QuotaState) -> Sequence[VirtualClusterShare]:
    return [cluster.share for cluster in state.clusters]


def _find(shares: Sequence[VirtualClusterShare], name: str) -> VirtualClusterShare | None:
    return next((share for share in shares if share.name == name), None)


def _known(shares: Sequence[VirtualClusterShare], name: str) -> VirtualClusterShare:
    share = _find(shares, name)
    if share is None:
        raise NoVirtualCluster(name)
    return share


def _default_after(shares: Sequence[VirtualClusterShare], taken: float) -> VirtualClusterShare:
    default = _find(shares, DEFAULT_VIRTUAL_CLUSTER)
    if default is None:
        raise NoDefaultVirtualCluster
    left = default.capacity - taken
    if left < -_ROUNDING:
        raise NoEnoughQuota
    return evolve(default, capacity=min(WHOLE, max(0.0, left)), max_capacity=WHOLE)


def _plan(state: QuotaState, changed: Sequence[VirtualClusterShare]) -> CapacityPlan:
    shares = {share.name: share for share in (*_shares(state), *changed)}
    return CapacityPlan(state.version, tuple(shares[name] for name in sorted(shares)))
