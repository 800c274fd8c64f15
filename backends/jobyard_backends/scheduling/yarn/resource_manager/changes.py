"""Writing ``PUT scheduler-conf``: from what is to what a plan wants, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import Rejected

_WHOLE: Final = 100.0
_ROUNDING: Final = 0.01
_BORROWING: Final = "100"
"""How many times the share of its virtual cluster one user may have; 1 where nothing is said."""

_STATES: Final = {VirtualClusterState.RUNNING: "RUNNING", VirtualClusterState.STOPPED: "STOPPED"}


def check(plan: CapacityPlan) -> None:
    """Refuse a plan that makes no sense.

    Raises:
        Rejected: It has no ``default``, a name twice, a capacity that is no percentage or above
            its maximum, or more than 100 % together.
    """
    names = [share.name for share in plan.shares]
    if DEFAULT_VIRTUAL_CLUSTER not in names or len(set(names)) != len(names):
        raise Rejected("A plan needs 'default', and every virtual cluster once.", status=400)
    for share in plan.shares:
        if not 0 <= share.capacity <= share.max_capacity + _ROUNDING <= _WHOLE + 2 * _ROUNDING:
            message = f"{share.name}: expected 0 <= capacity <= maximum <= 100"
            raise Rejected(message, status=400)
    together = sum(share.capacity for share in plan.shares)
    if together > _WHOLE + _ROUNDING:
        message = f"The capacities are {_decimal(together)} % together."
        raise Rejected(message, status=400)


def removed(state: QuotaState, plan: CapacityPlan) -> Sequence[VirtualClusterShare]:
    """Give those that a plan leaves out."""
    kept = {share.name for share in plan.shares}
    return [each.share for each in state.clusters if each.share.name not in kept]


def transaction(state: QuotaState, plan: CapacityPlan) -> Mapping[str, object]:
    """Give what makes a plan true; empty where nothing has to be done.

    Only what differs is in it, so that what others change meanwhile stays. A queue that is
    removed has to be stopped before.
    """
    known = {each.share.name: each.share for each in state.clusters}
    changed = [
        _entry(share.name, parameters)
        for share in plan.shares
        if share.name in known and (parameters := _changed(known[share.name], share))
    ]
    new = [_entry(share.name, _all(share)) for share in plan.shares if share.name not in known]
    gone = [_path(share.name) for share in removed(state, plan)]
    document = {"remove-queue": gone, "add-queue": new, "update-queue": changed}
    return {name: entries for name, entries in document.items() if entries}


def in_state(names: Sequence[str], wanted: VirtualClusterState) -> Mapping[str, object]:
    """Give what lets queues take new applications, or not, and changes nothing else."""
    return {"update-queue": [_entry(name, {"state": _STATES[wanted]}) for name in names]}


def _all(share: VirtualClusterShare) -> Mapping[str, str]:
    # All of it: what an update of a queue of that name left, which was gone, is kept otherwise.
    return {
        "capacity": _decimal(share.capacity),
        "maximum-capacity": _decimal(share.max_capacity),
        "state": _STATES[share.state],
        "user-limit-factor": _BORROWING,
    }


def _changed(before: VirtualClusterShare, after: VirtualClusterShare) -> Mapping[str, str]:
    was, wanted = _all(before), _all(after)
    return {name: value for name, value in wanted.items() if was[name] != value}


def _entry(name: str, parameters: Mapping[str, str]) -> Mapping[str, object]:
    entries = [{"key": key, "value": value} for key, value in parameters.items()]
    return {"queue-name": _path(name), "params": {"entry": entries}}


def _path(name: str) -> str:
    return f"root.{name}"


def _decimal(value: float) -> str:
    """Write a percentage in at most four decimals, as the ResourceManager's are read."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
