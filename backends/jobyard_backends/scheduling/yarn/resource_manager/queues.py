"""Reading ``GET scheduler``: the queues below the root, in the shapes of Hadoop 2.9 to 3.4."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from jobyard.domain.virtual_cluster import (
    QuotaState,
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterState,
    VirtualClusterUsage,
)
from jobyard.errors import BadConfiguration, Unavailable
from jobyard_backends.scheduling.yarn.resource_manager.documents import (
    Document,
    count,
    number,
    objects,
    part,
    text,
)
from jobyard_backends.scheduling.yarn.resource_manager.resources import Resources, resources

_WHOLE: Final = 100.0
_DECIMALS: Final = 4
"""What is left of a percentage: it is kept with some seven digits, 30.000002 for 30."""


@frozen
class Queue:
    """Be a queue below the root; ``in_percent`` says that its share is, and can be changed."""

    share: VirtualClusterShare
    usage: VirtualClusterUsage = field(factory=VirtualClusterUsage)
    in_percent: bool = True


def queues(document: object) -> tuple[Queue, ...]:
    """Read the answer, in the order of the queues' names.

    Raises:
        BadConfiguration: The scheduler is no CapacityScheduler (R).
        Unavailable: It is no such answer.
    """
    info = part(document, "scheduler", "schedulerInfo")
    if info is None:
        raise Unavailable("What answers is no ResourceManager.", detail="no schedulerInfo")
    kind = text(info, "type")
    if kind != "capacityScheduler":
        message = f"YARN's scheduler has to be a CapacityScheduler, and is {kind or 'unknown'}."
        raise BadConfiguration(message)
    found = [_queue(each) for each in objects(info, "queues", "queue") if _name(each)]
    return tuple(sorted(found, key=lambda queue: queue.share.name))


def state_of(found: Sequence[Queue]) -> QuotaState:
    """Give the virtual clusters; the version is that of their shares, not of their usage."""
    shares = repr([queue.share for queue in found])
    return QuotaState(
        version=hashlib.sha256(shares.encode()).hexdigest()[:32],
        clusters=tuple(VirtualCluster(queue.share, queue.usage) for queue in found),
    )


def _queue(document: Document) -> Queue:
    runs = (text(document, "state") or "RUNNING").upper() == "RUNNING"
    return Queue(
        share=VirtualClusterShare(
            name=_name(document),
            capacity=_percent(number(document, "capacity")),
            max_capacity=_percent(number(document, "maxCapacity", default=_WHOLE)),
            state=VirtualClusterState.RUNNING if runs else VirtualClusterState.STOPPED,
        ),
        usage=_usage(document),
        in_percent=text(document, "mode") in {"", "percentage"}
        and part(document, "isAbsoluteResource") is not True,
    )


def _usage(document: Document) -> VirtualClusterUsage:
    # Draining says how many are left of what was there; a queue of queues, how many in all.
    active = count(document, "numActiveApplications")
    pending = count(document, "numPendingApplications")
    others = max(0, count(document, "numApplications") - active - pending)
    used = _used(document)
    return VirtualClusterUsage(
        used_capacity=number(document, "absoluteUsedCapacity"),
        active_jobs=active + others,
        pending_jobs=pending,
        resources=ResourcesUsed(used.memory, used.vcores, used.gpus),
    )


def _used(document: Document) -> Resources:
    """Give what is used in all partitions; ``resourcesUsed`` is of the one without a label."""
    partitions = objects(document, "resources", "resourceUsagesByPartition")
    labelled = [each for each in partitions if text(each, "partitionName")]
    total = resources(part(document, "resourcesUsed"))
    for each in labelled:
        total += resources(part(each, "used"))
    return total


def _name(document: Document) -> str:
    return text(document, "queueName").rpartition(".")[2]


def _percent(value: float) -> float:
    return min(_WHOLE, max(0.0, round(value, _DECIMALS)))
