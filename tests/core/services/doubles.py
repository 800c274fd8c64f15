"""Doubles of what submissions, operations and recovery stand on: a cluster above all."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

import anyio
import orjson
from attrs import define, evolve, field, frozen
from sqlalchemy import Connection

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
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobStatus, JobSummary, WaitingReason
from jobyard.domain.virtual_cluster import (
    QuotaState,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterUsage,
)
from jobyard.errors import NotFound, Unavailable
from jobyard.resilience import Guarded
from jobyard.seams.context import Migrations, Store
from jobyard.seams.scheduling import JobExists, Presence, Removal, Scheduler, Snapshot
from jobyard.seams.storage import Storage
from jobyard.services.board import Board
from jobyard.services.idempotency import Idempotency
from jobyard.services.lifecycle import Lifecycle
from jobyard.services.observers import Observers
from jobyard.services.recovery import Recovery
from jobyard.services.submission import Submissions
from jobyard.services.submission_rules import SubmissionRules
from jobyard.testing.unsupported import UnsupportedScheduler
from tests.databases import HandClock

T = TypeVar("T")

ALICE = Actor("alice")
BOB = Actor("bob")
ROOT = Actor("root", admin=True)
FS_URI = "http://gateway/webhdfs/v1"
BACKEND = "scheduling.fake"


class Crash(BaseException):
    """End a gateway at a point of its work: nothing after it happens."""


@define
class FakeScheduler(UnsupportedScheduler):
    """Be a cluster in memory, which outlives the gateways of a test.

    What ``fail`` holds for a call is used up one at a time: an error before anything is done
    (``before``), or after it was (``after``), as when an answer is lost. An event in ``gates`` is
    awaited before a call does anything.
    """

    jobs_held: dict[FrameworkName, JobSummary] = field(factory=dict)
    done: list[tuple[str, str]] = field(factory=list)
    before: dict[str, list[BaseException]] = field(factory=dict)
    after: dict[str, list[BaseException]] = field(factory=dict)
    gates: dict[str, anyio.Event] = field(factory=dict)
    calls: dict[str, int] = field(factory=dict)
    always: dict[str, Callable[[], BaseException]] = field(factory=dict)
    operations: set[OperationId] = field(factory=set)
    arrived: list[SubmissionId] = field(factory=list)
    refused: WaitingReason | None = None
    version: int = 0

    async def submit(self, job: JobSubmission) -> None:
        await self._enter("submit")
        known = self.jobs_held.get(job.name)
        if known is None:
            self.jobs_held[job.name] = _summary(job)
            self.arrived.append(job.submission)
            self._did("submit", str(job.name))
        elif known.submission != job.submission:
            raise JobExists("another job has that name")
        self._leave("submit")

    async def find_submission(self, ref: JobRef) -> Presence:
        await self._enter("find_submission")
        known = self.jobs_held.get(ref.name)
        if known is None:
            return Presence.ABSENT
        return Presence.OURS if known.submission == ref.submission else Presence.OTHER

    async def jobs(self) -> Snapshot[JobSummary]:
        await self._enter("jobs")
        return Snapshot(str(self.version), 0, tuple(self.jobs_held.values()))

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        await self._enter("job")
        if name not in self.jobs_held or attempt:
            raise NotFound("there is no such job")
        return JobStatus(self.jobs_held[name])

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await self._execute("start", ref, operation, ExecutionType.START)

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        await self._execute("stop", ref, operation, ExecutionType.STOP)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        await self._enter("delete")
        known = self.jobs_held.get(ref.name)
        if known is not None and known.submission == ref.submission:
            del self.jobs_held[ref.name]
            self._did("delete", str(ref.name))
        self._leave("delete")
        return Removal.DONE

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        await self._enter("refusal")
        return self.refused

    async def reached(self, call: str) -> None:
        """Return when somebody waits at a gate."""
        with anyio.fail_after(10):
            while not self.gates[call].statistics().tasks_waiting:
                await anyio.lowlevel.checkpoint()

    def forget(self, name: FrameworkName) -> None:
        """Lose a job, as a cluster does that keeps ended jobs for a while only."""
        del self.jobs_held[name]
        self.version += 1

    async def _execute(
        self, kind: str, ref: JobRef, operation: OperationId, execution: ExecutionType
    ) -> None:
        await self._enter(kind)
        known = self.jobs_held.get(ref.name)
        if known is None or known.submission != ref.submission:
            raise NotFound("there is no such job")
        if operation not in self.operations:
            self.operations.add(operation)
            self.jobs_held[ref.name] = evolve(known, execution_type=execution)
            self._did(kind, str(ref.name))
        self._leave(kind)

    async def _enter(self, call: str) -> None:
        self.calls[call] = self.calls.get(call, 0) + 1
        await anyio.lowlevel.checkpoint()
        if call in self.gates:
            await self.gates[call].wait()
        if call in self.always:
            failure = self.always[call]()
            raise failure
        if self.before.get(call):
            raise self.before[call].pop(0)

    def _leave(self, call: str) -> None:
        if self.after.get(call):
            raise self.after[call].pop(0)

    def _did(self, kind: str, name: str) -> None:
        self.done.append((kind, name))
        self.version += 1


def _summary(job: JobSubmission) -> JobSummary:
    return JobSummary(
        name=job.name,
        submission=job.submission,
        username=job.submitter,
        created_at=job.created_at,
        virtual_cluster=job.config.virtual_cluster,
        total_gpus=job.config.total_gpus,
        total_tasks=job.config.total_tasks,
        total_roles=len(job.config.task_roles),
    )


class FailingStore(Store):
    """Be a store whose database cannot be written while a condition holds."""

    def __init__(self, store: Store, failing: Callable[[], bool]) -> None:
        self._store = store
        self._failing = failing

    @property
    def dialect(self) -> str:
        return self._store.dialect

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._store.read(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        if self._failing():
            raise Unavailable("the database is down")
        return await self._store.write(work)

    async def migrate(self, migrations: Migrations) -> None:
        await self._store.migrate(migrations)


class FakeStorage:
    """Make folders, or fail to."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []
        self.failures: list[Exception] = []

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        self.made.append((path, as_user.account))


