"""What the launcher is told of a job: the framework's descriptor."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from jobyard.domain.job import JobSubmission, SubmissionId, TaskRole
from jobyard.domain.paths import storage_path
from jobyard.domain.retry import FOR_EVER

SCRIPTS: Final = "YarnContainerScripts"
"""The folder of a job with one start script for each role; it lies in a task's own folder too."""

_VERSION: Final = 10
_MARK: Final = "jobyard:"
_OURS: Final = re.compile(
    rf"{_MARK}([0-9a-f]{{8}}-[0-9a-f]{{4}}-7[0-9a-f]{{3}}-[0-9a-f]{{4}}-[0-9a-f]{{12}})"
)


def description_of(submission: SubmissionId) -> str:
    """Give the description by which a submission knows its framework again."""
    return f"{_MARK}{submission}"


def submission_in(description: str | None) -> SubmissionId | None:
    """Read the submission out of a framework's description; ``None`` where it is not ours."""
    found = None if description is None else _OURS.fullmatch(description)
    return None if found is None else SubmissionId(found[1])


def folder_of(username: str, framework: str) -> str:
    """Give the storage's folder of a job: its scripts, keys, and logs."""
    return f"/Container/{username}/{framework}"


def code_source(job: JobSubmission) -> str | None:
    """Give what the launcher fetches the code of a job from; ``None`` where it has none.

    What lies in the gateway's storage is named by its path, anything else as its author did.
    """
    shown = job.config.code_dir.rstrip("/")
    source = storage_path(shown, job.fs_uri) or shown
    return source if posixpath.basename(source) else None


def descriptor(job: JobSubmission, *, ports: bool) -> dict[str, object]:
    """Make a job's descriptor; ``ports`` asks the launcher for the ports of its tasks."""
    config = job.config
    folder = folder_of(job.submitter, str(job.name))
    code = code_source(job)
    sources = [f"{folder}/{SCRIPTS}", *([] if code is None else [code])]
    return {
        "version": _VERSION,
        "description": description_of(job.submission),
        "user": {"name": job.submitter},
        "retryPolicy": {
            "fancyRetryPolicy": config.retry_count != FOR_EVER,
            "maxRetryCount": config.retry_count,
        },
        "taskRoles": {
            role.name: _role(number, role, sources, ports=ports)
            for number, role in enumerate(config.task_roles)
        },
        "platformSpecificParameters": {
            "queue": config.virtual_cluster,
            "taskNodeGpuType": config.gpu_type or None,
            "gangAllocation": True,
        },
    }


def _role(number: int, role: TaskRole, sources: list[str], *, ports: bool) -> dict[str, object]:
    definitions = {
        port.label: {"start": port.begin_at, "count": port.count} for port in role.all_ports()
    }
    return {
        "taskNumber": role.task_number,
        "taskService": {
            "version": _VERSION,
            "entryPoint": f"source {SCRIPTS}/{number}.sh",
            "sourceLocations": sources,
            "resource": {
                "cpuNumber": role.cpu_number,
                "memoryMB": role.memory_mb,
                "gpuNumber": role.gpu_number,
                "portDefinitions": definitions if ports else {},
            },
        },
        "applicationCompletionPolicy": {
            "minFailedTaskCount": role.min_failed_task_count,
            "minSucceededTaskCount": role.min_succeeded_task_count,
        },
    }
