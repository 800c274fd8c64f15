# ruff: noqa: ASYNC110, ASYNC240 - what other processes do is looked for, in small files
"""An embedded scheduler on a real database, with a storage in memory."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio
from attrs import evolve, field, frozen
from sqlalchemy import Connection

from jobyard.clock import Clock, SystemClock
from jobyard.domain.identity import Actor
from jobyard.domain.job import (
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
    OperationId,
    SubmissionId,
    TaskRole,
)
from jobyard.domain.states import FrameworkState, JobState
from jobyard.domain.status import JobStatus
from jobyard.errors import NotFound
from jobyard.seams.context import Context, Leadership, PortLedger, Store, TaskOwner
from jobyard.seams.storage import FileKind, FilePage, FileStatus, Storage
from jobyard.secret import Secret
from jobyard.services.background import background
from jobyard_backends.scheduling.local import open_backend
from jobyard_backends.scheduling.local.scheduler import LocalScheduler
from jobyard_backends.scheduling.local.settings import LocalSchedulingSettings

OWNER = Actor("alice")
SLEEP = "echo up; exec sleep 60"
FS_URI = "http://gateway/webhdfs/v1"
SETTINGS = LocalSchedulingSettings(
    cpus=64, cpu_overcommit=1.0, memory_mb=64_000, gpus=4, grace_seconds=3.0, retry_backoff=0.01
)


class MemoryStorage:
    """Hold files by their paths, as much as the scheduler asks of a storage.

    ``failure`` is raised by whatever is asked; ``gate`` is waited for before an answer.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.asked_as: set[str] = set()
        self.failure: Exception | None = None
        self.gate: anyio.Event | None = None

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        await self._answer()
        self.asked_as.add(as_user.account)
        if path in self.files:
            return self._status(path, FileKind.FILE)
        if any(name.startswith(f"{path}/") for name in self.files):
            return self._status(path, FileKind.FOLDER)
        message = f"{path} is not there"
        raise NotFound(message)

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        below = sorted(name for name in self.files if name.startswith(f"{path}/"))
        names = sorted({name.removeprefix(f"{path}/").partition("/")[0] for name in below})
        left = [name for name in names if after is None or name > after]
        page = [await self.stat(f"{path}/{name}", as_user=as_user) for name in left[:limit]]
        return FilePage(tuple(page), page[-1].name if len(left) > limit else None)

    async def read(
        self, path: str, offset: int = 0, length: int | None = None, *, as_user: Actor
    ) -> AsyncIterator[bytes]:
        await self.stat(path, as_user=as_user)
        yield self.files[path]

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        await self._answer()
        self.folders.add(path)

    async def _answer(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure

    def _status(self, path: str, kind: FileKind) -> FileStatus:
        name = path.rpartition("/")[2]
        size = len(self.files.get(path, b""))
        return FileStatus(name, kind, size, 0o755, "alice", "alice", 0, 0)


class FixedTokens:
    def storage_token(self, ref: JobRef, username: str, lifetime: float) -> Secret:
        return Secret(f"token-of-{username}")


class NoAccounts:
    def end_tokens(self, username: str, at: int) -> Callable[[Connection], None]:
        raise NotImplementedError


def role(command: str = "true", name: str = "main", **changes: Any) -> TaskRole:
    return evolve(TaskRole(name=name, command=command), **changes)


def operation() -> OperationId:
    return OperationId(uuid.uuid4().hex)


@frozen
class World:
    """Be everything around a scheduler, which can be opened again and again."""

    state_dir: Path
    store: Store
    ports: PortLedger
    storage: MemoryStorage = field(factory=MemoryStorage)
    settings: LocalSchedulingSettings = SETTINGS
    clock: Clock = field(factory=SystemClock)

    @asynccontextmanager
    async def open(self, **changes: Any) -> AsyncIterator[LocalScheduler]:
        async with background() as tasks:
            settings = evolve(self.settings, **changes)
            async with open_backend(settings, self.context(tasks)) as scheduler:
                yield scheduler

    def context(self, tasks: TaskOwner) -> Context:
        return Context(
            storage=cast("Storage", self.storage),
            store=self.store,
            ports=self.ports,
            leadership=cast("Leadership", None),
            clock=self.clock,
            state_dir=self.state_dir,
            public_url="http://gateway",
            job_tokens=FixedTokens(),
            accounts=NoAccounts(),
            tasks=tasks,
            hidden=(self.state_dir.resolve(),),
        )

    def job(
        self,
        *roles: TaskRole,
        name: str = "job",
        submission: SubmissionId | None = None,
        **changes: Any,
    ) -> JobSubmission:
        config = JobConfig(
            name=name,
            image="none",
            task_roles=roles or (role(),),
            output_dir=f"{FS_URI}/Output/alice/{name}",
        )
        ref = JobRef(FrameworkName("alice", name), submission or SubmissionId(str(uuid.uuid4())))
        return JobSubmission(
            ref=ref,
            submitter="alice",
            config=evolve(config, **changes),
            document=b"{}",
            fs_uri=FS_URI,
            created_at=self.clock.now(),
        )

    def folder(
        self, job: JobSubmission, name: str = "main", index: int = 0, attempt: int = 0
    ) -> Path:
        return self.state_dir / "jobs" / job.submission / str(attempt) / f"{name}-{index}"

    def output(
        self, job: JobSubmission, name: str = "main", index: int = 0, attempt: int = 0
    ) -> str:
        return (self.folder(job, name, index, attempt) / "stdout").read_text()


Opening = Callable[..., AbstractAsyncContextManager[LocalScheduler]]


async def reaching(
    scheduler: LocalScheduler,
    job: JobSubmission,
    enough: Callable[[JobStatus], bool],
    within: float = 20.0,
) -> JobStatus:
    with anyio.fail_after(within):
        while True:
            status = await scheduler.job(job.name)
            if enough(status):
                return status
            await anyio.sleep(0.01)


async def in_state(
    scheduler: LocalScheduler, job: JobSubmission, *states: JobState, within: float = 20.0
) -> JobStatus:
    return await reaching(scheduler, job, lambda each: each.summary.state in states, within)


async def ended(scheduler: LocalScheduler, job: JobSubmission, within: float = 20.0) -> JobStatus:
    over = (JobState.SUCCEEDED, JobState.FAILED, JobState.STOPPED)
    return await in_state(scheduler, job, *over, within=within)


async def appearing(path: Path, within: float = 10.0) -> str:
    with anyio.fail_after(within):
        while not path.exists() or not path.read_text():
            await anyio.sleep(0.01)
    return path.read_text()


def variables(text: str) -> Mapping[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines())


async def made_ready(scheduler: LocalScheduler, job: JobSubmission) -> JobStatus:
    """Wait until a job has its place, and is being made ready."""
    launched = FrameworkState.APPLICATION_LAUNCHED
    return await reaching(scheduler, job, lambda each: each.summary.framework_state is launched)
