"""The launcher's answers about frameworks."""

from __future__ import annotations

from typing import Final

from jobyard.testing.launcher.diagnostics import application_report
from jobyard.testing.launcher.exit_codes import exit_spec
from jobyard.testing.launcher.framework import Exit, Framework, Task

_ROLLOUT: Final = {
    "overallRolloutServiceVersion": None,
    "overallRolloutStatus": "UNKNOWN",
    "overallRolloutStartTimestamp": None,
    "overallRolloutEndTimestamp": None,
    "currentRolloutScaleUnit": None,
    "currentRolloutTaskIndexes": None,
    "currentRolloutStatus": "UNKNOWN",
    "currentRolloutStartTimestamp": None,
    "currentRolloutEndTimestamp": None,
}
_RETRIEVING: Final = ("APPLICATION_RETRIEVING_DIAGNOSTICS", "APPLICATION_COMPLETED")


def summary(framework: Framework, *, status: bool = True) -> dict[str, object]:
    """Give the entry of a list; without a status where that is absent."""
    descriptor, end = framework.descriptor, _final(framework)
    return {
        "frameworkName": framework.name,
        "frameworkVersion": descriptor.version,
        "executionType": descriptor.execution_type,
        "frameworkDescription": descriptor.description,
        "userName": descriptor.user,
        "queue": descriptor.platform.queue,
        "totalGpuNumber": descriptor.gpus,
        "totalTaskNumber": descriptor.tasks,
        "totalTaskRoleNumber": len(descriptor.roles),
        "firstRequestTimestamp": framework.first_requested,
        "lastRequestTimestamp": framework.last_requested,
        "frameworkState": framework.state if status else "FRAMEWORK_WAITING",
        "frameworkRetryPolicyState": framework.retries.document(),
        "frameworkCompletedTimestamp": framework.completed,
        "applicationExitCode": None if end is None else end.code,
    }


def request(framework: Framework) -> dict[str, object]:
    """Give what was asked for."""
    return {
        "frameworkName": framework.name,
        "frameworkDescriptor": framework.descriptor.document(),
        "launchClientType": framework.client_type,
        "launchClientHostName": "127.0.0.1",
        "launchClientUserName": "UNKNOWN",
        "firstRequestTimestamp": framework.first_requested,
        "lastRequestTimestamp": framework.last_requested,
    }


def aggregated_request(framework: Framework) -> dict[str, object]:
    """Give all that was asked for."""
    asked = framework.progress_asked
    return {
        "frameworkRequest": request(framework),
        "overrideApplicationProgressRequest": (
            None if asked is None else {"applicationProgress": asked}
        ),
        "migrateTaskRequests": None,
    }


def status(framework: Framework) -> dict[str, object]:
    """Give what became of it."""
    application = framework.application
    return {
        "frameworkName": framework.name,
        "frameworkVersion": framework.descriptor.version,
        "frameworkState": framework.state,
        "frameworkRetryPolicyState": framework.retries.document(),
        "frameworkCreatedTimestamp": framework.created,
        "frameworkCompletedTimestamp": framework.completed,
        "applicationId": application and application.id,
        "applicationProgress": application and application.progress,
        "applicationTrackingUrl": (
            f"http://localhost:8088/proxy/{application.id}/"
            if application and application.registered
            else None
        ),
        "applicationLaunchedTimestamp": application and application.launched,
        "applicationCompletedTimestamp": application and application.completed,
        **_exit_fields(framework),
    }


def aggregated_status(framework: Framework, log_root: str) -> dict[str, object]:
    """Give what became of it and of its tasks; logs lie below ``log_root``."""
    version = framework.descriptor.version
    roles = {
        name: {
            "taskRoleStatus": {
                "taskRoleName": name,
                "taskRoleRolloutStatus": _ROLLOUT,
                "frameworkVersion": version,
            },
            "taskStatuses": {
                "taskRoleName": name,
                "taskStatusArray": [_task(task, framework, log_root) for task in tasks],
                "frameworkVersion": version,
            },
        }
        for name, tasks in framework.tasks.items()
    }
    return {"frameworkStatus": status(framework), "aggregatedTaskRoleStatuses": roles}


def _final(framework: Framework) -> Exit | None:
    return framework.application.exit if framework.application else None


def _exit_fields(framework: Framework) -> dict[str, object]:
    end = _final(framework)
    known = end is not None and framework.state not in _RETRIEVING
    spec = exit_spec(end.code) if end is not None and known else None
    diagnostics = end.diagnostics if end is not None else None
    if end is not None and not known:
        diagnostics = application_report(end)
    return {
        "applicationExitCode": None if end is None else end.code,
        "applicationExitDescription": spec and spec.description,
        "applicationExitDiagnostics": diagnostics,
        "applicationExitType": spec and spec.type,
        "applicationExitTriggerMessage": end.trigger_message if end and known else None,
        "applicationExitTriggerTaskRoleName": end.trigger_role if end and known else None,
        "applicationExitTriggerTaskIndex": end.trigger_index if end and known else None,
    }


def _task(task: Task, framework: Framework, log_root: str) -> dict[str, object]:
    place, end = task.place, task.exit
    spec = exit_spec(end.code) if end is not None else None
    user = framework.descriptor.user
    return {
        "taskIndex": task.index,
        "taskRoleName": task.role,
        "taskState": task.state,
        "taskRetryPolicyState": task.retries.document(),
        "taskCreatedTimestamp": task.created,
        "taskCompletedTimestamp": task.completed,
        "taskServiceStatus": {
            "serviceVersion": framework.descriptor.roles[task.role].service_version
        },
        "containerId": task.container_id,
        "containerHost": "localhost" if place else None,
        "containerIp": place and place.host,
        "containerPorts": place and place.port_text(),
        "containerGpus": place and place.gpus,
        "containerLogHttpAddress": (
            f"{log_root}/node/containerlogs/{task.container_id}/{user}/" if place else None
        ),
        "containerConnectionLostCount": 0 if place else None,
        "containerIsDecommissioning": None,
        "containerLaunchedTimestamp": task.launched,
        "containerCompletedTimestamp": task.container_completed,
        "containerExitCode": None if end is None else end.code,
        "containerExitDescription": spec and spec.description,
        "containerExitDiagnostics": end and end.diagnostics,
        "containerExitType": spec and spec.type,
    }
