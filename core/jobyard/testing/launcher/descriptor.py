"""What a framework is to be: read from a request, checked, completed with defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from jobyard.testing.launcher.access import ANYBODY
from jobyard.testing.launcher.fields import Fields, as_object
from jobyard.testing.launcher.options import ClusterOptions
from jobyard.testing.launcher.refusal import bad_request, violation

START: Final = "START"
STOP: Final = "STOP"

_NAME: Final = r"^[A-Za-z0-9\-._~]{1,256}$"
_MOST_TASKS: Final = 50_000
_LONGEST_DESCRIPTION: Final = 1024
_HINT: Final = "please patch YARN-7481 first"


@frozen
class RetryPolicy:
    """Be how often what ended is run again."""

    fancy: bool
    most: int

    def document(self) -> dict[str, object]:
        """Give it as the launcher sends it."""
        return {"fancyRetryPolicy": self.fancy, "maxRetryCount": self.most}


@frozen
class Resource:
    """Be what one container asks for; ``ports`` are ``(start, count)`` by label."""

    cpus: int
    memory_mb: int
    gpus: int = 0
    ports: Mapping[str, tuple[int, int]] = {}
    disk_type: str = "HDD"
    disk_mb: int = 0

    def document(self) -> dict[str, object]:
        """Give it as the launcher sends it."""
        return {
            "cpuNumber": self.cpus,
            "memoryMB": self.memory_mb,
            "portDefinitions": {
                label: {"start": start, "count": count}
                for label, (start, count) in self.ports.items()
            },
            "diskType": self.disk_type,
            "diskMB": self.disk_mb,
            "gpuNumber": self.gpus,
            "gpuAttribute": 0,
        }


@frozen
class Role:
    """Be one task role."""

    name: str
    task_number: int
    retry: RetryPolicy
    min_failed: int | None
    min_succeeded: int | None
    service_version: int
    entry_point: str
    sources: tuple[str, ...]
    resource: Resource
    node_label: str | None
    gpu_type: str | None

    def document(self) -> dict[str, object]:
        """Give it as the launcher sends it."""
        return {
            "taskNumber": self.task_number,
            "scaleUnitNumber": 1,
            "scaleUnitTimeoutSec": 0,
            "taskRetryPolicy": self.retry.document(),
            "applicationCompletionPolicy": {
                "minFailedTaskCount": self.min_failed,
                "minSucceededTaskCount": self.min_succeeded,
            },
            "taskService": {
                "version": self.service_version,
                "entryPoint": self.entry_point,
                "sourceLocations": list(self.sources),
                "resource": self.resource.document(),
            },
            "platformSpecificParameters": {
                "taskNodeLabel": self.node_label,
                "taskNodeGpuType": self.gpu_type,
                "samePortAllocation": False,
            },
        }


@frozen
class Platform:
    """Be what a framework says to YARN."""

    queue: str
    gang: bool
    am: Resource
    am_label: str | None
    node_label: str | None
    gpu_type: str | None
    anti_affinity: bool

    def document(self) -> dict[str, object]:
        """Give it as the launcher sends it."""
        return {
            "amResource": self.am.document(),
            "amNodeLabel": self.am_label,
            "taskNodeLabel": self.node_label,
            "taskNodeGpuType": self.gpu_type,
            "queue": self.queue,
            "containerConnectionMaxLostCount": -2,
            "containerConnectionMaxExceedCount": 2,
            "antiaffinityAllocation": self.anti_affinity,
            "gangAllocation": self.gang,
            "skipLocalTriedResource": True,
            "amType": "DEFAULT",
            "agentUseHeartbeat": False,
            "agentHeartbeatIntervalSec": 30,
            "agentExpiryIntervalSec": 180,
            "agentUseHealthCheck": False,
            "taskServiceHealthCheck": None,
        }


@frozen
class Descriptor:
    """Be a framework's descriptor, whole."""

    version: int
    description: str | None
    execution_type: str
    user: str
    retry: RetryPolicy
    roles: Mapping[str, Role]
    platform: Platform

    @property
    def tasks(self) -> int:
        """Count the tasks of all roles."""
        return sum(role.task_number for role in self.roles.values())

    @property
    def gpus(self) -> int:
        """Count the GPUs of all tasks."""
        return sum(role.task_number * role.resource.gpus for role in self.roles.values())

    def scaled(self, role: str, tasks: int) -> Descriptor:
        """Give it with another number of tasks in a role."""
        changed = evolve(self.roles[role], task_number=tasks)
        return evolve(self, roles={**self.roles, role: changed})

    def document(self) -> dict[str, object]:
        """Give it as the launcher sends it."""
        return {
            "description": self.description,
            "version": self.version,
            "executionType": self.execution_type,
            "retryPolicy": self.retry.document(),
            "parentFramework": None,
            "user": {"name": self.user},
            "taskRoles": {name: role.document() for name, role in self.roles.items()},
            "platformSpecificParameters": self.platform.document(),
        }


