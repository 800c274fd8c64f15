"""The states of jobs and tasks, and what a caller is told of them (contract, section 4.4)."""

from __future__ import annotations

import enum
from typing import Final


class ExecutionType(enum.StrEnum):
    """Say what a job's owner wants of it."""

    START = "START"
    STOP = "STOP"


class FrameworkState(enum.StrEnum):
    """Be a framework's state as the launcher names it; ``subState`` on the wire."""

    FRAMEWORK_WAITING = "FRAMEWORK_WAITING"
    APPLICATION_CREATED = "APPLICATION_CREATED"
    APPLICATION_LAUNCHED = "APPLICATION_LAUNCHED"
    APPLICATION_WAITING = "APPLICATION_WAITING"
    APPLICATION_RUNNING = "APPLICATION_RUNNING"
    APPLICATION_RETRIEVING_DIAGNOSTICS = "APPLICATION_RETRIEVING_DIAGNOSTICS"
    APPLICATION_COMPLETED = "APPLICATION_COMPLETED"
    FRAMEWORK_COMPLETED = "FRAMEWORK_COMPLETED"


class TaskState(enum.StrEnum):
    """Be a task's state as the launcher names it."""

    TASK_WAITING = "TASK_WAITING"
    CONTAINER_REQUESTED = "CONTAINER_REQUESTED"
    CONTAINER_ALLOCATED = "CONTAINER_ALLOCATED"
    CONTAINER_LAUNCHED = "CONTAINER_LAUNCHED"
    CONTAINER_RUNNING = "CONTAINER_RUNNING"
    CONTAINER_COMPLETED = "CONTAINER_COMPLETED"
    TASK_COMPLETED = "TASK_COMPLETED"


class JobState(enum.StrEnum):
    """Be a job's state as a caller reads it (S)."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"


EXIT_STOPPED: Final = -7351
"""The exit code of a job that was stopped by request."""

EXIT_TASK_STOPPED: Final = -7400
"""The exit code of a task that was stopped because its job ended."""

ENDED: Final = frozenset({JobState.SUCCEEDED, JobState.STOPPED, JobState.FAILED})

_WAITING: Final = frozenset(FrameworkState) - {
    FrameworkState.APPLICATION_RUNNING,
    FrameworkState.FRAMEWORK_COMPLETED,
}


def job_state(framework: FrameworkState | None, exit_code: int | None) -> JobState:
    """Give a job's state from its framework's state and exit code (S)."""
    if framework in _WAITING:
        return JobState.WAITING
    if framework is FrameworkState.APPLICATION_RUNNING:
        return JobState.RUNNING
    if framework is not FrameworkState.FRAMEWORK_COMPLETED:
        return JobState.UNKNOWN
    if exit_code == 0:
        return JobState.SUCCEEDED
    return JobState.STOPPED if exit_code == EXIT_STOPPED else JobState.FAILED


def task_state(container: TaskState | None, exit_code: int | None) -> JobState:
    """Give a task's state from its container's state and exit code (S; LAUNCHED is N)."""
    if container is None:
        return JobState.UNKNOWN
    if container is TaskState.CONTAINER_RUNNING:
        return JobState.RUNNING
    if container is not TaskState.TASK_COMPLETED:
        return JobState.WAITING
    if exit_code == 0:
        return JobState.SUCCEEDED
    return JobState.STOPPED if exit_code == EXIT_TASK_STOPPED else JobState.FAILED
