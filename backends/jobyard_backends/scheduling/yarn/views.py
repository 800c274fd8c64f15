"""What the launcher shows of frameworks, in the words of the seam."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

from attrs import evolve

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import (
    EXIT_STOPPED,
    EXIT_TASK_STOPPED,
    ExecutionType,
    FrameworkState,
    JobState,
    TaskState,
)
from jobyard.domain.status import (
    AttemptExit,
    ExitType,
    JobStatus,
    JobSummary,
    RetryCounts,
    TaskPorts,
    TaskRoleStatus,
    TaskStatus,
)
from jobyard.domain.submission_id import submitted_at
from jobyard_backends.scheduling.yarn.descriptor import submission_in
from jobyard_backends.scheduling.yarn.launcher import Fields
from jobyard_backends.scheduling.yarn.marks import Mark

E = TypeVar("E", bound=enum.StrEnum)

Ports = Mapping[tuple[str, int], tuple[TaskPorts, ...]]

NO_PORTS: Final[Ports] = {}

_OVER: Final = FrameworkState.FRAMEWORK_COMPLETED


def summary(said: Fields) -> JobSummary:
    """Read the summary of a framework that has a name."""
    name = said.text("frameworkName") or ""
    submission = submission_in(said.text("frameworkDescription"))
    # Ours was created when it was reserved: the launcher heard of it a moment later.
    reserved = None if submission is None else submitted_at(submission)
    return JobSummary(
        name=FrameworkName.parse(name),
        submission=submission,
        username=said.text("userName"),
        execution_type=_word(ExecutionType, said.text("executionType")) or ExecutionType.START,
        framework_state=_word(FrameworkState, said.text("frameworkState")),
        exit_code=said.number("applicationExitCode"),
        retries=_retries(said.inner("frameworkRetryPolicyState")),
        created_at=reserved or said.number("firstRequestTimestamp"),
        completed_at=said.number("frameworkCompletedTimestamp"),
        virtual_cluster=said.text("queue"),
        total_gpus=said.number("totalGpuNumber"),
        total_tasks=said.number("totalTaskNumber"),
        total_roles=said.number("totalTaskRoleNumber"),
    )


def marked(job: JobSummary, mark: Mark | None) -> JobSummary:
    """Give a job as its owner's last wish makes it (contract, section 4: STOP is final)."""
    if mark is None:
        return job
    wanted = evolve(job, execution_type=mark.execution_type)
    if mark.ended_at is None:
        return wanted
    return evolve(wanted, framework_state=_OVER, exit_code=EXIT_STOPPED, completed_at=mark.ended_at)


def status(said: Fields, job: JobSummary, ports: Ports = NO_PORTS) -> JobStatus:
    """Read one framework whole; ``job`` is its summary, ``ports`` those that the gateway gave."""
    aggregated = said.inner("aggregatedFrameworkStatus")
    framework = aggregated.inner("frameworkStatus")
    roles = tuple(_roles(said, aggregated, ports))
    if job.framework_state is _OVER:
        roles = tuple(_at_the_end(role) for role in roles)
    shown = _going_on(job, aggregated)
    return JobStatus(
        summary=shown,
        attempt=shown.retries.total,
        app_id=framework.text("applicationId"),
        progress=framework.real("applicationProgress"),
        tracking_url=framework.text("applicationTrackingUrl"),
        launched_at=framework.number("applicationLaunchedTimestamp"),
        app_completed_at=framework.number("applicationCompletedTimestamp"),
        exit=_exit(framework, shown),
        task_roles=roles,
    )


def has_run(said: Fields) -> bool:
    """Tell whether any task of the attempt was launched."""
    return any(
        task.number("containerLaunchedTimestamp") is not None
        for _, role in said.inner("aggregatedFrameworkStatus")
        .inner("aggregatedTaskRoleStatuses")
        .inners()
        for task in role.inner("taskStatuses").listed("taskStatusArray")
    )


