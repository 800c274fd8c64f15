"""The life of one job on a fake cluster, a step at a time."""

from __future__ import annotations

from attrs import define, evolve, field

from jobyard.domain import completion, retry
from jobyard.domain.completion import RoleProgress, Verdict
from jobyard.domain.exits import classify
from jobyard.domain.job import JobConfig, JobSubmission
from jobyard.domain.states import (
    EXIT_STOPPED,
    EXIT_TASK_STOPPED,
    ExecutionType,
    FrameworkState,
    TaskState,
)
from jobyard.domain.status import (
    AttemptExit,
    ExitType,
    JobStatus,
    JobSummary,
    RetryCounts,
    SshContainer,
    TaskPorts,
    TaskRoleStatus,
    TaskStatus,
    WaitingReason,
)
from jobyard.testing.fakes.script import Script, read

_ADDRESS = "127.0.0.1"
_FIRST_PORT = 20_000

_STOPPED = AttemptExit(ExitType.NON_TRANSIENT, "The job was stopped by request.")


@define
class Task:
    """Be one task of an attempt; ``output`` grows while it runs."""

    role: str
    index: int
    script: Script
    ports: tuple[TaskPorts, ...] = ()
    output: bytes = b""
    exit_code: int | None = None


@define
class Attempt:
    """Be one attempt; ``ends`` holds its tasks in the order in which they ended."""

    number: int
    tasks: tuple[Task, ...]
    launched_at: int | None = None
    completed_at: int | None = None
    exit_code: int | None = None
    exit: AttemptExit = field(factory=AttemptExit)
    ends: list[Task] = field(factory=list)

    def task(self, role: str, index: int) -> Task | None:
        """Find a task."""
        return next((each for each in self.tasks if (each.role, each.index) == (role, index)), None)

    def end(self, task: Task, code: int) -> None:
        """End a task that has not ended yet."""
        if task.exit_code is None:
            task.exit_code = code
            self.ends.append(task)