def read_descriptor(body: object, cluster: ClusterOptions) -> Descriptor:
    """Read a descriptor; fields that nobody knows are let through.

    Raises:
        Refusal: Something in it is wrong; of several mistakes one is named.
    """
    if body is None:
        raise bad_request("Object is null")
    fields = Fields(as_object(body, "FrameworkDescriptor"))
    execution_type = fields.choice("executionType", START, (START, STOP), "ExecutionType")
    version = fields.integer("version")
    roles = {name: _role(name, each, cluster) for name, each in fields.members("taskRoles").items()}
    if not roles:
        raise fields.refuse("taskRoles", "may not be empty")
    description = fields.optional_text("description")
    if description is not None and len(description) > _LONGEST_DESCRIPTION:
        raise fields.refuse("description", f"size must be between 0 and {_LONGEST_DESCRIPTION}")
    return Descriptor(
        version=version,
        description=description,
        execution_type=execution_type,
        user=_user(fields.object("user")),
        retry=_retry(fields.object("retryPolicy")),
        roles=roles,
        platform=_platform(fields.object("platformSpecificParameters")),
    )


def _user(fields: Fields) -> str:
    name = fields.text("name", ANYBODY)
    if re.fullmatch(_NAME, name) is None:
        raise fields.refuse("name", f'must match "{_NAME}"')
    return name


def _retry(fields: Fields) -> RetryPolicy:
    return RetryPolicy(
        fancy=fields.flag("fancyRetryPolicy", default=False),
        most=fields.integer("maxRetryCount", 0, least=-2),
    )


def _role(name: str, fields: Fields, cluster: ClusterOptions) -> Role:
    if re.fullmatch(_NAME, name) is None:
        text = f"Name [{name}] is not matched with naming convention regex [{_NAME}]"
        raise violation("taskRoles", text)
    service = fields.object("taskService", required=True)
    policy = fields.object("applicationCompletionPolicy")
    platform = fields.object("platformSpecificParameters")
    return Role(
        name=name,
        task_number=fields.integer("taskNumber", least=0, most=_MOST_TASKS),
        retry=_retry(fields.object("taskRetryPolicy")),
        min_failed=policy.optional_integer("minFailedTaskCount", 1),
        min_succeeded=policy.optional_integer("minSucceededTaskCount", None),
        service_version=service.integer("version"),
        entry_point=service.full_text("entryPoint"),
        sources=tuple(service.texts("sourceLocations")),
        resource=_resource(service.object("resource", required=True), cluster),
        node_label=platform.optional_text("taskNodeLabel"),
        gpu_type=platform.optional_text("taskNodeGpuType"),
    )


def _resource(fields: Fields, cluster: ClusterOptions) -> Resource:
    ports = {
        label: (port.integer("start", 0, least=0), port.integer("count", least=0))
        for label, port in fields.members("portDefinitions").items()
    }
    resource = Resource(
        cpus=fields.integer("cpuNumber", least=1),
        memory_mb=fields.integer("memoryMB", least=1),
        gpus=fields.integer("gpuNumber", 0, least=0),
        ports=ports,
        disk_type=fields.choice("diskType", "HDD", ("HDD", "SSD"), "DiskType"),
        disk_mb=fields.integer("diskMB", 0, least=0),
    )
    _check_patched(resource, fields.path, cluster)
    return resource


def _check_patched(resource: Resource, path: str, cluster: ClusterOptions) -> None:
    if resource.gpus and not cluster.supports_gpus:
        text = "GpuNumber is large than zero, but local hadoop library doesn't support Gpu"
        raise violation(path, f"{text}, {_HINT}: GpuNumber: [{resource.gpus}]")
    if resource.ports and not cluster.supports_ports:
        asked = ", ".join(
            f"<{label} = {start},{count}>" for label, (start, count) in resource.ports.items()
        )
        text = "PortDefinitions is not empty, but local hadoop library doesn't support Port"
        raise violation(path, f"{text}, {_HINT}: PortDefinitions: [{{{asked}}}]")


def _platform(fields: Fields) -> Platform:
    am = fields.object("amResource")
    return Platform(
        queue=fields.text("queue", "default"),
        gang=fields.flag("gangAllocation", default=False),
        am=Resource(
            cpus=am.integer("cpuNumber", 1, least=1),
            memory_mb=am.integer("memoryMB", 1024, least=1),
            disk_type=am.text("diskType", "HDD"),
            disk_mb=am.integer("diskMB", 0),
        ),
        am_label=fields.optional_text("amNodeLabel"),
        node_label=fields.optional_text("taskNodeLabel"),
        gpu_type=fields.optional_text("taskNodeGpuType"),
        anti_affinity=fields.flag("antiaffinityAllocation", default=False),
    )
