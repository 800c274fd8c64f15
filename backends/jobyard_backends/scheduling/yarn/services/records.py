"""What the gateway remembers of a job: YARN forgets it, and the storage is the job's own."""

from __future__ import annotations

import enum
import hashlib
from typing import Final

from attrs import evolve, field, frozen

from jobyard.domain.completion import RoleProgress
from jobyard.domain.job import JobSubmission, SubmissionId
from jobyard.domain.states import EXIT_STOPPED, EXIT_TASK_STOPPED, ExecutionType
from jobyard.domain.status import AttemptExit, ExitType, RetryCounts, TaskPorts

STOPPED: Final = AttemptExit(
    exit_type=ExitType.NON_TRANSIENT, diagnostics="The job was stopped by request."
)
_DIGITS: Final = 40


class Phase(enum.StrEnum):
    """Say where a job is on its way.

    ``QUEUED`` waits for its next attempt; ``STARTING`` has a service, or is about to, and waits
    until all its tasks have their places; ``RUNNING`` has its commands begun; ``ENDING`` has its
    verdict, and its service is being removed; ``ENDED`` is over.
    """

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"


@frozen
class Task:
    """Be one task of an attempt; ``sequence`` orders the ends.

    ``node`` is the address of its NodeManager's web server.
    """

    role: str
    index: int
    ports: tuple[TaskPorts, ...] = ()
    ip: str | None = None
    container: str | None = None
    node: str | None = None
    code: int | None = None
    sequence: int = 0


@frozen
class Attempt:
    """Be one attempt of a job; ``created`` says that its service was there."""

    number: int
    tasks: tuple[Task, ...]
    created: bool = False
    app_id: str | None = None
    gang_since: int | None = None
    launched_at: int | None = None
    completed_at: int | None = None
    exit_code: int | None = None
    exit: AttemptExit = field(factory=AttemptExit)

    @property
    def placed(self) -> bool:
        """Tell whether every task has its place."""
        return all(task.ip is not None for task in self.tasks)

    def unfinished(self) -> tuple[Task, ...]:
        """Give the tasks that have not ended."""
        return tuple(task for task in self.tasks if task.code is None)

    def with_ends(self, codes: dict[tuple[str, int], int]) -> Attempt:
        """Give the attempt with these ends noted, by role and index, in their order."""
        known = len(self.tasks) - len(self.unfinished())
        order = {key: known + step for step, key in enumerate(codes)}
        return evolve(
            self,
            tasks=tuple(
                evolve(task, code=codes[key], sequence=order[key])
                if (key := (task.role, task.index)) in codes and task.code is None
                else task
                for task in self.tasks
            ),
        )


@frozen
class Record:
    """Be one job.

    ``queued_at`` is when the next attempt may begin. ``leftover`` says that the service of the
    last attempt, its ports, and for a ``forgotten`` job its files are still to be removed.
    """

    job: JobSubmission
    queued_at: int
    phase: Phase = Phase.QUEUED
    execution_type: ExecutionType = ExecutionType.START
    attempts: tuple[Attempt, ...] = ()
    counts: RetryCounts = field(factory=RetryCounts)
    exit_code: int | None = None
    completed_at: int | None = None
    stopping: bool = False
    forgotten: bool = False
    leftover: bool = False

    @property
    def id(self) -> SubmissionId:
        """Give the submission's id."""
        return self.job.submission

    @property
    def live(self) -> bool:
        """Tell whether there is anything left to do."""
        return self.phase is not Phase.ENDED or self.leftover or self.forgotten

    @property
    def last(self) -> Attempt:
        """Give the last attempt.

        Raises:
            LookupError: None was begun.
        """
        return self.attempts[-1]

    def with_last(self, attempt: Attempt, *, phase: Phase | None = None) -> Record:
        """Give the job with its last attempt as it is now."""
        attempts = (*self.attempts[:-1], attempt)
        return evolve(self, attempts=attempts, phase=phase or self.phase)

    def verdict(self, code: int, told: AttemptExit) -> Record:
        """Give the job as one whose attempt has its end, and whose service goes."""
        last = evolve(self.last, exit_code=code, exit=told)
        return evolve(self.with_last(last, phase=Phase.ENDING), leftover=True)

    def ended(self, code: int, at: int) -> Record:
        """Give the job as one that is over."""
        return evolve(self, phase=Phase.ENDED, exit_code=code, completed_at=at)

    def stopped(self, at: int) -> Record:
        """Give the job as one that was stopped by request; what its service holds is left over."""
        record = evolve(self, stopping=True)
        if record.phase is Phase.STARTING:
            last = evolve(record.last, exit_code=EXIT_STOPPED, exit=STOPPED)
            record = evolve(record.with_last(over(last, at)), leftover=True)
        return record.ended(EXIT_STOPPED, at)


def over(attempt: Attempt, at: int) -> Attempt:
    """Give an attempt whose unfinished tasks were stopped."""
    codes = {(task.role, task.index): EXIT_TASK_STOPPED for task in attempt.unfinished()}
    return evolve(attempt.with_ends(codes), completed_at=at)


def service_name(record: Record, number: int) -> str:
    """Name the service of an attempt: YARN wants lower-case letters and digits."""
    digest = hashlib.sha256(f"{record.id}/{number}".encode()).hexdigest()
    return f"j{digest[:_DIGITS]}"


def component_name(number: int) -> str:
    """Name the component of a task role, by the role's place in the job."""
    return f"r{number}"


def instance_name(record: Record, task: Task) -> str:
    """Name a task as YARN names its container within the service."""
    names = [role.name for role in record.job.config.task_roles]
    return f"{component_name(names.index(task.role))}-{task.index}"


def lease_owner(record: Record, number: int) -> str:
    """Name an attempt for whoever leases its ports."""
    return f"yarn-services/{record.id}/{number}"


def progress(record: Record) -> tuple[RoleProgress, ...]:
    """Give what the completion policy is decided from."""
    ends = sorted(
        (task for task in record.last.tasks if task.code is not None),
        key=lambda task: task.sequence,
    )
    return tuple(
        RoleProgress(
            name=role.name,
            task_number=role.task_number,
            min_failed=role.min_failed_task_count,
            min_succeeded=role.min_succeeded_task_count,
            ended=tuple((each.index, each.code or 0) for each in ends if each.role == role.name),
        )
        for role in record.job.config.task_roles
    )
