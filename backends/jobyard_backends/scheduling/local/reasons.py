"""Why a job waits, and where in its line."""

from __future__ import annotations

from jobyard.domain.job import JobConfig
from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Board, Need, Resources, resources_of


def never(
    machine: Resources, share: VirtualClusterShare | None, config: JobConfig
) -> WaitingReason | None:
    """Say why a job could never run on an empty machine, or ``None`` where it could."""
    for role in config.task_roles:
        task = Resources(role.cpu_number, role.memory_mb, role.gpu_number)
        if not task.within(machine):
            return WaitingReason(
                WaitingCode.LARGER_THAN_ANY_NODE,
                f"One task of {role.name} asks for {task}; the largest node has {machine}.",
            )
    if share is None:
        return WaitingReason(
            WaitingCode.QUOTA_EXCEEDED,
            f"Virtual cluster {config.virtual_cluster} has no capacity.",
        )
    limit = machine.percent(share.max_capacity)
    need = resources_of(config)
    if need.within(limit):
        return None
    return WaitingReason(
        WaitingCode.QUOTA_EXCEEDED,
        f"The job asks for {need}; the most that virtual cluster {share.name} may hold "
        f"({share.max_capacity:g} % of the cluster) is {limit}.",
    )


def why_waiting(board: Board, need: Need, position: int) -> WaitingReason:
    """Say why a job that could run some day has not started; ``position`` is that in its line.

    A quota is named before the machine, and what is ahead only where neither is in the way.
    """
    used, limit, free = board.used(need.cluster), board.limit(need.cluster), board.free()
    asks = f"The job asks for {need.resources}"
    code = WaitingCode.NO_CAPACITY
    # Where the limit is the whole machine, it is the machine that is full, and no quota.
    if limit != board.machine and not need.resources.within(limit - used):
        code = WaitingCode.QUOTA_EXCEEDED
        message = (
            f"{asks}; virtual cluster {need.cluster} holds {used} of the {limit} that it may hold."
        )
    elif not need.resources.within(free):
        later = "" if position == 1 else ", and earlier jobs wait for them"
        message = f"{asks}; {free} are free{later}."
    elif position > 1:
        message = f"{asks}, which are free; it would delay a job ahead of it in its line."
    else:
        message = (
            f"{asks}, which are free; it would borrow what jobs of other virtual clusters wait for."
        )
    return WaitingReason(code, message, queue_position=position)