def read_ports(text: str | None) -> tuple[TaskPorts, ...]:
    """Read ``label:port,port;label:port;``; what is no port is left out."""
    found = []
    for part in (text or "").split(";"):
        label, colon, numbers = part.rpartition(":")
        ports = tuple(int(each) for each in numbers.split(",") if _is_number(each))
        if colon and label and ports:
            found.append(TaskPorts(label, ports))
    return tuple(found)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _going_on(job: JobSummary, aggregated: Fields) -> JobSummary:
    """Have a job run on where its last task has ended and the launcher has not noticed yet.

    It goes back to APPLICATION_WAITING then, and an attempt's states never go back here.
    """
    waits = job.framework_state is FrameworkState.APPLICATION_WAITING
    if waits and has_run(Fields({"aggregatedFrameworkStatus": aggregated.raw})):
        return evolve(job, framework_state=FrameworkState.APPLICATION_RUNNING)
    return job


def _retries(said: Fields) -> RetryCounts:
    # Successes and non-transient ends are repeated for -2 alone: the user's wish, so theirs.
    counts = ("unKnownRetriedCount", "succeededRetriedCount", "nonTransientRetriedCount")
    return RetryCounts(
        user=sum(said.number(each) or 0 for each in counts),
        platform=said.number("transientNormalRetriedCount") or 0,
        resource=said.number("transientConflictRetriedCount") or 0,
    )


def _exit(said: Fields, job: JobSummary) -> AttemptExit:
    if job.state is JobState.STOPPED and said.number("applicationExitCode") != EXIT_STOPPED:
        return AttemptExit(exit_type=ExitType.NON_TRANSIENT)
    return AttemptExit(
        exit_type=_word(ExitType, said.text("applicationExitType")),
        diagnostics=said.text("applicationExitDiagnostics"),
        trigger_message=said.text("applicationExitTriggerMessage"),
        trigger_role=said.text("applicationExitTriggerTaskRoleName"),
        trigger_index=said.number("applicationExitTriggerTaskIndex"),
    )


def _roles(said: Fields, aggregated: Fields, ports: Ports) -> Iterator[TaskRoleStatus]:
    """Give the roles in the order of the descriptor, whatever the launcher shows of them yet."""
    wanted = (
        said.inner("aggregatedFrameworkRequest")
        .inner("frameworkRequest")
        .inner("frameworkDescriptor")
        .inner("taskRoles")
    )
    numbers = {name: role.number("taskNumber") or 0 for name, role in wanted.inners()}
    shown = dict(aggregated.inner("aggregatedTaskRoleStatuses").inners())
    for name in {**numbers, **shown}:
        tasks = shown.get(name, Fields()).inner("taskStatuses").listed("taskStatusArray")
        yield TaskRoleStatus(name, _tasks(name, tasks, numbers.get(name, 0), ports))


def _tasks(role: str, said: Iterable[Fields], number: int, ports: Ports) -> tuple[TaskStatus, ...]:
    known = {task.index: task for task in (_task(each) for each in said)}
    for index in range(number):
        known.setdefault(index, TaskStatus(index))
    return tuple(
        evolve(task, ports=task.ports or ports.get((role, index), ()))
        for index, task in sorted(known.items())
    )


def _task(said: Fields) -> TaskStatus:
    return TaskStatus(
        index=said.number("taskIndex") or 0,
        container_state=_word(TaskState, said.text("taskState")),
        container_id=said.text("containerId"),
        container_ip=said.text("containerIp"),
        ports=read_ports(said.text("containerPorts")),
        gpus=said.number("containerGpus"),
        log_url=said.text("containerLogHttpAddress"),
        exit_code=said.number("containerExitCode"),
    )


def _at_the_end(role: TaskRoleStatus) -> TaskRoleStatus:
    """Have every task of an ended job ended: those that had not were stopped with it."""
    return evolve(role, tasks=tuple(_ended(task) for task in role.tasks))


def _ended(task: TaskStatus) -> TaskStatus:
    if task.container_state is TaskState.TASK_COMPLETED:
        return task
    return evolve(task, container_state=TaskState.TASK_COMPLETED, exit_code=EXIT_TASK_STOPPED)


def _word(kind: type[E], text: str | None) -> E | None:
    """Give the word of an enumeration; one that is not known is ``None``."""
    try:
        return None if text is None else kind(text)
    except ValueError:
        return None
