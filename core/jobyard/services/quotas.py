"""Virtual clusters: who may change them, one change after the other, undone where it fails."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import anyio
from attrs import evolve, field, frozen

from jobyard.clock import Clock
from jobyard.domain import capacity
from jobyard.domain.identity import Actor
from jobyard.domain.job import DEFAULT_VIRTUAL_CLUSTER
from jobyard.domain.virtual_cluster import (
    CapacityPlan,
    QuotaState,
    VirtualCluster,
    VirtualClusterState,
)
from jobyard.errors import (
    ApiError,
    BackendError,
    Conflict,
    ForbiddenUser,
    NotSupported,
    NoVirtualCluster,
    RemoveRunningVirtualCluster,
    UnknownError,
)
from jobyard.packing import Forms, Packed
from jobyard.resilience import Guarded, rejected, request_deadline
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Scheduler
from jobyard.services.memory import Changes, Memory

if TYPE_CHECKING:
    from sqlalchemy import Connection

_ATTEMPTS: Final = 8
"""How often a change is made anew where another gateway was faster."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
"""Seconds at most before that; how many is drawn, so that no two gateways keep step."""

_FORBIDDEN: Final = 403
_RETRY_AFTER: Final = 1.0


class Grantees(Protocol):
    """Know which virtual clusters users were given."""

    async def granted(self, actor: Actor, existing: Sequence[str]) -> Sequence[str]:
        """Give those of the existing ones that a user may submit to."""
        ...

    def forget_grants(self, virtual_cluster: str) -> Callable[[Connection], None]:
        """Give the unit of work that takes a virtual cluster from everybody."""
        ...


def _forms() -> Forms[str | None, Packed]:
    return Forms(most=256)


@frozen
class QuotaView:
    """Be all virtual clusters; ``stale`` when the cluster does not answer.

    ``forms`` are their encoded forms: of one by its name, of all by ``None``.
    """

    state: QuotaState
    stale: bool = False
    forms: Forms[str | None, Packed] = field(factory=_forms, repr=False, eq=False)


