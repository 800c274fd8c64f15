"""What the seam tells of a job, made from what the scheduler remembers."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from jobyard.domain.job import JobConfig
from jobyard.domain.states import EXIT_STOPPED, EXIT_TASK_STOPPED, FrameworkState, TaskState
from jobyard.domain.status import (
    JobStatus,
    JobSummary,
    TaskRoleStatus,
    TaskStatus,
    WaitingReason,
)
from jobyard_backends.scheduling.local.records import (
    STOPPED,
    AttemptRecord,
    JobRecord,
    Phase,
    TaskRecord,
    app_id,
    container_id,
)

_FRAMEWORK: Final = {
    Phase.QUEUED: FrameworkState.FRAMEWORK_WAITING,
    Phase.STARTING: FrameworkState.APPLICATION_LAUNCHED,
    Phase.RUNNING: FrameworkState.APPLICATION_RUNNING,
    Phase.ENDING: FrameworkState.APPLICATION_RUNNING,
    Phase.ENDED: FrameworkState.FRAMEWORK_COMPLETED,
}


def summary(record: JobRecord) -> JobSummary:
    """Give a job as a list shows it."""
    job = record.job
    return JobSummary(
        name=job.name,
        submission=job.submission,
        username=job.submitter,
        execution_type=record.execution_type,
        framework_state=_FRAMEWORK[record.phase],
        exit_code=record.exit_code,
        retries=record.counts,
        created_at=job.created_at,
        completed_at=record.completed_at,
        virtual_cluster=job.config.virtual_cluster,
        total_gpus=job.config.total_gpus,
        total_tasks=job.config.total_tasks,
        total_roles=len(job.config.task_roles),
    )


def status(
    record: JobRecord,
    attempt: AttemptRecord | None,
    waiting: WaitingReason | None,
    address: str,
) -> JobStatus:
    """Give a job whole, with one of its attempts; ``None`` before the first."""
    if attempt is None:
        return _unbegun(record, waiting)
    tasks = {task.key: _task(record, attempt, task, address) for task in attempt.tasks}
    ended = len(attempt.tasks) - len(attempt.unfinished())
    shown = summary(record)
    if attempt.number != record.attempt:
        shown = evolve(shown, exit_code=attempt.exit_code)
    return JobStatus(
        summary=shown,
        attempt=attempt.number,
        app_id=app_id(record, attempt.number),
        progress=ended / len(attempt.tasks),
        launched_at=attempt.launched_at,
        app_completed_at=attempt.completed_at,
        exit=STOPPED if _stopped_between(record, attempt) else attempt.exit,
        task_roles=_roles(record.job.config, tasks),
        waiting=waiting,
    )


def _unbegun(record: JobRecord, waiting: WaitingReason | None) -> JobStatus:
    """Give a job that never had a place; where it was stopped, its tasks were with it."""
    if record.phase is not Phase.ENDED:
        roles = _roles(record.job.config, {})
        return JobStatus(summary=summary(record), progress=0.0, task_roles=roles, waiting=waiting)
    tasks = {
        (role.name, index): TaskStatus(index, TaskState.TASK_COMPLETED, exit_code=EXIT_TASK_STOPPED)
        for role in record.job.config.task_roles
        for index in range(role.task_number)
    }
    roles = _roles(record.job.config, tasks)
    return JobStatus(summary=summary(record), progress=1.0, exit=STOPPED, task_roles=roles)


def _stopped_between(record: JobRecord, attempt: AttemptRecord) -> bool:
    """Tell whether a job was stopped while it waited for the attempt after this one."""
    last = attempt.number == record.attempt
    return last and record.exit_code == EXIT_STOPPED and attempt.exit_code != EXIT_STOPPED


def _roles(
    config: JobConfig, tasks: dict[tuple[str, int], TaskStatus]
) -> tuple[TaskRoleStatus, ...]:
    return tuple(
        TaskRoleStatus(
            role.name,
            tuple(
                tasks.get((role.name, index)) or TaskStatus(index)
                for index in range(role.task_number)
            ),
        )
        for role in config.task_roles
    )


def _task(record: JobRecord, attempt: AttemptRecord, task: TaskRecord, address: str) -> TaskStatus:
    return TaskStatus(
        index=task.index,
        container_state=_task_state(attempt, task),
        container_id=container_id(record, attempt.number, task.role, task.index),
        container_ip=address,
        ports=task.ports,
        gpus=gpu_mask(task.gpus),
        exit_code=None if task.end is None else task.end.code,
    )


def _task_state(attempt: AttemptRecord, task: TaskRecord) -> TaskState:
    if task.end is not None:
        return TaskState.TASK_COMPLETED
    if attempt.launched_at is None:
        return TaskState.CONTAINER_ALLOCATED
    return TaskState.CONTAINER_RUNNING


def gpu_mask(numbers: tuple[int, ...]) -> int | None:
    """Give the bit mask of GPU numbers, or ``None`` for none."""
    return sum(1 << number for number in numbers) if numbers else None
