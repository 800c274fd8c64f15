"""Whether a job can run on the cluster at all."""

from __future__ import annotations

from collections.abc import Sequence

from jobyard.domain.job import JobConfig, TaskRole
from jobyard.domain.node import NodeShape
from jobyard.domain.status import WaitingCode, WaitingReason


def refusal(config: JobConfig, nodes: Sequence[NodeShape]) -> WaitingReason | None:
    """Say why a job can never run; nobody can tell where no nodes are known."""
    for role in config.task_roles:
        if nodes and not any(_fits(role, node) for node in nodes):
            there = "; ".join(
                sorted({f"{n.cpus} CPUs, {n.memory_mb} MB, {n.gpus} GPUs" for n in nodes})
            )
            message = (
                f"A task of {role.name} asks for {role.cpu_number} CPUs, {role.memory_mb} MB and "
                f"{role.gpu_number} GPUs, which no node has. There are nodes of {there}."
            )
            return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, message)
    return None


def _fits(role: TaskRole, node: NodeShape) -> bool:
    return (
        role.cpu_number <= node.cpus
        and role.memory_mb <= node.memory_mb
        and role.gpu_number <= node.gpus
    )
