"""Reading ``GET nodes``: how many nodes there are of which size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from jobyard.domain.node import NodeShape
from jobyard_backends.scheduling.yarn.resource_manager.documents import (
    Document,
    count,
    objects,
    part,
    text,
)
from jobyard_backends.scheduling.yarn.resource_manager.resources import Resources, resources

_GONE: Final = frozenset(
    {"DECOMMISSIONED", "DECOMMISSIONING", "LOST", "REBOOTED", "SHUTDOWN", "NEW"}
)


def node_shapes(document: object) -> Sequence[NodeShape]:
    """Read the answer; what is gone, or tells no size, is left out."""
    sizes = Counter(
        size
        for node in objects(document, "nodes", "node")
        if text(node, "state") not in _GONE
        for size in (_size(node),)
        if size.memory and size.vcores
    )
    return [
        NodeShape(count=times, cpus=size.vcores, memory_mb=size.memory, gpus=size.gpus)
        for size, times in sizes.items()
    ]


def _size(node: Document) -> Resources:
    """Give the whole of a node: Hadoop 3 says it, before that it is what is used and what is not."""
    gpus = count(node, "usedGPUs") + count(node, "availableGPUs")
    total = resources(part(node, "totalResource"))
    if total.memory:
        return Resources(total.memory, total.vcores, total.gpus or gpus)
    return Resources(
        memory=count(node, "usedMemoryMB") + count(node, "availMemoryMB"),
        vcores=count(node, "usedVirtualCores") + count(node, "availableVirtualCores"),
        gpus=gpus,
    )
