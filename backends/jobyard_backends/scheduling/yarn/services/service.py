"""What YARN is told of an attempt, and what it tells."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from attrs import frozen

from jobyard.domain.job import TaskRole
from jobyard_backends.scheduling.yarn.resource_manager.documents import objects, part, text
from jobyard_backends.scheduling.yarn.services.records import Record, component_name, service_name

_OVER: Final = frozenset({"FAILED", "STOPPED", "SUCCEEDED"})
_START: Final = (
    "printenv JOBYARD_START | base64 -d > start.sh; "
    "exec bash start.sh ${COMPONENT_INSTANCE_NAME} ${CONTAINER_ID}"
)
"""YARN puts it into double quotes as it is, so it has none of its own; the rest are its words."""


@frozen
class Service:
    """Be what YARN says of a service; ``ended`` are the tasks whose containers have."""

    app_id: str | None
    over: bool
    ended: frozenset[str]


def service(document: object) -> Service:
    """Read the answer."""
    ended = frozenset(
        text(container, "component_instance_name")
        for component in objects(document, "components")
        for container in objects(component, "containers")
        if text(container, "state") in _OVER
    )
    return Service(
        app_id=text(document, "id") or None,
        over=text(document, "state") in _OVER,
        ended=ended,
    )


def specification(record: Record, folder: str, token: str) -> Mapping[str, object]:
    """Write a service; ``folder`` is the address of the attempt's folder, ``token`` opens it."""
    script = files(__package__).joinpath("start.sh").read_bytes()
    environment = {
        "JOBYARD_FOLDER": folder,
        "JOBYARD_TOKEN": token,
        "JOBYARD_START": base64.b64encode(script).decode(),
    }
    return {
        "name": service_name(record, record.last.number),
        "version": "1",
        "description": f"{record.job.name}",
        "queue": record.job.config.virtual_cluster,
        "configuration": {"env": environment},
        "components": [
            {
                "name": component_name(number),
                "number_of_containers": role.task_number,
                "launch_command": _START,
                "restart_policy": "NEVER",
                "resource": _resource(role),
            }
            for number, role in enumerate(record.job.config.task_roles)
        ],
    }


def _resource(role: TaskRole) -> Mapping[str, object]:
    resource: dict[str, object] = {"cpus": role.cpu_number, "memory": str(role.memory_mb)}
    if role.gpu_number:
        resource["additional"] = {"yarn.io/gpu": {"value": role.gpu_number, "unit": ""}}
    return resource


def refused(document: object) -> str:
    """Give what YARN says against something."""
    return text(document, "diagnostics") or str(part(document, "message") or "")
