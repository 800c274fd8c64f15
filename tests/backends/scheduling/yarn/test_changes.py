"""What is sent makes a plan true, and touches nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import Rejected
from jobyard_backends.scheduling.yarn.resource_manager import changes

_STATES: Final = {state.name: state for state in VirtualClusterState}
_NAMES: Final = ("default", "vc1", "vc2", "vc3")

_percents = st.integers(0, 1_000_000).map(lambda number: number / 10_000)
_shares = st.builds(
    VirtualClusterShare,
    name=st.sampled_from(_NAMES),
    capacity=_percents,
    max_capacity=_percents,
    state=st.sampled_from(VirtualClusterState),
)
_sets = st.lists(_shares, unique_by=lambda share: share.name).map(tuple)


def _state(shares: Sequence[VirtualClusterShare]) -> QuotaState:
    return QuotaState("1", tuple(VirtualCluster(share) for share in shares))


def _done(
    shares: Sequence[VirtualClusterShare], document: Mapping[str, Any]
) -> dict[str, VirtualClusterShare]:
    """Do what a ResourceManager does with a change."""
    held = {f"root.{share.name}": share for share in shares}
    for path in document.get("remove-queue", []):
        del held[path]
    for entry in document.get("add-queue", []):
        path = entry["queue-name"]
        assert path not in held
        held[path] = _with(VirtualClusterShare(path.removeprefix("root."), 0.0), entry)
    for entry in document.get("update-queue", []):
        held[entry["queue-name"]] = _with(held[entry["queue-name"]], entry)
    return {share.name: share for share in held.values()}


def _with(share: VirtualClusterShare, entry: Mapping[str, Any]) -> VirtualClusterShare:
    for each in entry["params"]["entry"]:
        match each:
            case {"key": "capacity", "value": value}:
                share = evolve(share, capacity=float(value))
            case {"key": "maximum-capacity", "value": value}:
                share = evolve(share, max_capacity=float(value))
            case {"key": "state", "value": value}:
                share = evolve(share, state=_STATES[value])
            case {"key": "user-limit-factor"}:
                pass
            case _:
                pytest.fail(f"unknown: {each}")
    return share


@given(_sets, _sets)
def test_a_transaction_makes_a_plan_true(
    before: tuple[VirtualClusterShare, ...], after: tuple[VirtualClusterShare, ...]
) -> None:
    plan = CapacityPlan("1", after)
    document = changes.transaction(_state(before), plan)

    assert _done(before, document) == {share.name: share for share in after}
    assert changes.transaction(_state(after), plan) == {}


@given(_sets, _shares)
def test_what_a_plan_leaves_alone_is_not_sent(
    before: tuple[VirtualClusterShare, ...], share: VirtualClusterShare
) -> None:
    others = tuple(each for each in before if each.name != share.name)
    document = changes.transaction(_state(before), CapacityPlan("1", (*others, share)))

    entries = [entry for found in document.values() for entry in cast("list[Any]", found)]
    assert [entry["queue-name"] for entry in entries] in ([], [f"root.{share.name}"])


def test_only_what_differs_of_a_queue_is_sent() -> None:
    share = VirtualClusterShare("vc1", 20.0, 30.0)
    plan = CapacityPlan("1", (evolve(share, capacity=25.0),))

    entry = {"queue-name": "root.vc1", "params": {"entry": [{"key": "capacity", "value": "25"}]}}
    assert changes.transaction(_state([share]), plan) == {"update-queue": [entry]}


@pytest.mark.parametrize(
    "shares",
    [
        (VirtualClusterShare("vc1", 10.0),),
        (VirtualClusterShare("default", 50.0), VirtualClusterShare("default", 50.0)),
        (VirtualClusterShare("default", 100.0), VirtualClusterShare("vc1", 1.0)),
        (VirtualClusterShare("default", -1.0),),
        (VirtualClusterShare("default", float("nan")),),
        (VirtualClusterShare("default", 10.0, 101.0),),
        (VirtualClusterShare("default", 10.0, 9.0),),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(shares: tuple[VirtualClusterShare, ...]) -> None:
    with pytest.raises(Rejected):
        changes.check(CapacityPlan("1", shares))


def test_a_plan_that_makes_sense_is_not_refused() -> None:
    shares = (VirtualClusterShare("default", 66.6667), VirtualClusterShare("vc1", 33.3333))
    changes.check(CapacityPlan("1", shares))