class FakeGrants:
    """Grant ``default`` and what a test adds, of the clusters that there are."""

    def __init__(self) -> None:
        self.clusters = {"default": VirtualClusterShare("default", 100.0)}
        self.allowed = {"default"}
        self.failure: Exception | None = None

    async def recent(self) -> QuotaState:
        if self.failure is not None:
            raise self.failure
        usage = VirtualClusterUsage()
        return QuotaState(
            "1", tuple(VirtualCluster(share, usage) for share in self.clusters.values())
        )

    async def granted(self, actor: Actor, existing: Sequence[str]) -> Sequence[str]:
        return [name for name in existing if name in self.allowed]


@frozen
class Gateway:
    """Be the services of one gateway; a test leaves one behind and makes another, as a crash."""

    submissions: Submissions
    lifecycle: Lifecycle
    recovery: Recovery
    idempotency: Idempotency
    board: Board
    store: Store

    async def submit(self, name: str, *, actor: Actor = ALICE, image: str = "none") -> SubmissionId:
        job = await self.check(name, actor=actor, image=image)
        await self.submissions.submit(job, keyed=False)
        return job.submission

    async def check(
        self,
        name: str,
        *,
        actor: Actor = ALICE,
        image: str = "none",
        namespace: str | None = None,
        dry_run: bool = False,
        virtual_cluster: str = "default",
        output_dir: str = "",
    ) -> JobSubmission:
        config = JobConfig(
            name=name,
            image=image,
            task_roles=(TaskRole("main", "true"),),
            virtual_cluster=virtual_cluster,
            output_dir=output_dir,
        )
        document = orjson.dumps({"jobName": name, "image": image})
        return await self.submissions.check(
            actor, namespace or actor.account, config, document, dry_run=dry_run
        )

    async def found(self, name: str, user: str = "alice") -> JobSummary:
        job = await self.board.find(FrameworkName(user, name))
        assert job is not None
        return job

    async def shows(self, name: str, user: str = "alice") -> bool:
        return await self.board.find(FrameworkName(user, name)) is not None


@define
class World:
    """Be everything that outlives a gateway: cluster, storage, database and time."""

    store: Store
    cluster: FakeScheduler = field(factory=FakeScheduler)
    storage: FakeStorage = field(factory=FakeStorage)
    grants: FakeGrants = field(factory=FakeGrants)
    clock: HandClock = field(factory=HandClock)
    timeout: float = 10.0

    def gateway(
        self,
        store: Store | None = None,
        *,
        backend: str = BACKEND,
        observers: Observers | None = None,
        accept_unsatisfiable: bool = False,
    ) -> Gateway:
        store = store or self.store
        scheduling = Guarded[Scheduler](backend, self.clock, timeout=self.timeout)
        scheduling.opened(self.cluster)
        storage: Guarded[Storage] = Guarded("storage.fake", self.clock, timeout=self.timeout)
        storage.opened(self.storage)  # type: ignore[arg-type] # it makes folders, no more is asked
        board = Board(scheduling, self.clock, max_age=1, stale_for=60)
        submissions = Submissions(
            rules=SubmissionRules(
                backend=backend, fs_uri=FS_URI, accept_unsatisfiable=accept_unsatisfiable
            ),
            store=store,
            scheduling=scheduling,
            storage=storage,
            grants=self.grants,
            board=board,
            observers=observers or Observers(),
            clock=self.clock,
        )
        return Gateway(
            submissions=submissions,
            lifecycle=Lifecycle(store=store, scheduling=scheduling, board=board, clock=self.clock),
            recovery=Recovery(
                store=store,
                scheduling=scheduling,
                board=board,
                clock=self.clock,
                fs_uri=FS_URI,
                grace=10,
                prepare=submissions.prepare,
                observers=observers,
            ),
            idempotency=Idempotency(store, self.clock),
            board=board,
            store=store,
        )

    async def restarted(self, backend: str = BACKEND) -> Gateway:
        """Give a gateway that was started after the one before crashed, its leases over."""
        if self.store.dialect == "postgresql":
            self.clock.seconds += 120
        gateway = self.gateway(backend=backend)
        await gateway.recovery.load()
        return gateway

    async def recovered(self) -> Gateway:
        """Give a restarted gateway whose recovery had all the rounds that it can need."""
        gateway = await self.restarted()
        for _ in range(4):
            await gateway.recovery.round(10)
            self.clock.seconds += 11
        return gateway


def framework(name: str, user: str = "alice") -> FrameworkName:
    return FrameworkName(user, name)


def key() -> str:
    return secrets.token_hex(8)
