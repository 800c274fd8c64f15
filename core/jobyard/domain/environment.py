"""The environment of a job's tasks: every variable of the contract's section 4.2.

Names come in three layers, and a name that two of them make belongs to the first: the contract's
own names; the older names of the same facts (R); and a copy, with ``_`` for what a shell's names
do not hold, of each name that a role or a label gave a ``.`` or a ``~``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from jobyard.domain.environment_names import (
    host_ip,
    host_list,
    older_port,
    own_port_list,
    port_list,
    shell_name,
)
from jobyard.domain.environment_size import (
    LARGEST_ENVIRONMENT,
    LONGEST_VARIABLE,
    environment_bounds,
    environment_problems,
    environment_size,
)
from jobyard.domain.environment_values import current_facts, job_facts, text_of
from jobyard.domain.job import JobConfig, JobSubmission, TaskRole
from jobyard.domain.status import TaskPorts

__all__ = [
    "LARGEST_ENVIRONMENT",
    "LONGEST_VARIABLE",
    "GangPlacement",
    "TaskPlace",
    "environment_bounds",
    "environment_problems",
    "environment_size",
    "task_environment",
]

_HTTP: Final = "http"
_SSH: Final = "ssh"


@frozen
class TaskPlace:
    """Be where a task runs: its host's address, and its ports by label."""

    ip: str
    ports: tuple[TaskPorts, ...]

    def first(self, label: str) -> str:
        """Give the first port of a label, or nothing."""
        return next((str(port.numbers[0]) for port in self.ports if port.label == label), "")


@frozen
class GangPlacement:
    """Be where all tasks of an attempt run, by role and index; ``app_id`` names the attempt."""

    tasks: Mapping[tuple[str, int], TaskPlace]
    app_id: str


def task_environment(
    job: JobSubmission,
    placement: GangPlacement,
    role: str,
    index: int,
    container_id: str,
) -> dict[str, str]:
    """Give all variables of one task (contract, section 4.2), ``jobEnvs`` word for word.

    Raises:
        KeyError: The job has no such role, or the task has no place.
    """
    config = job.config
    place = placement.tasks[role, index]
    environment = {
        **job_facts(job),
        **current_facts(_role(config, role), index),
        **_place_facts(place, container_id),
        **dict(_gang_facts(config, placement)),
    }
    for name, value in (*_older_own(place), *_older_gang(config, placement)):
        environment.setdefault(name, value)
    for name, value in tuple(environment.items()):
        environment.setdefault(shell_name(name), value)
    # Their names never begin with PAI_, so that they are nobody else's.
    environment |= {name: text_of(value) for name, value in config.job_envs.items()}
    return environment


def _role(config: JobConfig, name: str) -> TaskRole:
    for role in config.task_roles:
        if role.name == name:
            return role
    raise KeyError(name)


def _place_facts(place: TaskPlace, container_id: str) -> dict[str, str]:
    http = place.first(_HTTP)
    return {
        "PAI_CONTAINER_ID": container_id,
        "PAI_CONTAINER_HOST_IP": place.ip,
        "PAI_CURRENT_CONTAINER_IP": place.ip,
        "PAI_CONTAINER_HOST_PORT_LIST": ";".join(
            f"{port.label}:{_joined(port)}" for port in place.ports
        ),
        "PAI_CONTAINER_SSH_PORT": place.first(_SSH),
        "PAI_CONTAINER_HOST_PORT": http,
        "PAI_CURRENT_CONTAINER_PORT": http,
    }


def _gang_facts(config: JobConfig, placement: GangPlacement) -> Iterator[tuple[str, str]]:
    for role in config.task_roles:
        for index in range(role.task_number):
            place = placement.tasks[role.name, index]
            yield host_ip(role.name, index), place.ip
            for port in place.ports:
                yield port_list(role.name, index, port.label), _joined(port)


def _older_own(place: TaskPlace) -> Iterator[tuple[str, str]]:
    for port in place.ports:
        yield own_port_list(port.label), _joined(port)


def _older_gang(config: JobConfig, placement: GangPlacement) -> Iterator[tuple[str, str]]:
    for role in config.task_roles:
        places = [placement.tasks[role.name, index] for index in range(role.task_number)]
        addresses = (f"{place.ip}:{place.first(_HTTP)}" for place in places)
        yield host_list(role.name), ",".join(addresses)
        for index, place in enumerate(places):
            for port in place.ports:
                yield older_port(role.name, index, port.label), _joined(port)


def _joined(port: TaskPorts) -> str:
    return ",".join(map(str, port.numbers))