class Quotas:
    """Show and change virtual clusters.

    ``max_age`` is for how many seconds the last answer of the cluster is told to all, ``stale_for``
    for how many while there is no new one, ``timeout`` how many the undoing of a failed removal may
    take.
    """

    def __init__(
        self,
        *,
        scheduling: Guarded[Scheduler],
        grantees: Grantees,
        store: Store,
        clock: Clock,
        max_age: float = 0,
        stale_for: float,
        timeout: float,
        changes: Changes | None = None,
    ) -> None:
        self._scheduling = scheduling
        self._grantees = grantees
        self._store = store
        self._clock = clock
        self._timeout = timeout
        self._lock = anyio.Lock()
        self._changes = changes or Changes()
        self._views = Memory[None, QuotaView](
            clock, self._changes, max_age=max_age, stale_for=stale_for
        )

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters as they are now.

        Raises:
            UnknownError: The cluster does not answer.
        """
        try:
            return await self._scheduling.call(
                "quotas", lambda scheduler: scheduler.quotas(), idempotent=True
            )
        except BackendError as error:
            raise rejected(error) from error

    async def recent(self) -> QuotaState:
        """Give all virtual clusters as they were a moment ago.

        Raises:
            UnknownError: The cluster does not answer.
        """
        return (await self._views.sure(None, self._look)).state

    async def view(self) -> QuotaView:
        """Give all virtual clusters, for a while also those of before the cluster fell silent.

        Raises:
            UnknownError: The cluster does not answer, and nothing fresh enough is remembered.
        """
        fresh = self._views.fresh(None)
        if fresh is not None:
            return fresh
        recalled = await self._views.get(None, self._look)
        return evolve(recalled.value, stale=True) if recalled.stale else recalled.value

    async def _look(self) -> QuotaView:
        return QuotaView(await self.quotas())

    async def existing(self) -> Sequence[str]:
        """Give the names of all virtual clusters."""
        return [cluster.share.name for cluster in (await self.view()).state.clusters]

    async def granted(self, actor: Actor, existing: Sequence[str]) -> Sequence[str]:
        """Give the virtual clusters that a user may submit to."""
        return await self._grantees.granted(actor, existing)

    async def update(self, name: str, share: float, max_share: float) -> None:
        """Make a virtual cluster or change its share; both are in percent.

        Raises:
            ForbiddenUser: It is ``default`` (S).
            NoDefaultVirtualCluster: There is no ``default`` to take it from (S).
            NoEnoughQuota: ``default`` has less (S).
        """
        _protect(name, "Don't allow to update default vc")

        async def plan(state: QuotaState) -> CapacityPlan:
            wanted = capacity.updated(state, name, share, max_share)
            if state.get(name) is None:
                # What a crash left of a namesake grants nothing.
                await self._store.write(self._grantees.forget_grants(name))
            return wanted

        async with self._lock:
            await self._apply(plan)

    async def set_state(self, name: str, wanted: VirtualClusterState) -> None:
        """Let a virtual cluster accept new jobs, or stop it from it.

        Raises:
            ForbiddenUser: It is ``default`` (S).
            NoVirtualCluster: There is none of that name (S).
        """
        _protect(name, "Don't allow to update default vc")
        async with self._lock:
            await self._set_state(name, wanted)

    async def remove(self, name: str) -> None:
        """Remove a virtual cluster; its capacity goes back to ``default``.

        It is stopped first, so that no job comes in between the look and the removal. Where a
        later step fails it is as before, or the error is that of the undoing (R).

        Raises:
            ForbiddenUser: It is ``default`` (S).
            NoVirtualCluster: There is none of that name (S).
            RemoveRunningVirtualCluster: It has unfinished jobs (R).
        """
        _protect(name, "Don't allow to remove default vc.")
        async with self._lock:
            before = await self._idle(name)
            if before.share.state is VirtualClusterState.RUNNING:
                await self._set_state(name, VirtualClusterState.STOPPED)
            with anyio.CancelScope(shield=True):
                await self._remove(name, before)

    async def _remove(self, name: str, before: VirtualCluster) -> None:
        async def plan(state: QuotaState) -> CapacityPlan:
            return capacity.removed(state, name)

        try:
            await self._idle(name)
            await self._apply(plan)
        except ApiError:
            # The request's own time may be what ran out; the undoing has its own.
            with request_deadline(self._clock, self._timeout):
                await self._set_state(name, before.share.state)
            raise
        await self._store.write(self._grantees.forget_grants(name))

    async def _idle(self, name: str) -> VirtualCluster:
        state = await self.quotas()
        capacity.removed(state, name)  # for what it raises
        cluster = state.get(name)
        if cluster is None:
            raise NoVirtualCluster(name)
        if cluster.usage.jobs:
            raise RemoveRunningVirtualCluster(name, cluster.usage.jobs)
        return cluster

    async def _set_state(self, name: str, wanted: VirtualClusterState) -> None:
        async def plan(state: QuotaState) -> CapacityPlan:
            return capacity.in_state(state, name, wanted)

        await self._apply(plan)

    async def _apply(self, plan: Planner) -> None:
        """Make a plan true, from the state that holds when it is."""
        for number in range(_ATTEMPTS):
            if await self._applied(await plan(await self.quotas())):
                return
            pause = min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE)
            await anyio.sleep(random.uniform(0, pause))  # noqa: S311 - it spreads, no more
        message = "The virtual clusters are being changed by others; try again."
        raise UnknownError(message, retry_after=_RETRY_AFTER)

    async def _applied(self, plan: CapacityPlan) -> bool:
        try:
            await self._scheduling.call("apply", lambda scheduler: scheduler.apply(plan))
        except Conflict:
            return False
        except BackendError as error:
            raise _translated(error) from error
        finally:
            self._changes.note()
        return True


class Planner(Protocol):
    """Make a plan from a state."""

    async def __call__(self, state: QuotaState) -> CapacityPlan:
        """Give the plan, or raise the contract's error."""
        ...


def _protect(name: str, message: str) -> None:
    if name == DEFAULT_VIRTUAL_CLUSTER:
        raise ForbiddenUser(message)


def _translated(error: BackendError) -> ApiError:
    if isinstance(error, NotSupported) or getattr(error, "status", None) == _FORBIDDEN:
        return ForbiddenUser(error.message, detail=error.detail)
    return rejected(error)
