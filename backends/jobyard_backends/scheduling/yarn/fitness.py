"""Whether a job can run on the cluster at all, and why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from jobyard.domain.job import JobConfig, TaskRole
from jobyard.domain.node import NodeShape
from jobyard.domain.states import FrameworkState, JobState
from jobyard.domain.status import JobStatus, WaitingCode, WaitingReason

_PLACELESS: Final = "The job waits until YARN has room for all its tasks at once."
_REASONS: Final = {
    FrameworkState.FRAMEWORK_WAITING: (
        WaitingCode.STARTING,
        "The launcher has not begun the job's next attempt yet.",
    ),
    FrameworkState.APPLICATION_CREATED: (
        WaitingCode.STARTING,
        "The launcher is handing the job to YARN.",
    ),
    FrameworkState.APPLICATION_LAUNCHED: (
        WaitingCode.NO_CAPACITY,
        "The job waits for room in its virtual cluster.",
    ),
    FrameworkState.APPLICATION_WAITING: (WaitingCode.NO_CAPACITY, _PLACELESS),
}
_ENDING: Final = (WaitingCode.STARTING, "The job's attempt has ended, and is being looked at.")


def refusal(
    config: JobConfig, nodes: Sequence[NodeShape], *, gpus: bool | None
) -> WaitingReason | None:
    """Say why a job can never run; ``gpus`` is whether the launcher gives any, where known."""
    for role in config.task_roles:
        message = _no_gpus(role, gpus=gpus) or _too_large(role, nodes, config.gpu_type)
        if message is not None:
            return WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, message)
    return None


def waiting(status: JobStatus) -> WaitingReason | None:
    """Say why a job waits; ``None`` where it does not."""
    if status.summary.state is not JobState.WAITING or status.summary.framework_state is None:
        return None
    code, message = _REASONS.get(status.summary.framework_state, _ENDING)
    return WaitingReason(code, message)


def _no_gpus(role: TaskRole, *, gpus: bool | None) -> str | None:
    if not role.gpu_number or gpus is not False:
        return None
    return (
        f"A task of {role.name} asks for {role.gpu_number} GPUs, and this cluster's Hadoop gives "
        "none: set gpuNumber to 0."
    )


def _too_large(role: TaskRole, nodes: Sequence[NodeShape], gpu_type: str) -> str | None:
    there = [node for node in nodes if node.count > 0]
    if not there:
        return None
    if any(_fits(role, node, gpu_type) for node in there):
        return None
    largest = "; ".join(sorted({_told(node) for node in there}))
    return (
        f"A task of {role.name} asks for {role.cpu_number} CPUs, {role.memory_mb} MB and "
        f"{role.gpu_number} GPUs{f' of type {gpu_type}' if gpu_type else ''}, which no node has. "
        f"There are nodes of {largest}."
    )


def _fits(role: TaskRole, node: NodeShape, gpu_type: str) -> bool:
    if gpu_type and role.gpu_number and node.gpu_type and node.gpu_type != gpu_type:
        return False
    return (
        role.cpu_number <= node.cpus
        and role.memory_mb <= node.memory_mb
        and role.gpu_number <= node.gpus
    )


def _told(node: NodeShape) -> str:
    return f"{node.cpus} CPUs, {node.memory_mb} MB and {node.gpus} GPUs"
