"""A scheduler that can do nothing, for doubles that override what a test is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId
from jobyard.domain.node import NodeShape
from jobyard.domain.status import JobStatus, JobSummary, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState
from jobyard.errors import NotSupported
from jobyard.seams.scheduling import Presence, Removal, Scheduler, Snapshot


def _no(what: str) -> NoReturn:
    message = f"this scheduler does not support {what}"
    raise NotSupported(message)


class UnsupportedScheduler(Scheduler):
    """Answer ``NotSupported`` to every call of the seam."""

    async def submit(self, job: JobSubmission) -> None:
        """Refuse."""
        _no(f"submitting {job.name}")

    async def find_submission(self, ref: JobRef) -> Presence:
        """Refuse."""
        _no(f"finding {ref.name}")

    async def jobs(self) -> Snapshot[JobSummary]:
        """Refuse."""
        _no("listing jobs")

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Refuse."""
        _no(f"reading {name} ({attempt})")

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Refuse."""
        _no(f"starting {ref.name} ({actor}, {operation})")

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Refuse."""
        _no(f"stopping {ref.name} ({actor}, {operation})")

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Refuse."""
        _no(f"deleting {ref.name} ({actor}, {operation})")

    async def quotas(self) -> QuotaState:
        """Refuse."""
        _no("virtual clusters")

    async def apply(self, plan: CapacityPlan) -> None:
        """Refuse."""
        _no(f"the plan {plan.version}")

    async def nodes(self) -> Sequence[NodeShape]:
        """Refuse."""
        _no("listing nodes")

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Refuse."""
        _no(f"judging {job.name}")

    async def ping(self) -> None:
        """Refuse."""
        _no("ping")
