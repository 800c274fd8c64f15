"""Virtual clusters as queues of YARN's CapacityScheduler."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
from attrs import evolve

from jobyard.domain.node import NodeShape
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualClusterShare,
    VirtualClusterState,
)
from jobyard.errors import BackendError, Conflict, NotSupported, Rejected, Unavailable
from jobyard_backends.scheduling.yarn.resource_manager import changes
from jobyard_backends.scheduling.yarn.resource_manager.client import Question, ResourceManagers
from jobyard_backends.scheduling.yarn.resource_manager.node_list import node_shapes
from jobyard_backends.scheduling.yarn.resource_manager.queues import Queue, queues, state_of

_SCHEDULER: Final = "/ws/v1/cluster/scheduler"
_CONFIGURATION: Final = "/ws/v1/cluster/scheduler-conf"
_NODES: Final = "/ws/v1/cluster/nodes"
_METRICS: Final = "/ws/v1/cluster/metrics"
_ATTEMPTS: Final = 3
_UNDOING: Final = 10.0
_NOT_FOUND: Final = 404
_CHANGED: Final = "The virtual clusters have been changed meanwhile."
_IMMUTABLE: Final = "only supported by mutable configuration"
_HOW_TO_MEND: Final = (
    "YARN's queues cannot be changed from here: set yarn.scheduler.configuration.store.class to "
    "'leveldb', 'zk' or 'fs' in its yarn-site.xml, which needs Hadoop 2.9 or later."
)
_OTHER_SHARES: Final = (
    "YARN's queues have weights or absolute resources in place of percentages, which cannot be "
    "changed from here."
)


class VirtualClusters:
    """Show and change the queues below the root: the part of a scheduler that is about shares.

    The methods and their errors are those of :class:`jobyard.seams.scheduling.Scheduler`.
    """

    def __init__(self, managers: ResourceManagers) -> None:
        self._managers = managers
        self._lock = anyio.Lock()

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage.

        Raises:
            BadConfiguration: YARN's scheduler is no CapacityScheduler (R).
        """
        return state_of(await self._queues())

    async def nodes(self) -> Sequence[NodeShape]:
        """Give the shapes of the nodes."""
        return node_shapes(await self._managers.read(_NODES))

    async def ping(self) -> None:
        """Return if an active ResourceManager answers."""
        await self._managers.read(_METRICS)

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing.

        YARN has no versions to hold a change against. It refuses whatever would not add up to
        100 %, so that of two changes at once that both take from ``default`` one is refused, and
        becomes a ``Conflict``; others at once do not meet, as only what differs is sent.

        Raises:
            Conflict: The state has changed since the plan's version.
            Rejected: YARN, or good sense, refuses the plan.
            NotSupported: YARN keeps no changes of its queues, or does not count in percent.
        """
        changes.check(plan)
        async with self._lock:
            found = await self._queues()
            state = state_of(found)
            if state.version != plan.version:
                raise Conflict(_CHANGED)
            if not all(queue.in_percent for queue in found):
                raise NotSupported(_OTHER_SHARES)
            async with self._halted(state, plan) as now:
                await self._make_true(now, plan)

    @asynccontextmanager
    async def _halted(self, state: QuotaState, plan: CapacityPlan) -> AsyncIterator[QuotaState]:
        """Stop queues that are to be removed; let them go on where the block fails.

        Where that fails too, it is that failure which is raised (R).
        """
        names = [
            share.name
            for share in changes.removed(state, plan)
            if share.state is VirtualClusterState.RUNNING
        ]
        if not names:
            yield state
            return
        try:
            yield await self._stopped(state, names)
        except BaseException as failure:
            with anyio.move_on_after(_UNDOING, shield=True):
                try:
                    await self._change(changes.in_state(names, VirtualClusterState.RUNNING))
                except BackendError:
                    if isinstance(failure, Exception):
                        raise
            raise

    async def _stopped(self, state: QuotaState, names: Sequence[str]) -> QuotaState:
        await self._change(changes.in_state(names, VirtualClusterState.STOPPED))
        now = await self.quotas()
        if _shares(now) != _shares(state, stopped=names):
            raise Conflict(_CHANGED)
        return now

    async def _make_true(self, state: QuotaState, plan: CapacityPlan) -> None:
        """Send what differs; where nobody knows whether that was done, look, and send it again."""
        wanted = changes.transaction(state, plan)
        for left in range(_ATTEMPTS if wanted else 0, 0, -1):
            try:
                await self._change(wanted)
            except (Rejected, Unavailable) as failure:
                if await self._is_true(state, plan, failure):
                    return
                if left == 1 or isinstance(failure, Rejected):
                    raise
            else:
                # A change of an unknown queue is taken, and changes nothing.
                if not _knows(await self.quotas(), plan):
                    raise Conflict(_CHANGED)
                return

    async def _is_true(self, before: QuotaState, plan: CapacityPlan, failure: BackendError) -> bool:
        """Look whether a plan came true all the same, or nothing did, of which nobody was sure."""
        now = await self.quotas()
        if not changes.transaction(now, plan):
            return True
        if now.version != before.version:
            raise Conflict(_CHANGED) from failure
        return False

    async def _change(self, document: Mapping[str, object]) -> None:
        try:
            await self._managers.ask(
                Question("PUT", _CONFIGURATION, document=document, repeatable=False)
            )
        except Rejected as error:
            if error.status == _NOT_FOUND or _IMMUTABLE in error.message:
                raise NotSupported(_HOW_TO_MEND, detail=error.detail) from error
            raise

    async def _queues(self) -> Sequence[Queue]:
        return queues(await self._managers.read(_SCHEDULER))


def _shares(state: QuotaState, *, stopped: Sequence[str] = ()) -> Sequence[VirtualClusterShare]:
    shares = [cluster.share for cluster in state.clusters]
    return [
        evolve(share, state=VirtualClusterState.STOPPED) if share.name in stopped else share
        for share in shares
    ]


def _knows(state: QuotaState, plan: CapacityPlan) -> bool:
    """Tell whether there is every virtual cluster of a plan: YARN takes changes of unknown ones."""
    return all(state.get(share.name) is not None for share in plan.shares)