@define
class Life:
    """Be a job with all its attempts; ``due`` is the virtual second of its next attempt."""

    job: JobSubmission
    state: FrameworkState = FrameworkState.FRAMEWORK_WAITING
    execution_type: ExecutionType = ExecutionType.START
    counts: RetryCounts = field(factory=RetryCounts)
    attempts: list[Attempt] = field(factory=list)
    due: float = 0.0
    exit_code: int | None = None
    completed_at: int | None = None

    @property
    def over(self) -> bool:
        """Tell whether the job has ended for good."""
        return self.state is FrameworkState.FRAMEWORK_COMPLETED

    @property
    def waiting(self) -> bool:
        """Tell whether the job has no place, the back-off of a retry included."""
        return self.state is FrameworkState.FRAMEWORK_WAITING

    def begin(self) -> None:
        """Give the job its place: the next attempt begins."""
        self.state = FrameworkState.APPLICATION_LAUNCHED
        self.attempts.append(Attempt(len(self.attempts), _tasks(self.job.config)))

    def step(self, now: int, seconds: float) -> bool:
        """Go on by one state; ``False`` where nothing happens by itself.

        ``now`` is in milliseconds since the epoch, ``seconds`` the virtual time.
        """
        if self.state is FrameworkState.APPLICATION_LAUNCHED:
            self.state = FrameworkState.APPLICATION_RUNNING
            self.attempts[-1].launched_at = now
            for task in self.attempts[-1].tasks:
                task.output += task.script.output
            return True
        if self.state is not FrameworkState.APPLICATION_RUNNING:
            return False
        ending = [task for task in self._running() if task.script.exit_code is not None]
        for task in ending:
            self._task_ended(task, task.script.exit_code or 0, now, seconds)
        return bool(ending)

    def finish(self, code: int, now: int, seconds: float) -> None:
        """End all running tasks with a code, one after the other."""
        for task in self._running():
            self._task_ended(task, code, now, seconds)

    def stop(self, now: int) -> None:
        """Stop the job for good; one that is over stays as it ended."""
        self.execution_type = ExecutionType.STOP
        if not self.over:
            if not self.waiting:
                self._close(EXIT_STOPPED, _STOPPED, now)
            self._over(EXIT_STOPPED, now)

    def _running(self) -> list[Task]:
        return [task for task in self.attempts[-1].tasks if task.exit_code is None]

    def _task_ended(self, task: Task, code: int, now: int, seconds: float) -> None:
        attempt = self.attempts[-1]
        if attempt.completed_at is not None:
            return
        attempt.end(task, code)
        verdict = completion.decide(self._progress(attempt))
        if verdict is not None:
            self._judged(verdict, now, seconds)

    def _judged(self, verdict: Verdict, now: int, seconds: float) -> None:
        exit_type = classify(verdict.exit_code, by_platform=False)
        trigger = verdict.trigger_message, verdict.trigger_role, verdict.trigger_index
        told = AttemptExit(exit_type, verdict.trigger_message, *trigger)
        self._close(verdict.exit_code, told, now)
        again = retry.decide(self.job.config.retry_count, exit_type, self.counts)
        if again is None:
            self._over(verdict.exit_code, now)
        else:
            self.counts = again.counts
            self.due = seconds + again.delay
            self.state = FrameworkState.FRAMEWORK_WAITING

    def _close(self, code: int, told: AttemptExit, now: int) -> None:
        attempt = self.attempts[-1]
        for task in attempt.tasks:
            attempt.end(task, EXIT_TASK_STOPPED)
        attempt.exit_code, attempt.exit, attempt.completed_at = code, told, now

    def _over(self, code: int, now: int) -> None:
        self.state = FrameworkState.FRAMEWORK_COMPLETED
        self.exit_code, self.completed_at = code, now

    def _progress(self, attempt: Attempt) -> tuple[RoleProgress, ...]:
        return tuple(
            RoleProgress(
                role.name,
                role.task_number,
                role.min_failed_task_count,
                role.min_succeeded_task_count,
                tuple(
                    (task.index, task.exit_code)
                    for task in attempt.ends
                    if task.role == role.name and task.exit_code is not None
                ),
            )
            for role in self.job.config.task_roles
        )

    # ------------------------------------------------------------------------------- telling

    def summary(self) -> JobSummary:
        """Give the job as a list shows it."""
        config = self.job.config
        return JobSummary(
            name=self.job.name,
            submission=self.job.submission,
            username=self.job.submitter,
            execution_type=self.execution_type,
            framework_state=self.state,
            exit_code=self.exit_code,
            retries=self.counts,
            created_at=self.job.created_at,
            completed_at=self.completed_at,
            virtual_cluster=config.virtual_cluster,
            total_gpus=config.total_gpus,
            total_tasks=config.total_tasks,
            total_roles=len(config.task_roles),
        )

    def status(self, number: int | None, reason: WaitingReason | None) -> JobStatus | None:
        """Give the job with one of its attempts; ``None`` where there is no such attempt."""
        wanted = max(0, len(self.attempts) - 1) if number is None else number
        if not self.attempts and wanted == 0:
            return self._unbegun(reason)
        if not 0 <= wanted < len(self.attempts):
            return None
        attempt = self.attempts[wanted]
        last = wanted == len(self.attempts) - 1
        shown = self.summary() if last else evolve(self.summary(), exit_code=attempt.exit_code)
        between = last and self.exit_code == EXIT_STOPPED != attempt.exit_code
        return JobStatus(
            summary=shown,
            attempt=wanted,
            app_id=self.app_id(wanted),
            progress=len(attempt.ends) / len(attempt.tasks),
            launched_at=attempt.launched_at,
            app_completed_at=attempt.completed_at,
            exit=_STOPPED if between else attempt.exit,
            task_roles=self._roles(attempt),
            waiting=reason if last else None,
        )

    def daemons(self) -> tuple[SshContainer, ...]:
        """Give where the SSH daemons of the running tasks would listen."""
        attempt = self.attempts[-1]
        return tuple(
            SshContainer(self._container_id(attempt, task), _ADDRESS, port.numbers[0])
            for task in self._running()
            for port in task.ports
            if port.label == "ssh"
        )

    def _container_id(self, attempt: Attempt, task: Task) -> str:
        return f"{self.app_id(attempt.number)}_{task.role}_{task.index}"

    def app_id(self, number: int) -> str:
        """Name an attempt."""
        return f"fake_{self.job.submission}_{number}"

    def _unbegun(self, reason: WaitingReason | None) -> JobStatus:
        attempt = Attempt(0, _tasks(self.job.config))
        if self.over:
            for task in attempt.tasks:
                attempt.end(task, EXIT_TASK_STOPPED)
        return JobStatus(
            summary=self.summary(),
            progress=1.0 if self.over else 0.0,
            exit=_STOPPED if self.over else AttemptExit(),
            task_roles=self._roles(attempt),
            waiting=reason,
        )

    def _roles(self, attempt: Attempt) -> tuple[TaskRoleStatus, ...]:
        return tuple(
            TaskRoleStatus(
                role.name,
                tuple(
                    self._task(attempt, task) for task in attempt.tasks if task.role == role.name
                ),
            )
            for role in self.job.config.task_roles
        )

    def _task(self, attempt: Attempt, task: Task) -> TaskStatus:
        if task.exit_code is not None:
            state = TaskState.TASK_COMPLETED
        elif not self.attempts:
            return TaskStatus(task.index)
        elif attempt.launched_at is None:
            state = TaskState.CONTAINER_ALLOCATED
        else:
            state = TaskState.CONTAINER_RUNNING
        return TaskStatus(
            index=task.index,
            container_state=state,
            container_id=self._container_id(attempt, task),
            container_ip=_ADDRESS,
            ports=task.ports,
            exit_code=task.exit_code,
        )


def _tasks(config: JobConfig) -> tuple[Task, ...]:
    tasks: list[Task] = []
    port = _FIRST_PORT
    for role in config.task_roles:
        for index in range(role.task_number):
            ports: list[TaskPorts] = []
            for wish in role.all_ports():
                first = wish.begin_at or port
                ports.append(TaskPorts(wish.label, tuple(range(first, first + wish.count))))
                port += wish.count
            tasks.append(Task(role.name, index, read(role.command), tuple(ports)))
    return tuple(tasks)
