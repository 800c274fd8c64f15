"""What a scheduler tells of jobs and tasks. Times are milliseconds since the epoch."""

from __future__ import annotations

import enum

from attrs import field, frozen

from jobyard.domain.job import FrameworkName, SubmissionId
from jobyard.domain.states import (
    ExecutionType,
    FrameworkState,
    JobState,
    TaskState,
    job_state,
    task_state,
)


class ExitType(enum.StrEnum):
    """Be the class of an end, which decides whether it is retried (``launcher.md``)."""

    SUCCEEDED = "SUCCEEDED"
    TRANSIENT_NORMAL = "TRANSIENT_NORMAL"
    TRANSIENT_CONFLICT = "TRANSIENT_CONFLICT"
    NON_TRANSIENT = "NON_TRANSIENT"
    UNKNOWN = "UNKNOWN"


@frozen
class RetryCounts:
    """Count the retries of a job by their cause; ``retries`` on the wire is the sum (4.1)."""

    user: int = 0
    platform: int = 0
    resource: int = 0

    @property
    def total(self) -> int:
        """Count all retries."""
        return self.user + self.platform + self.resource


class WaitingCode(enum.StrEnum):
    """Be why a job waits (contract, section 7, N)."""

    NO_CAPACITY = "NoCapacity"
    QUOTA_EXCEEDED = "QuotaExceeded"
    VIRTUAL_CLUSTER_STOPPED = "VirtualClusterStopped"
    LARGER_THAN_ANY_NODE = "LargerThanAnyNode"
    IMAGE_PULL = "ImagePull"
    BACKEND_UNAVAILABLE = "BackendUnavailable"
    BACK_OFF = "BackOff"
    STARTING = "Starting"


@frozen
class WaitingReason:
    """Say why a job waits; ``queue_position`` counts from 1 in its virtual cluster."""

    code: WaitingCode
    message: str
    queue_position: int | None = None


@frozen
class JobSummary:
    """Be one job in a list (contract, section 4.3); ``None`` is what is not known."""

    name: FrameworkName
    submission: SubmissionId | None
    username: str | None
    execution_type: ExecutionType = ExecutionType.START
    framework_state: FrameworkState | None = FrameworkState.FRAMEWORK_WAITING
    exit_code: int | None = None
    retries: RetryCounts = field(factory=RetryCounts)
    created_at: int | None = None
    completed_at: int | None = None
    virtual_cluster: str | None = None
    total_gpus: int | None = None
    total_tasks: int | None = None
    total_roles: int | None = None

    @property
    def state(self) -> JobState:
        """Give the state that a caller reads."""
        return job_state(self.framework_state, self.exit_code)


@frozen
class TaskPorts:
    """Be the ports that one task has under one label."""

    label: str
    numbers: tuple[int, ...]


@frozen
class TaskStatus:
    """Be one task; ``gpus`` is the bit mask of its GPUs, or ``None``."""

    index: int
    container_state: TaskState | None = TaskState.TASK_WAITING
    container_id: str | None = None
    container_ip: str | None = None
    ports: tuple[TaskPorts, ...] = ()
    gpus: int | None = None
    log_url: str | None = None
    exit_code: int | None = None

    @property
    def state(self) -> JobState:
        """Give the state that a caller reads."""
        return task_state(self.container_state, self.exit_code)


@frozen
class TaskRoleStatus:
    """Be the tasks of one role, ordered by index."""

    name: str
    tasks: tuple[TaskStatus, ...] = ()


def _sayable(text: str | None) -> str | None:
    """Replace halves of surrogate pairs, which UTF-8 cannot hold."""
    return None if text is None else text.encode("utf-8", "replace").decode()


@frozen
class AttemptExit:
    """Be how an attempt ended: its class, what was said, and what triggered it.

    What a task wrote may be broken, and still goes into answers (contract, section 4.4, N).
    """

    exit_type: ExitType | None = None
    diagnostics: str | None = field(default=None, converter=_sayable)
    trigger_message: str | None = field(default=None, converter=_sayable)
    trigger_role: str | None = None
    trigger_index: int | None = None


@frozen
class JobStatus:
    """Be one job whole (contract, section 4.4).

    ``attempt`` counts from 0; ``progress`` is the share of ended tasks, 0..1.
    """

    summary: JobSummary
    attempt: int = 0
    app_id: str | None = None
    progress: float | None = None
    tracking_url: str | None = None
    launched_at: int | None = None
    app_completed_at: int | None = None
    exit: AttemptExit = field(factory=AttemptExit)
    task_roles: tuple[TaskRoleStatus, ...] = ()
    waiting: WaitingReason | None = None


@frozen
class SshContainer:
    """Be where the SSH daemon of one task listens."""

    container_id: str
    ip: str
    port: int
