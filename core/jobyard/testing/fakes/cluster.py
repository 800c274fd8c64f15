"""A cluster in memory that keeps every promise of the scheduling seam.

It runs no process: :mod:`jobyard.testing.fakes.script` says which commands it understands. A job
goes on when a test says so (:meth:`FakeScheduler.step`, :meth:`FakeScheduler.finish`), or by
itself where the provider opened it. Its time is virtual, so that no back-off is waited for.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

import anyio
from attrs import frozen

from jobyard.clock import Clock, SystemClock
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId, TaskRef
from jobyard.domain.node import NodeShape
from jobyard.domain.states import ExecutionType, FrameworkState
from jobyard.domain.status import JobStatus, JobSummary, SshContainer, WaitingCode, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState, VirtualClusterState
from jobyard.errors import NotFound, NotSupported
from jobyard.seams.provider import Capability
from jobyard.seams.scheduling import (
    ByteRange,
    FeedEvent,
    JobExists,
    LogSlice,
    LogStream,
    Presence,
    Refused,
    Removal,
    Snapshot,
    Tail,
)
from jobyard.testing.fakes.chronicle import Chronicle
from jobyard.testing.fakes.life import Life
from jobyard.testing.fakes.mishaps import Mishaps
from jobyard.testing.fakes.output import slice_of
from jobyard.testing.fakes.quota import Quota

NODES: Final = (NodeShape(count=4, cpus=16, memory_mb=65_536, gpus=4, gpu_type="fake"),)
CAPABILITIES: Final = frozenset(
    {Capability.FEED, Capability.LOGS, Capability.SSH, Capability.CAPACITY, Capability.REPLICAS}
)

_PACE: Final = 0.002
"""Seconds between two steps of a cluster that goes on by itself."""


@frozen
class Done:
    """Be a start, stop or delete that had its effect."""

    kind: str
    name: FrameworkName
    actor: Actor
    operation: OperationId


class FakeScheduler(Mishaps):
    """Be a cluster, which outlives whatever calls it.

    Implements ``Scheduler``, ``JobFeed``, ``LogSource`` and ``SshSource``; what needs one of the
    ``capabilities`` that it was not given raises ``NotSupported``. ``done`` holds the operations
    that had an effect, in their order; ``seconds`` is the virtual time. How to have its calls fail is
    in :class:`~jobyard.testing.fakes.mishaps.Mishaps`.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        nodes: Sequence[NodeShape] = NODES,
        capabilities: Iterable[Capability] = CAPABILITIES,
    ) -> None:
        super().__init__()
        self.capabilities = frozenset(capabilities)
        self.seconds = 0.0
        self._clock = SystemClock() if clock is None else clock
        self._quota = Quota(nodes)
        self._jobs: dict[FrameworkName, Life] = {}
        self.done: list[Done] = []
        self._chronicle = Chronicle(uuid.uuid4().hex[:12])

    # ------------------------------------------------------------------- what a test decides

    def step(self) -> bool:
        """Have every job go on by one state; ``False`` where none does by itself."""
        changed = [life for life in self._jobs.values() if self._step(life)]
        for life in changed:
            self._changed(life)
        return bool(changed)

    def settle(self) -> None:
        """Have all jobs go on until none does by itself; time stands still."""
        while self.step():
            pass

    def advance(self, seconds: float) -> None:
        """Let virtual time pass, for those that back off."""
        self.seconds += seconds

    def finish(self, name: FrameworkName, exit_code: int = 0) -> None:
        """End the tasks of a running job with an exit code."""
        life = self._jobs[name]
        life.finish(exit_code, self._clock.now(), self.seconds)
        self._changed(life)

    def forget(self, name: FrameworkName) -> None:
        """Lose a job, as a cluster does that keeps ended ones for a while only."""
        del self._jobs[name]
        self._chronicle.vanished(name)

    async def run(self) -> None:
        """Go on by itself until cancelled; whoever waits to be retried never waits long."""
        while True:
            if not self.step() and not self._skip():
                await self._chronicle.news()
            await anyio.sleep(_PACE)

    def _skip(self) -> bool:
        due = [each.due for each in self._jobs.values() if each.waiting and each.due > self.seconds]
        self.seconds = min(due, default=self.seconds)
        return bool(due)

    def _step(self, life: Life) -> bool:
        if not life.waiting:
            return life.step(self._clock.now(), self.seconds)
        held = [each for each in self._jobs.values() if not each.waiting and not each.over]
        if life.due > self.seconds or not self._quota.fits(life, held):
            return False
        life.begin()
        return True

    def _changed(self, life: Life) -> None:
        self._chronicle.changed(life.summary())

    # --------------------------------------------------------------------------- submissions

    async def submit(self, job: JobSubmission) -> None:
        """Take a job over; one that is here already is good."""
        async with self.call("submit"):
            known = self._jobs.get(job.name)
            if known is None:
                self._admit(job)
                life = self._jobs[job.name] = Life(job, due=self.seconds)
                self._changed(life)
            elif known.job.submission != job.submission:
                message = f"there is another job named {job.name}"
                raise JobExists(message)

    def _admit(self, job: JobSubmission) -> None:
        name = job.config.virtual_cluster
        share = self._quota.get(name)
        if share is None:
            raise Refused(f"Virtual cluster {name} is not found.", status=400)
        if share.state is VirtualClusterState.STOPPED:
            raise Refused(f"Virtual cluster {name} accepts no new jobs.", status=403)

    async def find_submission(self, ref: JobRef) -> Presence:
        """Tell whether this submission, another of its name, or neither is here."""
        async with self.call("find_submission"):
            known = self._jobs.get(ref.name)
            if known is None:
                return Presence.ABSENT
            return Presence.OURS if known.job.submission == ref.submission else Presence.OTHER

    async def jobs(self) -> Snapshot[JobSummary]:
        """Give every job."""
        async with self.call("jobs"):
            items = tuple(life.summary() for life in self._jobs.values())
            return Snapshot(self._chronicle.version, self._clock.now(), items)

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Give one job whole."""
        async with self.call("job"):
            life = self._jobs.get(name)
            if life is None:
                raise _no_job(name)
            status = life.status(attempt, self._reason(life))
            if status is None:
                message = f"job {name} has no attempt {attempt}"
                raise NotFound(message)
            return status

    def _reason(self, life: Life) -> WaitingReason | None:
        if not life.waiting:
            return None
        if life.due > self.seconds:
            return WaitingReason(WaitingCode.BACK_OFF, "The next attempt has to wait.")
        never = self._quota.refusal(life.job.config)
        return never or WaitingReason(WaitingCode.NO_CAPACITY, "The job waits for its place.")

    # ---------------------------------------------------------------------------- operations

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Set the execution type to START, and nothing else."""
        async with self.call("start"):

            def work(life: Life) -> None:
                life.execution_type = ExecutionType.START

            self._operate(Done("start", ref.name, actor, operation), ref, work)

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Stop a job for good, at once."""
        async with self.call("stop"):
            done = Done("stop", ref.name, actor, operation)
            self._operate(done, ref, lambda life: life.stop(self._clock.now()))

    def _operate(self, done: Done, ref: JobRef, work: Callable[[Life], None]) -> None:
        life = self._find(ref)
        if all(each.operation != done.operation for each in self.done):
            self.done.append(done)
            work(life)
            self._changed(life)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Kill and forget a job; there are no pieces that would take longer."""
        async with self.call("delete"):
            life = self._jobs.get(ref.name)
            if life is not None and ref.submission in (None, life.job.submission):
                life.stop(self._clock.now())
                self.forget(ref.name)
                self.done.append(Done("delete", ref.name, actor, operation))
            return Removal.DONE

    def _find(self, ref: JobRef) -> Life:
        life = self._jobs.get(ref.name)
        if life is None or ref.submission not in (None, life.job.submission):
            raise _no_job(ref.name)
        return life

    # ------------------------------------------------------------------------------ capacity

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage."""
        async with self.call("quotas"):
            return self._quota.state(tuple(self._jobs.values()))

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing."""
        async with self.call("apply"):
            self._need(Capability.CAPACITY)
            self._quota.apply(plan)
            self._chronicle.wake()

    async def nodes(self) -> Sequence[NodeShape]:
        """Give the nodes."""
        async with self.call("nodes"):
            return self._quota.nodes

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Say why no node could ever run a job, or ``None`` where one could."""
        async with self.call("refusal"):
            return self._quota.refusal(job.config)

    async def ping(self) -> None:
        """Return where the cluster is not down."""
        async with self.call("ping"):
            pass

    # ---------------------------------------------------------------------- what it can, too

    async def changes(self, since: str | None) -> AsyncIterator[FeedEvent]:
        """Give the changes after a version, without end; ``None`` begins with all jobs."""
        async with self.call("changes"):
            self._need(Capability.FEED)
        lives = [life.summary() for life in self._jobs.values()]
        async for event in self._chronicle.follow(since, lives):
            yield event

    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        """Open a task's output; with ``follow`` it goes on until the task has ended."""
        async with self.call("open_log"):
            self._need(Capability.LOGS)
            life = self._find(task.job)
            if attempt is not None and not 0 <= attempt < len(life.attempts):
                message = f"job {task.job.name} has no attempt {attempt}"
                raise NotFound(message)
            chosen = life.attempts[-1 if attempt is None else attempt] if life.attempts else None
            found = None if chosen is None else chosen.task(task.role, task.index)
            if chosen is None or found is None or chosen.launched_at is None:
                message = f"job {task.job.name} has no started task {task.role}[{task.index}]"
                raise NotFound(message)
            return slice_of(
                lambda: found.output if stream is LogStream.STDOUT else b"",
                span,
                follow=follow,
                over=lambda: found.exit_code is not None,
                news=self._chronicle.news,
            )

    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        """Give where the SSH daemons of a job's running tasks would listen."""
        async with self.call("ssh_containers"):
            self._need(Capability.SSH)
            life = self._find(ref)
            if life.state is not FrameworkState.APPLICATION_RUNNING:
                return ()
            return life.daemons()

    def _need(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            message = f"this cluster lacks the capability {capability.value}"
            raise NotSupported(message)


def _no_job(name: FrameworkName) -> NotFound:
    return NotFound(f"job {name} is not found")
