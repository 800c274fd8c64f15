"""What the seam tells of a job, made from what the gateway remembers."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from jobyard.domain.states import EXIT_STOPPED, EXIT_TASK_STOPPED, FrameworkState, TaskState
from jobyard.domain.status import (
    JobStatus,
    JobSummary,
    TaskRoleStatus,
    TaskStatus,
    WaitingCode,
    WaitingReason,
)
from jobyard_backends.scheduling.yarn.services.records import STOPPED, Attempt, Phase, Record, Task

_FRAMEWORK: Final = {
    Phase.QUEUED: FrameworkState.FRAMEWORK_WAITING,
    Phase.STARTING: FrameworkState.APPLICATION_WAITING,
    Phase.RUNNING: FrameworkState.APPLICATION_RUNNING,
    Phase.ENDING: FrameworkState.APPLICATION_RUNNING,
    Phase.ENDED: FrameworkState.FRAMEWORK_COMPLETED,
}


def summary(record: Record) -> JobSummary:
    """Give a job as a list shows it."""
    job = record.job
    return JobSummary(
        name=job.name,
        submission=job.submission,
        username=job.submitter,
        execution_type=record.execution_type,
        framework_state=_state(record),
        exit_code=record.exit_code,
        retries=record.counts,
        created_at=job.created_at,
        completed_at=record.completed_at,
        virtual_cluster=job.config.virtual_cluster,
        total_gpus=job.config.total_gpus,
        total_tasks=job.config.total_tasks,
        total_roles=len(job.config.task_roles),
    )


def status(record: Record, number: int | None, now: int) -> JobStatus | None:
    """Give a job whole, with one of its attempts; ``None`` where there is no such attempt."""
    chosen = max(0, len(record.attempts) - 1) if number is None else number
    if not record.attempts and chosen == 0:
        return _unbegun(record, now)
    if not 0 <= chosen < len(record.attempts):
        return None
    attempt = record.attempts[chosen]
    last = chosen == len(record.attempts) - 1
    shown = summary(record)
    if not last:
        shown = evolve(shown, exit_code=attempt.exit_code)
    between = last and record.exit_code == EXIT_STOPPED and attempt.exit_code != EXIT_STOPPED
    return JobStatus(
        summary=shown,
        attempt=chosen,
        app_id=attempt.app_id,
        progress=1 - len(attempt.unfinished()) / len(attempt.tasks),
        launched_at=attempt.launched_at,
        app_completed_at=attempt.completed_at,
        exit=STOPPED if between else attempt.exit,
        task_roles=_roles(record, {(each.role, each.index): each for each in attempt.tasks}),
        waiting=_waiting(record, now),
    )


def _unbegun(record: Record, now: int) -> JobStatus:
    ended = record.phase is Phase.ENDED
    tasks = {
        (role.name, index): Task(role.name, index, code=EXIT_TASK_STOPPED if ended else None)
        for role in record.job.config.task_roles
        for index in range(role.task_number)
    }
    found = JobStatus(
        summary=summary(record),
        progress=float(ended),
        task_roles=_roles(record, tasks),
        waiting=_waiting(record, now),
    )
    return evolve(found, exit=STOPPED) if ended else found


def _state(record: Record) -> FrameworkState:
    begun = record.attempts and record.last.launched_at is not None
    if record.phase is Phase.ENDING and not begun:
        return FrameworkState.APPLICATION_WAITING
    return _FRAMEWORK[record.phase]


def _roles(record: Record, tasks: dict[tuple[str, int], Task]) -> tuple[TaskRoleStatus, ...]:
    attempt = record.last if record.attempts else None
    return tuple(
        TaskRoleStatus(
            role.name,
            tuple(
                _task(record, tasks[role.name, index], attempt) for index in range(role.task_number)
            ),
        )
        for role in record.job.config.task_roles
    )


def _task(record: Record, task: Task, attempt: Attempt | None) -> TaskStatus:
    return TaskStatus(
        index=task.index,
        container_state=_task_state(task, attempt),
        container_id=task.container,
        container_ip=task.ip,
        ports=task.ports if task.ip is not None else (),
        log_url=_log_page(record, task),
        exit_code=task.code,
    )


def _log_page(record: Record, task: Task) -> str | None:
    """Give the page of a container's output, at the NodeManager that has it."""
    if task.node is None or task.node.endswith(":0"):
        return None
    return f"http://{task.node}/node/containerlogs/{task.container}/{record.job.submitter}"


def _task_state(task: Task, attempt: Attempt | None) -> TaskState:
    if task.code is not None:
        return TaskState.TASK_COMPLETED
    if task.ip is None:
        return TaskState.TASK_WAITING
    launched = attempt is not None and attempt.launched_at is not None
    return TaskState.CONTAINER_RUNNING if launched else TaskState.CONTAINER_LAUNCHED


def _waiting(record: Record, now: int) -> WaitingReason | None:
    if record.phase is Phase.QUEUED and record.queued_at > now:
        message = "The job waits for its next attempt, after one that failed."
        return WaitingReason(WaitingCode.BACK_OFF, message)
    if record.phase is Phase.QUEUED:
        message = "The gateway has not begun the job's next attempt yet."
        return WaitingReason(WaitingCode.STARTING, message)
    if record.phase is Phase.STARTING:
        message = "The job waits until YARN has room for all its tasks at once."
        return WaitingReason(WaitingCode.NO_CAPACITY, message)
    return None
