"""Answers of ``GET scheduler`` in all shapes become the same virtual clusters."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.virtual_cluster import ResourcesUsed, VirtualClusterState
from jobyard.errors import BadConfiguration, Unavailable
from jobyard_backends.scheduling.yarn.resource_manager.queues import Queue, queues, state_of

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
_FIELDS: Final = [
    "queueName",
    "capacity",
    "maxCapacity",
    "absoluteUsedCapacity",
    "state",
    "numApplications",
    "mode",
    "numActiveApplications",
    "numPendingApplications",
    "resourcesUsed",
    "resources",
    "isAbsoluteResource",
]


def _answer(found: object, kind: str = "capacityScheduler") -> object:
    info = {"type": kind, "queueName": "root", "queues": {"queue": found}}
    return {"scheduler": {"schedulerInfo": info}}


def _leaf(name: str = "default") -> dict[str, object]:
    return {"queueName": name, "capacity": 100.0, "maxCapacity": 100.0, "state": "RUNNING"}


def _one(**more: object) -> Queue:
    (queue,) = queues(_answer([_leaf() | more]))
    return queue


def test_a_single_queue_is_a_list_or_none() -> None:
    assert queues(_answer(_leaf())) == queues(_answer([_leaf()]))


@pytest.mark.parametrize("nothing", [None, [], "", {}])
def test_a_root_without_queues_has_none(nothing: object) -> None:
    assert queues(_answer(nothing)) == ()


def test_shares_are_rounded_as_yarn_does_not() -> None:
    share = _one(capacity=20.000002, maxCapacity=30.000002).share
    assert (share.capacity, share.max_capacity) == (20.0, 30.0)


@pytest.mark.parametrize("value", ["NaN", float("nan"), float("inf"), None, True, {}])
def test_what_is_no_number_is_none(value: object) -> None:
    assert _one(capacity=value).share.capacity == 0
    assert _one(absoluteUsedCapacity=value).usage.used_capacity == 0


def test_numbers_may_be_written_as_texts() -> None:
    queue = _one(capacity="62.5", numActiveApplications="3")
    assert (queue.share.capacity, queue.usage.active_jobs) == (62.5, 3)


@pytest.mark.parametrize("state", ["STOPPED", "DRAINING", "stopped"])
def test_only_one_that_runs_takes_jobs(state: str) -> None:
    assert _one(state=state).share.state is VirtualClusterState.STOPPED
    assert _one(state="RUNNING").share.state is VirtualClusterState.RUNNING


def test_gpus_are_a_field_or_a_resource() -> None:
    patched = {"memory": 1024, "vCores": 2, "GPUs": 3}
    kinds = [
        {"name": "memory-mb", "value": 1024},
        {"name": "vcores", "value": 2},
        {"name": "yarn.io/gpu", "value": 3},
    ]
    plain = {"memory": 1024, "vCores": 2, "resourceInformations": {"resourceInformation": kinds}}

    for used in (patched, plain):
        assert _one(resourcesUsed=used).usage.resources == ResourcesUsed(1024, 2, 3)
    single = {"memory": 1, "resourceInformations": {"resourceInformation": kinds[2]}}
    assert _one(resourcesUsed=single).usage.resources.gpus == 3


def test_what_is_used_in_partitions_counts_too() -> None:
    used = {"memory": 100, "vCores": 1}
    partitions = [
        {"partitionName": "", "used": used},
        {"partitionName": "gpu", "used": {"memory": 200, "vCores": 2, "GPUs": 1}},
    ]
    found = _one(resourcesUsed=used, resources={"resourceUsagesByPartition": partitions})
    assert found.usage.resources == ResourcesUsed(300, 3, 1)


def test_a_queue_of_queues_counts_all_that_is_below_it() -> None:
    usage = _one(numApplications=5).usage
    assert usage.jobs == 5
    usage = _one(numApplications=5, numActiveApplications=2, numPendingApplications=3).usage
    assert (usage.active_jobs, usage.pending_jobs) == (2, 3)


def test_a_name_may_be_a_path() -> None:
    assert _one(queueName="root.vc1").share.name == "vc1"


@pytest.mark.parametrize(
    ("more", "percent"),
    [
        ({}, True),
        ({"mode": "percentage", "isAbsoluteResource": False}, True),
        ({"mode": "weight"}, False),
        ({"isAbsoluteResource": True}, False),
    ],
)
def test_shares_that_are_no_percentages_are_noticed(more: dict[str, object], percent: bool) -> None:
    assert _one(**more).in_percent is percent


def test_the_version_is_that_of_the_shares() -> None:
    found = state_of(queues(_answer([_leaf(), _leaf("vc1")])))
    again = state_of(queues(_answer([_leaf("vc1") | {"numApplications": 7}, _leaf()])))
    assert found.version == again.version
    changes: tuple[dict[str, Any], ...] = (
        {"capacity": 1},
        {"maxCapacity": 1},
        {"state": "STOPPED"},
        {"queueName": "vc2"},
    )
    for change in changes:
        other = state_of(queues(_answer([_leaf(), _leaf("vc1") | change])))
        assert other.version != found.version


@pytest.mark.parametrize("kind", ["fairScheduler", "fifoScheduler", ""])
def test_another_scheduler_is_a_bad_configuration(kind: str) -> None:
    with pytest.raises(BadConfiguration, match="CapacityScheduler"):
        queues(_answer([], kind))


@given(_JSON)
def test_no_answer_is_a_crash(document: object) -> None:
    with pytest.raises(Unavailable):
        queues(document)
    queues(_answer(document))


@given(st.lists(st.dictionaries(st.sampled_from(_FIELDS), _JSON | st.text(max_size=3))))
def test_no_queue_is_a_crash_nor_out_of_bounds(found: list[dict[str, object]]) -> None:
    for queue in queues(_answer(json.loads(json.dumps(found)))):
        assert 0 <= queue.share.capacity <= 100
        assert 0 <= queue.share.max_capacity <= 100
        assert queue.share.name
        assert queue.usage.active_jobs >= 0
        assert queue.usage.pending_jobs >= 0
