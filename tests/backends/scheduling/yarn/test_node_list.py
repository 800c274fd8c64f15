"""Nodes in all shapes become shapes of nodes."""

from __future__ import annotations

import pytest

from jobyard.domain.node import NodeShape
from jobyard_backends.scheduling.yarn.resource_manager.node_list import node_shapes


def _old(**more: object) -> dict[str, object]:
    return {
        "state": "RUNNING",
        "usedMemoryMB": 1024,
        "availMemoryMB": 3072,
        "usedVirtualCores": 3,
        "availableVirtualCores": 5,
        **more,
    }


def _new(gpus: int = 0, **more: object) -> dict[str, object]:
    kinds = [{"name": "yarn.io/gpu", "value": gpus}] if gpus else []
    total = {
        "memory": 4096,
        "vCores": 8,
        "resourceInformations": {"resourceInformation": kinds},
    }
    return {"state": "RUNNING", "totalResource": total, **more}


@pytest.mark.parametrize("node", [_old(), _new()])
def test_a_node_is_what_is_used_and_what_is_not(node: dict[str, object]) -> None:
    assert list(node_shapes({"nodes": {"node": node}})) == [NodeShape(1, 8, 4096)]


@pytest.mark.parametrize("node", [_old(usedGPUs=1, availableGPUs=3), _new(gpus=4)])
def test_gpus_are_fields_or_a_resource(node: dict[str, object]) -> None:
    assert list(node_shapes({"nodes": {"node": [node]}})) == [NodeShape(1, 8, 4096, gpus=4)]


def test_equal_nodes_are_counted() -> None:
    shapes = node_shapes({"nodes": {"node": [_old(), _new(), _new(gpus=2)]}})
    assert sorted(shape.count for shape in shapes) == [1, 2]


@pytest.mark.parametrize("state", ["LOST", "DECOMMISSIONED", "SHUTDOWN", "REBOOTED"])
def test_what_is_gone_is_no_node(state: str) -> None:
    assert list(node_shapes({"nodes": {"node": [_old(state=state)]}})) == []


@pytest.mark.parametrize("document", [None, {}, {"nodes": None}, {"nodes": ""}, {"nodes": {}}, []])
def test_a_cluster_without_nodes_has_none(document: object) -> None:
    assert list(node_shapes(document)) == []
