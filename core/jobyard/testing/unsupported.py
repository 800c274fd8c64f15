"""Backends that can do nothing, for doubles that override what a test is about."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import NoReturn

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId
from jobyard.domain.node import NodeShape
from jobyard.domain.status import JobStatus, JobSummary, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState
from jobyard.errors import NotSupported
from jobyard.seams.scheduling import Presence, Removal, Scheduler, Snapshot
from jobyard.seams.storage import ContentSummary, FileChecksum, FilePage, FileStatus, Storage


def _no(what: str) -> NoReturn:
    message = f"this backend does not support {what}"
    raise NotSupported(message)


class _NoChunks(AsyncIterator[bytes]):
    def __init__(self, what: str) -> None:
        self._what = what

    async def __anext__(self) -> bytes:
        _no(self._what)


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


class UnsupportedStorage(Storage):
    """Answer ``NotSupported`` to every call of the seam."""

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Refuse."""
        _no(f"describing {path} ({as_user})")

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Refuse."""
        _no(f"listing {path} ({after}, {limit}, {as_user})")

    def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        """Refuse, when the first chunk is asked for."""
        return _NoChunks(f"reading {path} ({offset}, {length}, {as_user})")

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,
        as_user: Actor,
    ) -> None:
        """Refuse."""
        _no(f"writing {path} ({type(chunks)}, {overwrite}, {mode}, {only_whole}, {as_user})")

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Refuse."""
        _no(f"appending to {path} ({type(chunks)}, {as_user})")

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Refuse."""
        _no(f"making {path} ({mode}, {as_user})")

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Refuse."""
        _no(f"moving {source} to {target} ({as_user})")

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Refuse."""
        _no(f"removing {path} ({recursive}, {as_user})")

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Refuse."""
        _no(f"changing {path} ({mode}, {as_user})")

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Refuse."""
        _no(f"counting below {path} ({as_user})")

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Refuse."""
        _no(f"the checksum of {path} ({as_user})")

    async def ping(self) -> None:
        """Refuse."""
        _no("ping")
