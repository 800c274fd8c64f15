"""The life of one application's tasks: a place, a container, its end, and perhaps another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from attrs import define

from jobyard.testing.launcher.capacity import Capacity
from jobyard.testing.launcher.containers import Container, ContainerOrder, ContainerRunner
from jobyard.testing.launcher.diagnostics import container_diagnostics
from jobyard.testing.launcher.exit_codes import GANG_TIMED_OUT, SOURCE_MISSING
from jobyard.testing.launcher.framework import Application, Exit, Framework, Task

_LONGEST_STDERR: Final = 4096


class Surroundings(Protocol):
    """Be what the tasks need of the world around them."""

    @property
    def runner(self) -> ContainerRunner:
        """Give who runs containers."""
        ...

    @property
    def address(self) -> str:
        """Give the launcher's address, for tasks."""
        ...

    @property
    def gang_timeout(self) -> float:
        """Give for how many seconds a gang is waited for."""
        ...

    def now(self) -> float:
        """Give the engine's time in seconds."""
        ...

    def wall(self) -> int:
        """Give the time in milliseconds since the epoch."""
        ...

    def release(self, task: Task) -> None:
        """End a task's container, and give its place back."""
        ...


@define
class TaskLives:
    """Lead the tasks of one application one step on."""

    around: Surroundings
    capacity: Capacity
    framework: Framework
    application: Application

    def step(self) -> Exit | None:
        """Take a step with each task; give the application's end where its master gives up."""
        end: Exit | None = None
        tasks = self.framework.all_tasks()
        waiting = [task for task in tasks if task.state == "CONTAINER_REQUESTED" and task.asked]
        for task in tasks:
            if task.state == "TASK_WAITING":
                task.state, task.asked = "CONTAINER_REQUESTED", False
            elif task.state == "CONTAINER_REQUESTED":
                task.asked = True  # YARN answers with its next heartbeat, not with this one
            elif task.state == "CONTAINER_ALLOCATED":
                end = self._launch(task) or end
            elif task.state in ("CONTAINER_LAUNCHED", "CONTAINER_RUNNING"):
                end = self._watch(task) or end
            elif task.state == "CONTAINER_COMPLETED":
                self._conclude(task)
        if waiting:
            end = self._allocate(waiting) or end
        return end

    def _allocate(self, waiting: Sequence[Task]) -> Exit | None:
        roles = self.framework.descriptor.roles
        if self.framework.descriptor.platform.gang:
            places = self.capacity.take_all([roles[task.role].resource for task in waiting])
            asked = self.application.requested_at
            if places is None:
                late = asked is not None and self.around.now() - asked > self.around.gang_timeout
                return Exit(GANG_TIMED_OUT, "Gang allocation timed out") if late else None
            found = list(zip(waiting, places, strict=True))
        else:
            tried = [(task, self.capacity.take(roles[task.role].resource)) for task in waiting]
            found = [(task, place) for task, place in tried if place is not None]
        for task, place in found:
            self.application.containers += 1
            stem = self.application.id.removeprefix("application_")
            task.container_id = f"container_{stem}_01_{self.application.containers:06d}"
            task.place, task.holds = place, True
            task.state = "CONTAINER_ALLOCATED"
        return None

    def _launch(self, task: Task) -> Exit | None:
        container = self.around.runner.start(self._order(task))
        task.container = container
        if container.missing_source is not None:
            return _missing(container)
        task.state, task.launched = "CONTAINER_LAUNCHED", self.around.wall()
        return None

    def _watch(self, task: Task) -> Exit | None:
        container = task.container
        if container is None:
            return None
        if container.missing_source is not None:
            return _missing(container)
        if task.state == "CONTAINER_LAUNCHED":
            if container.running or container.ended is not None:
                task.state = "CONTAINER_RUNNING"
        elif container.ended is not None:
            task.state = "CONTAINER_COMPLETED"
            task.container_completed = self.around.wall()
            ended = container.ended
            said = container_diagnostics(
                task.container_id or "",
                ended.exit_code,
                ended.stderr[-_LONGEST_STDERR:],
                self.around.wall() / 1000,
            )
            task.exit = Exit(ended.exit_code, said)
        return None

    def _conclude(self, task: Task) -> None:
        end = task.exit or Exit(0)
        policy = self.framework.descriptor.roles[task.role].retry
        self.around.release(task)
        if task.retries.retry(policy, end.type):
            task.again()
            return
        task.state, task.completed = "TASK_COMPLETED", self.around.wall()
        self.application.ended.append((task.role, task.index, end.code))

    def _order(self, task: Task) -> ContainerOrder:
        descriptor, place = self.framework.descriptor, task.place
        role = descriptor.roles[task.role]
        identity = task.container_id or ""
        return ContainerOrder(
            id=identity,
            application=self.application.id,
            user=descriptor.user,
            entry_point=role.entry_point,
            sources=role.sources,
            environment={
                "FRAMEWORK_NAME": self.framework.name,
                "FRAMEWORK_VERSION": str(descriptor.version),
                "TASKROLE_NAME": task.role,
                "TASK_INDEX": str(task.index),
                "CONTAINER_ID": identity,
                "CONTAINER_IP": place.host if place else "",
                "CONTAINER_PORTS": place.port_text() if place else "",
                "CONTAINER_GPUS": str(place.gpus if place else 0),
                "APP_ID": self.application.id,
                "HADOOP_USER_NAME": descriptor.user,
                "LAUNCHER_ADDRESS": self.around.address,
            },
        )


def _missing(container: Container) -> Exit:
    said = f"File does not exist: {container.missing_source}"
    return Exit(SOURCE_MISSING, f"{said}\nException:\n{said}")
