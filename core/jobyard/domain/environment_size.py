"""How large the environment of a job's tasks will be, told before any of them has a place.

Lengths are worked out, role by role and label by label, and no variable of a task's place is
built, so that a job of any number of tasks and ports costs no more than it has letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
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
from jobyard.domain.environment_values import current_facts, job_facts, text_of
from jobyard.domain.job import JobSubmission, PortRequest, TaskRole
from jobyard.errors import Problem

LARGEST_ENVIRONMENT: Final = 1_500_000
"""Bytes of a task's environment (contract, section 4.1, N), the kernel's way of counting."""

LONGEST_VARIABLE: Final = 128 * 1024
"""Bytes of one variable: ``name=value`` and the zero behind it (the kernel's ``MAX_ARG_STRLEN``)."""

_POINTER: Final = 8
_ADDRESS: Final = len("255.255.255.255")
_PORT: Final = len("65535")
_LONGEST_BACKEND: Final = 64
_ID: Final = 36
_ATTEMPT: Final = 10
_WIDEST: Final = 4
"""Bytes of a letter at most (UTF-8)."""
_WORDS: Final = 512
"""Bytes of what a variable's name and value hold beside letters of the job, generously."""
_NUMBERS: Final = 64
"""Bytes of what is listed of a role, or of a port, beside its name, generously."""
_FACTS: Final = 64
"""Variables that there is one of a job, or one of a role, generously."""
_FIELDS: Final = {
    "PAI_DATA_DIR": "dataDir",
    "PAI_OUTPUT_DIR": "outputDir",
    "PAI_CODE_DIR": "codeDir",
}


def environment_size(job: JobSubmission) -> int:
    """Give how many bytes the largest environment of the job's tasks can have.

    Each variable is counted as the kernel does: name, ``=``, value, a zero, and a pointer. The
    addresses of hosts are taken to be IPv4's, and all numbers of ports to have five digits.
    """
    return _measured(job).total


def environment_problems(job: JobSubmission) -> tuple[Problem, ...]:
    """Say what keeps the kernel from taking the environment of the job's tasks.

    The paths are those of the job's configuration. Nothing is good.
    """
    largest, whole = environment_bounds(job)
    if largest <= LONGEST_VARIABLE and whole <= LARGEST_ENVIRONMENT:
        return ()
    measured = _measured(job)
    found = [*_too_long(job, measured)]
    if measured.total > LARGEST_ENVIRONMENT:
        message = (
            f"the environment of one task would have {measured.total} bytes, at most "
            f"{LARGEST_ENVIRONMENT} are expected: use fewer tasks, ports or jobEnvs"
        )
        found.append(Problem("taskRoles", message))
    return tuple(found)


def environment_bounds(job: JobSubmission) -> tuple[int, int]:
    """Give what no variable of the job's tasks exceeds, and no environment, in bytes.

    Every variable is taken to hold all letters of the job, and all addresses and ports: far too
    much, at a twentieth of what it costs to measure.
    """
    config, roles = job.config, job.config.task_roles
    texts = [
        *(config.name, job.submitter, job.fs_uri, config.virtual_cluster),
        *(config.data_dir, config.output_dir, config.code_dir),
        *(role.name for role in roles),
        *(port.label for role in roles for port in role.ports),
        *(text for name, value in config.job_envs.items() for text in (name, text_of(value))),
    ]
    letters = _WIDEST * sum(map(len, texts))
    ports = _NUMBERS * sum(port.count for role in roles for port in role.all_ports())
    hosts = (_ADDRESS + len(":,") + _PORT) * config.total_tasks
    largest = _WORDS + letters + ports + hosts + _NUMBERS * len(roles)
    slots = sum(role.task_number * (2 * len(role.ports) + 5) for role in roles)
    count = _FACTS * (1 + len(roles)) + len(config.job_envs) + slots
    return largest, 2 * count * (largest + _POINTER)


@frozen
class _Size:
    """Be ``times`` variables with a name as long as this, and ``value`` bytes each."""

    name: str
    value: int
    times: int = 1

    @property
    def each(self) -> int:
        return len(self.name) + self.value + len("=\0")

    @property
    def total(self) -> int:
        copies = 1 if shell_name(self.name) == self.name else 2
        return (self.each + _POINTER) * self.times * copies


@frozen
class _Measured:
    """Be the sizes of all variables: of those that every task has, and of each role's own."""

    common: tuple[_Size, ...]
    own: tuple[tuple[_Size, ...], ...]

    @property
    def total(self) -> int:
        return _sum(self.common) + max(_sum(each) for each in self.own)

    def __iter__(self) -> Iterator[_Size]:
        return chain(self.common, *self.own)


def _measured(job: JobSubmission) -> _Measured:
    return _Measured(
        tuple(_common(job)), tuple(tuple(_own(role)) for role in job.config.task_roles)
    )


def _sum(sizes: Iterable[_Size]) -> int:
    return sum(each.total for each in sizes)


def _common(job: JobSubmission) -> Iterator[_Size]:
    for name, value in job_facts(job).items():
        yield _Size(name, _length(value))
    for name, scalar in job.config.job_envs.items():
        yield _Size(name, _length(text_of(scalar)))
    for role in job.config.task_roles:
        yield from _gang(role)


def _gang(role: TaskRole) -> Iterator[_Size]:
    yield _Size(host_list(role.name), _listed(role.task_number, _ADDRESS + 1 + _PORT))
    for index, times in _alike(role.task_number):
        yield _Size(host_ip(role.name, index), _ADDRESS, times)
        for port in role.all_ports():
            numbers = _numbers(port)
            yield _Size(port_list(role.name, index, port.label), numbers, times)
            yield _Size(older_port(role.name, index, port.label), numbers, times)


def _own(role: TaskRole) -> Iterator[_Size]:
    last = role.task_number - 1
    for name, value in current_facts(role, last).items():
        yield _Size(name, _length(value))
    container = _LONGEST_BACKEND + _ID + _ATTEMPT + len(role.name) + len(str(last)) + len("____")
    yield _Size("PAI_CONTAINER_ID", container)
    for name in ("PAI_CONTAINER_HOST_IP", "PAI_CURRENT_CONTAINER_IP"):
        yield _Size(name, _ADDRESS)
    for name in ("SSH_PORT", "HOST_PORT"):
        yield _Size(f"PAI_CONTAINER_{name}", _PORT)
    yield _Size("PAI_CURRENT_CONTAINER_PORT", _PORT)
    ports = role.all_ports()
    every = sum(len(port.label) + len(":;") + _numbers(port) for port in ports)
    yield _Size("PAI_CONTAINER_HOST_PORT_LIST", every)
    for port in ports:
        yield _Size(own_port_list(port.label), _numbers(port))


def _alike(count: int) -> Iterator[tuple[int, int]]:
    """Give, for each number of digits, one index below ``count`` that has it, and how many."""
    first, behind = 0, 10
    while first < count:
        yield first, min(behind, count) - first
        first, behind = behind, behind * 10


def _numbers(port: PortRequest) -> int:
    return _listed(port.count, _PORT)


def _listed(count: int, each: int) -> int:
    return count * (each + 1) - 1


def _length(text: str) -> int:
    return len(text.encode(errors="replace"))


def _too_long(job: JobSubmission, sizes: Iterable[_Size]) -> Iterator[Problem]:
    longest: dict[str, _Size] = {}
    for size in sizes:
        if size.each <= LONGEST_VARIABLE:
            continue
        path = _path(job, size.name)
        if path not in longest or size.each > longest[path].each:
            longest[path] = size
    for path, size in longest.items():
        message = (
            f"the variable {size.name} would have {size.each} bytes, at most "
            f"{LONGEST_VARIABLE} are expected"
        )
        yield Problem(path, message)


def _path(job: JobSubmission, variable: str) -> str:
    if variable in job.config.job_envs:
        return f"jobEnvs.{variable}"
    return _FIELDS.get(variable, "taskRoles")
