"""The life of frameworks: one step at a time, on a clock that need not be the real one.

A framework waits, gets an application, which gets containers for its tasks; their ends decide
about the application's, and that whether there is another one. ``Lives.step`` does whatever is
due; nothing happens between two calls of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import define, field

from jobyard.domain.status import ExitType
from jobyard.testing.launcher.capacity import Capacity
from jobyard.testing.launcher.containers import Container, ContainerRunner
from jobyard.testing.launcher.descriptor import STOP, Descriptor
from jobyard.testing.launcher.exit_codes import (
    KILLED_FROM_OUTSIDE,
    NOT_SUBMITTED,
    STOPPED_AT_THE_END,
    STOPPED_BY_REQUEST,
)
from jobyard.testing.launcher.framework import Application, Exit, Framework, Task
from jobyard.testing.launcher.options import LauncherOptions
from jobyard.testing.launcher.tasks import TaskLives
from jobyard.testing.launcher.verdict import verdict

_BEFORE_TASKS: Final = {
    "APPLICATION_CREATED": "APPLICATION_LAUNCHED",
    "APPLICATION_LAUNCHED": "APPLICATION_WAITING",
}
_WITH_TASKS: Final = ("APPLICATION_WAITING", "APPLICATION_RUNNING")
_ENDING: Final = "APPLICATION_RETRIEVING_DIAGNOSTICS"
_ENDED: Final = "APPLICATION_COMPLETED"


@define
class Lives:
    """Lead frameworks through their states.

    ``now`` gives seconds, ``wall`` milliseconds since the epoch; ``epoch`` is in the names of
    applications, ``address`` is what tasks are told of the launcher's.
    """

    options: LauncherOptions
    runner: ContainerRunner
    now: Callable[[], float]
    wall: Callable[[], int]
    epoch: int
    address: str = ""
    frameworks: dict[str, Framework] = field(factory=dict)
    _active: dict[str, Framework] = field(factory=dict)
    _applications: int = 0
    _capacity: Capacity = field(init=False)
    _leaving: list[Container] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        """Begin with an empty cluster."""
        self._capacity = Capacity(self.options.cluster)

    @property
    def gang_timeout(self) -> float:
        """Give for how many seconds a gang is waited for."""
        return self.options.gang_timeout

    def put(self, name: str, descriptor: Descriptor, client_type: str) -> None:
        """Add a framework, change the number of its tasks, or begin a new run of it."""
        wall, now = self.wall(), self.now()
        known = self.frameworks.get(name)
        if known is not None and known.descriptor.version == descriptor.version:
            known.descriptor, known.last_requested = descriptor, wall
            return
        if known is not None:
            self._abandon(known)
        self.frameworks[name] = self._active[name] = Framework(
            name=name,
            descriptor=descriptor,
            first_requested=known.first_requested if known else wall,
            last_requested=wall,
            created=wall,
            due=now + self.options.interval,
            client_type=client_type,
            status_from=now + self.options.status_delay,
        )

    def add_ended(self, framework: Framework) -> None:
        """Have a framework that is over already, for lists that are to be long."""
        self.frameworks[framework.name] = framework

    def delete(self, name: str) -> None:
        """Forget a framework, and end its containers."""
        framework = self.frameworks.pop(name, None)
        self._active.pop(name, None)
        if framework is not None:
            self._abandon(framework)

    @property
    def tasks(self) -> int:
        """Count the tasks of all frameworks that are not over."""
        return sum(framework.descriptor.tasks for framework in self._active.values())

    @property
    def containers(self) -> list[Container]:
        """Give the containers that have not ended."""
        held = [
            task.container
            for framework in self._active.values()
            for task in framework.all_tasks()
            if task.container is not None
        ]
        return [each for each in (*held, *self._leaving) if each.ended is None]

    def step(self) -> None:
        """Do everything that is due."""
        self._leaving = [each for each in self._leaving if each.ended is None]
        now = self.now()
        for framework in [each for each in self._active.values() if each.due <= now]:
            framework.due = now + self.options.interval
            self._advance(framework)
            # A step knows what had been asked for before the one before it.
            framework.stopping = framework.descriptor.execution_type == STOP
            if framework.over:
                del self._active[framework.name]

    def _advance(self, framework: Framework) -> None:
        application = framework.application
        if application is None:
            self._submit(framework)
        elif framework.state == _ENDING:
            framework.state, application.completed = _ENDED, self.wall()
        elif framework.state == _ENDED:
            self._conclude(framework, application)
        elif framework.stopping:
            self._end_from_outside(framework, application, Exit(STOPPED_BY_REQUEST))
        elif framework.killed_from_outside:
            application.progress = 1.0
            said = f"Application {application.id} was killed by user root"
            self._end_from_outside(framework, application, Exit(KILLED_FROM_OUTSIDE, said))
        elif framework.state in _BEFORE_TASKS:
            self._launch(framework, application)
        else:
            self._run(framework, application)

    def _submit(self, framework: Framework) -> None:
        self._applications += 1
        name = f"application_{self.epoch}_{self._applications:04d}"
        framework.application = Application(name)
        framework.state = "APPLICATION_CREATED"

    def _launch(self, framework: Framework, application: Application) -> None:
        queue, queues = framework.descriptor.platform.queue, self.options.cluster.queues
        if queues is None or queue in queues:
            application.launched = application.launched or self.wall()
            if framework.state == "APPLICATION_LAUNCHED" and not application.registered:
                application.registered = True
            else:
                framework.state = _BEFORE_TASKS[framework.state]
            return
        said = (
            f"Failed to submit {application.id} to YARN : Application {application.id} "
            f"submitted by user {framework.descriptor.user} to unknown queue: {queue}"
        )
        self._end(framework, application, Exit(NOT_SUBMITTED, f"{said}\nException:\n{said}"))
        self._conclude(framework, application)

    def _run(self, framework: Framework, application: Application) -> None:
        if framework.progress_asked is not None:
            application.progress = framework.progress_asked
        if application.verdict is not None:
            if self._emptied(framework):
                self._end(framework, application, application.verdict)
                framework.state = _ENDING
            return
        self._scale(framework, application)
        decided = verdict(framework, application)
        end = TaskLives(self, self._capacity, framework, application).step()
        application.verdict = decided or end
        if application.verdict is not None:
            application.progress = framework.progress_asked or 1.0
        running = any(task.state == "CONTAINER_RUNNING" for task in framework.all_tasks())
        framework.state = _WITH_TASKS[running]

    def _scale(self, framework: Framework, application: Application) -> None:
        if application.requested_at is None:
            application.requested_at = self.now()
            for role in framework.descriptor.roles.values():
                framework.tasks[role.name] = []
            return
        for role in framework.descriptor.roles.values():
            tasks = framework.tasks.setdefault(role.name, [])
            for index in range(len(tasks), role.task_number):
                tasks.append(Task(role.name, index, self.wall()))
            for task in tasks[role.task_number :]:
                self.release(task)
            del tasks[role.task_number :]

    def _end_from_outside(self, framework: Framework, application: Application, end: Exit) -> None:
        if not self._emptied(framework):
            return
        self._end(framework, application, end)
        if end.code == STOPPED_BY_REQUEST:
            self._finish(framework)
        else:
            self._conclude(framework, application)

    def _emptied(self, framework: Framework) -> bool:
        """Have all containers end; tell whether they have."""
        containers = [task.container for task in framework.all_tasks() if task.container]
        left = [each for each in containers if each.ended is None]
        for each in left:
            each.kill()
        return all(each.ended is not None for each in left)

    def _end(self, framework: Framework, application: Application, end: Exit) -> None:
        now = self.wall()
        for task in framework.all_tasks():
            if task.over:
                continue
            task.exit, task.completed = Exit(STOPPED_AT_THE_END), now
            task.container_completed = now if task.container_id else None
            self.release(task)
            task.state = "TASK_COMPLETED"
        application.exit = end

    def _conclude(self, framework: Framework, application: Application) -> None:
        end = application.exit or Exit(0)
        if not framework.retries.retry(framework.descriptor.retry, end.type):
            self._finish(framework)
            return
        framework.state, framework.application, framework.tasks = "FRAMEWORK_WAITING", None, {}
        if end.type is ExitType.TRANSIENT_CONFLICT:
            framework.due = self.now() + self.options.conflict_delay

    def _finish(self, framework: Framework) -> None:
        framework.state, framework.completed = "FRAMEWORK_COMPLETED", self.wall()
        if framework.application is not None and framework.application.completed is None:
            framework.application.completed = framework.completed

    def release(self, task: Task) -> None:
        """End a task's container, and give its place back."""
        if task.container is not None and task.container.ended is None:
            task.container.kill()
            self._leaving.append(task.container)
        if task.place is not None and task.holds:
            task.holds = False
            self._capacity.give_back(task.place)

    def _abandon(self, framework: Framework) -> None:
        for task in framework.all_tasks():
            self.release(task)
