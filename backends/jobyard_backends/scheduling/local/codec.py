"""Configurations and tasks as the bytes that their rows hold."""

from __future__ import annotations

from typing import Any, cast

import attrs
import orjson

from jobyard.domain.job import JobConfig, PortRequest, TaskRole
from jobyard.domain.status import TaskPorts
from jobyard_backends.scheduling.local.records import TaskRecord


def dump_config(config: JobConfig) -> bytes:
    """Write a configuration."""
    return orjson.dumps(attrs.asdict(config))


def load_config(data: bytes) -> JobConfig:
    """Read what :func:`dump_config` wrote."""
    document = cast("dict[str, Any]", orjson.loads(data))
    roles = tuple(_role(role) for role in document.pop("task_roles"))
    return JobConfig(task_roles=roles, **document)


def _role(document: dict[str, Any]) -> TaskRole:
    ports = tuple(PortRequest(**port) for port in document.pop("ports"))
    return TaskRole(ports=ports, **document)


def dump_tasks(tasks: tuple[TaskRecord, ...]) -> bytes:
    """Write the places of an attempt's tasks; their ends are rows of their own."""
    return orjson.dumps(
        [
            (
                task.role,
                task.index,
                task.gpus,
                [(port.label, port.numbers) for port in task.ports],
            )
            for task in tasks
        ]
    )


def load_tasks(data: bytes) -> tuple[TaskRecord, ...]:
    """Read what :func:`dump_tasks` wrote."""
    return tuple(
        TaskRecord(
            role=role,
            index=index,
            gpus=tuple(gpus),
            ports=tuple(TaskPorts(label, tuple(numbers)) for label, numbers in ports),
        )
        for role, index, gpus, ports in orjson.loads(data)
    )
