"""What the embedded scheduler remembers of a job: values, one for one with its rows."""

from __future__ import annotations

import enum

from attrs import evolve, field, frozen

from jobyard.domain.completion import RoleProgress
from jobyard.domain.job import JobSubmission, SubmissionId, TaskRole
from jobyard.domain.states import EXIT_STOPPED, ExecutionType
from jobyard.domain.status import AttemptExit, ExitType, RetryCounts, TaskPorts


class Phase(enum.StrEnum):
    """Say where a job is on its way.

    ``QUEUED`` waits, the back-off of a retry included; ``STARTING`` has its place and is made
    ready; ``RUNNING`` was, or is about to be, started; ``ENDING`` has its verdict, and its last
    tasks are being stopped; ``ENDED`` is over.
    """

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"


STOPPED = AttemptExit(
    exit_type=ExitType.NON_TRANSIENT, diagnostics="The job was stopped by request."
)
"""How a job ends that was stopped by request."""

LIVE = frozenset({Phase.STARTING, Phase.RUNNING, Phase.ENDING})
"""The phases in which a job holds its place on the machine."""


@frozen
class TaskEnd:
    """Be how a task ended; ``sequence`` orders the ends of an attempt."""

    code: int
    at: int
    sequence: int


@frozen
class TaskRecord:
    """Be one task of an attempt with its place; ``gpus`` are device numbers."""

    role: str
    index: int
    gpus: tuple[int, ...] = ()
    ports: tuple[TaskPorts, ...] = ()
    end: TaskEnd | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Give what names the task within its attempt."""
        return self.role, self.index

    @property
    def ssh_port(self) -> int | None:
        """Give the port for its SSH daemon; ``None`` before it has its ports."""
        found = (port.numbers[0] for port in self.ports if port.label == "ssh")
        return next(found, None)


@frozen
class AttemptRecord:
    """Be one attempt of a job; ``exit_code`` is there once its verdict is."""

    number: int
    tasks: tuple[TaskRecord, ...]
    launched_at: int | None = None
    completed_at: int | None = None
    exit_code: int | None = None
    exit: AttemptExit = field(factory=AttemptExit)

    def task(self, role: str, index: int) -> TaskRecord | None:
        """Find a task."""
        return next((each for each in self.tasks if each.key == (role, index)), None)

    def unfinished(self) -> tuple[TaskRecord, ...]:
        """Give the tasks that have not ended."""
        return tuple(task for task in self.tasks if task.end is None)

    def with_ends(self, ended: dict[tuple[str, int], TaskEnd]) -> AttemptRecord:
        """Give the attempt with these ends noted."""
        tasks = (
            evolve(task, end=ended[task.key]) if task.key in ended else task for task in self.tasks
        )
        return evolve(self, tasks=tuple(tasks))


@frozen
class JobRecord:
    """Be one job.

    ``attempts`` counts the attempts that were begun. ``queued_at`` is when the next one may
    start, in milliseconds. ``stopping`` is a stop that was accepted, ``forgotten`` a delete.
    """

    job: JobSubmission
    queued_at: int
    phase: Phase = Phase.QUEUED
    execution_type: ExecutionType = ExecutionType.START
    attempts: int = 0
    counts: RetryCounts = field(factory=RetryCounts)
    exit_code: int | None = None
    completed_at: int | None = None
    stopping: bool = False
    forgotten: bool = False

    @property
    def id(self) -> SubmissionId:
        """Give the submission's id, by which everything of the job is keyed."""
        return self.job.submission

    @property
    def attempt(self) -> int:
        """Give the number of the last attempt, from 0; before the first it is 0 too."""
        return max(0, self.attempts - 1)

    def role(self, name: str) -> TaskRole:
        """Give a task role of the job.

        Raises:
            KeyError: It has none of that name.
        """
        for role in self.job.config.task_roles:
            if role.name == name:
                return role
        raise KeyError(name)

    def ended(self, exit_code: int, at: int) -> JobRecord:
        """Give the job as one that is over."""
        return evolve(self, phase=Phase.ENDED, exit_code=exit_code, completed_at=at)

    def stopped(self, at: int) -> JobRecord:
        """Give the job as one that was stopped by request."""
        return self.ended(EXIT_STOPPED, at)


def app_id(record: JobRecord, attempt: int) -> str:
    """Name an attempt as the contract does (section 4, N)."""
    return f"local_{record.id}_{attempt}"


def container_id(record: JobRecord, attempt: int, role: str, index: int) -> str:
    """Name the place of one task in an attempt."""
    return f"{app_id(record, attempt)}_{role}_{index}"


def progress(record: JobRecord, attempt: AttemptRecord) -> tuple[RoleProgress, ...]:
    """Give what the completion policy is decided from."""
    ends: dict[str, list[tuple[int, TaskEnd]]] = {}
    for task in attempt.tasks:
        if task.end is not None:
            ends.setdefault(task.role, []).append((task.index, task.end))
    return tuple(
        RoleProgress(
            name=role.name,
            task_number=role.task_number,
            min_failed=role.min_failed_task_count,
            min_succeeded=role.min_succeeded_task_count,
            ended=tuple(
                (index, end.code)
                for index, end in sorted(ends.get(role.name, ()), key=lambda pair: pair[1].sequence)
            ),
        )
        for role in record.job.config.task_roles
    )
