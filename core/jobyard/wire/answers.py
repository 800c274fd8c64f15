"""Encode values as the contract's JSON objects, ready for ``orjson.dumps``.

What they look like to a reader is in :mod:`jobyard.wire.answer_schemas`; the tests hold the two
together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from jobyard.domain.states import JobState
from jobyard.domain.status import (
    JobStatus,
    JobSummary,
    RetryCounts,
    SshContainer,
    TaskRoleStatus,
    TaskStatus,
    WaitingReason,
)
from jobyard.domain.virtual_cluster import VirtualCluster, VirtualClusterState

if TYPE_CHECKING:
    from jobyard.domain.exits import ExitMessages, ExitSpec

Json = dict[str, object]
LogLink = Callable[[str, int], str | None]
"""Give the address of the log of a task, by its role's name and its index."""


def job_item(job: JobSummary) -> Json:
    """Encode a job in a list (contract, section 4.3)."""
    item: Json = {
        "name": job.name.job,
        "username": job.username,
        "state": job.state,
        "subState": job.framework_state,
        "executionType": job.execution_type,
        "retries": job.retries.total,
        "retryDetails": _retry_details(job.retries),
        "createdTime": job.created_at,
        "completedTime": job.completed_at,
        "appExitCode": job.exit_code,
        "virtualCluster": job.virtual_cluster,
        "totalGpuNumber": job.total_gpus,
        "totalTaskNumber": job.total_tasks,
        "totalTaskRoleNumber": job.total_roles,
    }
    if job.name.legacy:
        item["legacy"] = True
    elif job.name.namespace != job.username:
        item["namespace"] = job.name.namespace
    return item


def job_detail(
    status: JobStatus,
    *,
    messages: ExitMessages,
    spec: ExitSpec | None,
    log_link: LogLink,
) -> Json:
    """Encode a job whole (contract, section 4.4); every field is there, ``null`` if unknown.

    ``log_link`` is asked for the tasks that the backend has no log page of.
    """
    return {
        "name": status.summary.name.job,
        "jobStatus": _job_status(status, messages, spec),
        "taskRoles": {role.name: _task_role(role, log_link) for role in status.task_roles},
    }


def _job_status(status: JobStatus, messages: ExitMessages, spec: ExitSpec | None) -> Json:
    job = status.summary
    return {
        "name": job.name.job,
        "username": job.username,
        "virtualCluster": job.virtual_cluster,
        "state": job.state,
        "subState": job.framework_state,
        "createdTime": job.created_at,
        "completedTime": job.completed_at,
        "executionType": job.execution_type,
        "retries": job.retries.total,
        "retryDetails": _retry_details(job.retries),
        "appId": status.app_id,
        "appProgress": status.progress,
        "appTrackingUrl": status.tracking_url,
        "appLaunchedTime": status.launched_at,
        "appCompletedTime": status.app_completed_at,
        "appExitCode": job.exit_code,
        **_exit(status, messages, spec),
        "waitingReason": _waiting(status.waiting) if job.state is JobState.WAITING else None,
    }


def _exit(status: JobStatus, messages: ExitMessages, spec: ExitSpec | None) -> Json:
    return {
        "appExitSpec": None if spec is None else attrs.asdict(spec),
        "appExitDiagnostics": status.exit.diagnostics,
        "appExitMessages": {
            "container": messages.container,
            "runtime": messages.runtime,
            "launcher": messages.launcher,
        },
        "appExitTriggerMessage": status.exit.trigger_message,
        "appExitTriggerTaskRoleName": status.exit.trigger_role,
        "appExitTriggerTaskIndex": status.exit.trigger_index,
        "appExitType": status.exit.exit_type,
    }


def _waiting(reason: WaitingReason | None) -> Json | None:
    if reason is None:
        return None
    return {
        "code": reason.code,
        "message": reason.message,
        "queuePosition": reason.queue_position,
    }


def _retry_details(retries: RetryCounts) -> Json:
    return {"user": retries.user, "platform": retries.platform, "resource": retries.resource}


def _task_role(role: TaskRoleStatus, log_link: LogLink) -> Json:
    return {
        "taskRoleStatus": {"name": role.name},
        "taskStatuses": [_task(role.name, task, log_link) for task in role.tasks],
    }


def _task(role: str, task: TaskStatus, log_link: LogLink) -> Json:
    return {
        "taskIndex": task.index,
        "taskState": task.state,
        "containerId": task.container_id,
        "containerIp": task.container_ip,
        "containerPorts": {ports.label: ",".join(map(str, ports.numbers)) for ports in task.ports},
        "containerGpus": task.gpus,
        "containerLog": log_link(role, task.index) if task.log_url is None else task.log_url,
        "containerExitCode": task.exit_code,
    }


def ssh(containers: Iterable[SshContainer], *, folder: str, name: str, link: str | None) -> Json:
    """Encode how to reach a job's tasks by SSH (contract, section 4.5).

    ``name`` is the private key's file, beside which the public one lies in ``folder``; ``link``
    is ``None`` for those who may not have the private key (N).
    """
    return {
        "containers": [
            {"id": each.container_id, "sshIp": each.ip, "sshPort": str(each.port)}
            for each in containers
        ],
        "keyPair": {
            "folderPath": folder,
            "publicKeyFileName": f"{name}.pub",
            "privateKeyFileName": name,
            "privateKeyDirectDownloadLink": link,
        },
    }


def virtual_cluster(cluster: VirtualCluster) -> Json:
    """Encode a virtual cluster (contract, section 5); the capacities are whole numbers."""
    share, usage = cluster.share, cluster.usage
    running = share.state is VirtualClusterState.RUNNING
    return {
        "capacity": _rounded(share.capacity),
        "maxCapacity": _rounded(share.max_capacity),
        "usedCapacity": usage.used_capacity,
        "numActiveJobs": usage.active_jobs,
        "numJobs": usage.jobs,
        "numPendingJobs": usage.pending_jobs,
        "resourcesUsed": {
            "memory": usage.resources.memory,
            "vCores": usage.resources.vcores,
            "GPUs": usage.resources.gpus,
        },
        "state": share.state,
        "status": "RUNNING" if running else "STOPPED",
    }


def _rounded(capacity: float) -> int:
    """Round as JavaScript does, half up: Python's ``round`` would make 0.5 a 0."""
    return math.floor(capacity + 0.5)


def user(name: str, *, admin: bool, virtual_clusters: Iterable[str]) -> Json:
    """Encode a user; ``admin`` is a text here, and the list is sorted (section 3, R)."""
    return {
        "username": name,
        "admin": "true" if admin else "false",
        "virtualCluster": ",".join(sorted(virtual_clusters)),
        "hasGithubPAT": False,
    }


def token(text: str, *, username: str, admin: bool) -> Json:
    """Encode a token and whose it is (contract, section 2)."""
    return {"token": text, "user": username, "admin": admin, "hasGitHubPAT": False}
