"""The embedded scheduler, as the seam sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import anyio
from attrs import evolve

from jobyard.clock import Clock
from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission, OperationId, TaskRef
from jobyard.domain.node import NodeShape
from jobyard.domain.states import ExecutionType
from jobyard.domain.status import JobStatus, JobSummary, SshContainer, WaitingReason
from jobyard.domain.virtual_cluster import CapacityPlan, QuotaState, VirtualClusterState
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.enforcement import Enforcement
from jobyard.seams.scheduling import (
    ByteRange,
    JobExists,
    LogSlice,
    LogStream,
    Presence,
    Refused,
    Removal,
    Snapshot,
    Tail,
)
from jobyard_backends.scheduling.local import ssh, views
from jobyard_backends.scheduling.local.attempt import Tools
from jobyard_backends.scheduling.local.book import Book, Edit, Entry
from jobyard_backends.scheduling.local.fitness import Fitness
from jobyard_backends.scheduling.local.logs import LogReader
from jobyard_backends.scheduling.local.machine import Machine
from jobyard_backends.scheduling.local.records import AttemptRecord, JobRecord, Phase, container_id
from jobyard_backends.scheduling.local.shares import Shares
from jobyard_backends.scheduling.local.supervisor import Supervisor

LOG: Final = logging.getLogger("jobyard.scheduling.local")


class LocalScheduler:
    """Run jobs on this machine; implements ``Scheduler``, ``LogSource``, ``SshSource``, ``Enforcing``."""

    def __init__(
        self,
        tools: Tools,
        machine: Machine,
        shares: Shares,
        supervisor: Supervisor,
    ) -> None:
        self._enclosure = tools.enclosure
        self._book: Book = tools.book
        self._clock: Clock = tools.clock
        self._address = tools.config.address
        self._ssh_address = tools.config.ssh_address
        self._folders = tools.folders
        self._machine = machine
        self._shares = shares
        self._supervisor = supervisor
        self._fitness = Fitness(machine, shares, supervisor, tools.clock, tools.images)
        self._logs = LogReader()

    def enforcement(self) -> Sequence[Enforcement]:
        """Say what is made sure of on this machine, and what is not."""
        return self._enclosure.enforcement()

    async def submit(self, job: JobSubmission) -> None:
        """Take a job over, durably; one that is here already is good.

        Raises:
            Refused: Its virtual cluster is not known, or accepts no new jobs.
            JobExists: Another submission has its name.
        """
        await self._book.settle(job.submission)
        if self._book.get(job.submission) is not None:
            return
        self._admit(job)
        found = await self._book.add(JobRecord(job, queued_at=self._clock.now()))
        if found is Presence.OTHER:
            message = f"there is another job named {job.name}"
            raise JobExists(message)
        self._supervisor.wake()

    def _admit(self, job: JobSubmission) -> None:
        name = job.config.virtual_cluster
        share = self._shares.get(name)
        if share is None:
            raise Refused(f"Virtual cluster {name} is not found.", status=400)
        if share.state is VirtualClusterState.STOPPED:
            raise Refused(f"Virtual cluster {name} is stopped and accepts no new jobs.", status=403)

    async def find_submission(self, ref: JobRef) -> Presence:
        """Tell whether this submission, another of its name, or neither is here."""
        await self._book.settle(ref.submission)
        entry = self._book.named(ref.name)
        if entry is None:
            return Presence.ABSENT
        return Presence.OURS if entry.record.id == ref.submission else Presence.OTHER

    async def jobs(self) -> Snapshot[JobSummary]:
        """Give every job."""
        return self._book.snapshot()

    async def job(self, name: FrameworkName, attempt: int | None = None) -> JobStatus:
        """Give one job whole; ``attempt`` counts from 0, ``None`` is the last.

        Raises:
            NotFound: There is no such job, or no such attempt.
        """
        entry = self._book.named(name)
        if entry is None:
            raise _no_job(name)
        chosen = await self._attempt(entry.record, attempt)
        waiting = self._fitness.waiting(entry.record)
        return views.status(entry.record, chosen, waiting, self._address)

    async def _attempt(self, record: JobRecord, number: int | None) -> AttemptRecord | None:
        if record.attempts == 0 and number in (None, 0):
            return None
        wanted = record.attempt if number is None else number
        found = None
        if 0 <= wanted < record.attempts:
            found = await self._book.read_attempt(record, wanted)
        if found is None:
            message = f"job {record.job.name} has no attempt {wanted}"
            raise NotFound(message)
        return found

    async def start(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Set the execution type to START; what was stopped stays so (contract, section 4, N).

        Raises:
            NotFound: There is no such job.
        """

        def edit(entry: Entry) -> Edit:
            return Edit(evolve(entry.record, execution_type=ExecutionType.START))

        await self._operate(ref, edit, operation)
        LOG.info("%s started %s (%s)", actor.account, ref.name, operation)

    async def stop(self, ref: JobRef, actor: Actor, operation: OperationId) -> None:
        """Stop a job for good: at once where it waits, else by ending its tasks.

        Raises:
            NotFound: There is no such job.
        """

        def edit(entry: Entry) -> Edit:
            record = evolve(entry.record, execution_type=ExecutionType.STOP)
            return Edit(self._stopping(record))

        record = await self._operate(ref, edit, operation)
        if record.stopping:
            self._supervisor.stop(record.id)
        LOG.info("%s stopped %s (%s)", actor.account, ref.name, operation)

    def _stopping(self, record: JobRecord) -> JobRecord:
        if record.phase is Phase.ENDED:
            return record
        if record.phase is Phase.QUEUED:
            return evolve(record, stopping=True).stopped(self._clock.now())
        return evolve(record, stopping=True)

    async def delete(self, ref: JobRef, actor: Actor, operation: OperationId) -> Removal:
        """Kill and forget a job; its name is free at once, also while its tasks still end."""
        found = await self._find(ref)
        if found is None:
            return Removal.DONE

        def edit(entry: Entry) -> Edit | None:
            if entry.record.forgotten:
                return None
            return Edit(evolve(self._stopping(entry.record), forgotten=True))

        entry = await self._book.change(found.record.id, edit)
        if entry is None:
            return Removal.DONE
        LOG.info("%s deleted %s (%s)", actor.account, ref.name, operation)
        self._supervisor.stop(entry.record.id)
        if entry.record.id in self._supervisor.places():
            return Removal.GOING
        await self._supervisor.remove(entry.record.id)
        return Removal.DONE

    async def _operate(
        self, ref: JobRef, edit: Callable[[Entry], Edit], operation: OperationId
    ) -> JobRecord:
        found = await self._find(ref)
        if found is None or found.record.forgotten:
            raise _no_job(ref.name)
        entry = await self._book.change(found.record.id, edit, operation)
        if entry is None:
            raise _no_job(ref.name)
        return entry.record

    async def _find(self, ref: JobRef) -> Entry | None:
        await self._book.settle(ref.submission)
        if ref.submission is None:
            return self._book.named(ref.name)
        return self._book.get(ref.submission)

    async def quotas(self) -> QuotaState:
        """Give all virtual clusters, their shares and their usage."""
        held = [place.need for place in self._supervisor.places().values()]
        pending = self._book.queue.lengths(without=self._supervisor.places())
        return self._shares.state(self._machine.resources, held, pending)

    async def apply(self, plan: CapacityPlan) -> None:
        """Make a whole set of shares true, all or nothing.

        Raises:
            Conflict: The state has changed since the plan's version.
            Rejected: The plan makes no sense.
        """
        await self._shares.apply(plan)
        self._supervisor.wake()

    async def nodes(self) -> Sequence[NodeShape]:
        """Give this machine."""
        return (self._machine.shape(),)

    async def refusal(self, job: JobSubmission) -> WaitingReason | None:
        """Say why this machine could never run a job, or ``None`` where it could."""
        return self._fitness.refusal(job)

    async def ping(self) -> None:
        """Return if jobs are being worked on; raise ``Unavailable`` if not."""
        if not self._supervisor.running:
            message = "the embedded scheduler is not running"
            raise Unavailable(message)

    async def ssh_containers(self, ref: JobRef) -> Sequence[SshContainer]:
        """Give the SSH daemons of a job's running tasks; empty where there are none.

        Raises:
            NotFound: There is no such job, or its name has another submission.
        """
        entry = await self._find(ref)
        if entry is None or entry.record.forgotten:
            raise _no_job(ref.name)
        record, attempt = entry.record, entry.attempt
        if attempt is None or record.phase is not Phase.RUNNING:
            return ()
        found = []
        for task in attempt.unfinished():
            folder = self._folders.task(record.id, attempt.number, task.role, task.index)
            if task.ssh_port is not None and await self._has_daemon(record, folder):
                mark = container_id(record, attempt.number, task.role, task.index)
                found.append(SshContainer(mark, self._ssh_address, task.ssh_port))
        return found

    async def _has_daemon(self, record: JobRecord, folder: Path) -> bool:
        if await anyio.Path(folder / ssh.FOLDER).exists():
            return True
        # One whose command is just being started is about to have its own.
        soon = self._enclosure.ssh is not None and record.job.keys is not None
        return soon and not await anyio.Path(folder / "keeper.json").exists()

    async def open_log(
        self,
        task: TaskRef,
        attempt: int | None,
        stream: LogStream,
        span: ByteRange | Tail,
        *,
        follow: bool,
    ) -> LogSlice:
        """Open a task's output; with ``follow`` it goes on until the task has ended.

        Raises:
            NotFound: There is no such job, task or attempt, or it never started.
        """
        entry = await self._find(task.job)
        if entry is None or entry.record.forgotten:
            raise _no_job(task.job.name)
        chosen = await self._attempt(entry.record, attempt)
        if chosen is None or chosen.task(task.role, task.index) is None:
            message = f"job {task.job.name} has no started task {task.role}[{task.index}]"
            raise NotFound(message)
        submission, number = entry.record.id, chosen.number
        folder = self._folders.task(submission, number, task.role, task.index)
        if entry.record.phase is Phase.ENDED and not await anyio.Path(folder).exists():
            message = f"the logs of job {task.job.name} are not kept any more (keep-logs)"
            raise NotFound(message)

        def over() -> bool:
            now = self._book.get(submission)
            if now is None or now.attempt is None or now.attempt.number != number:
                return True
            state = now.attempt.task(task.role, task.index)
            return state is None or state.end is not None

        return await self._logs.open(
            folder / stream.value,
            span,
            follow=follow,
            launched=chosen.launched_at is not None,
            over=over,
        )


def _no_job(name: FrameworkName) -> NotFound:
    return NotFound(f"job {name} is not found")
