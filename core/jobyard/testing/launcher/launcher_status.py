"""What the launcher tells of itself."""

from __future__ import annotations

import math

from jobyard.testing.launcher.exit_codes import USER_SPECS
from jobyard.testing.launcher.options import LauncherOptions


def launcher_status(options: LauncherOptions, address: str) -> dict[str, object]:
    """Give the answer of ``GET /v1/LauncherStatus``."""
    host = address.partition("://")[2].partition(":")[0]
    return {
        "launcherConfiguration": _configuration(options, address, host),
        "userContainerExitSpec": {
            "spec": [
                {"code": code, "type": spec.type, "description": spec.description}
                for code, spec in USER_SPECS.items()
            ]
        },
        "loggedInUser": {"name": options.access.administrators[0]},
        "hadoopLibrarySupportsGpu": options.cluster.supports_gpus,
        "hadoopLibrarySupportsPort": options.cluster.supports_ports,
        "serviceHost": host,
        "serviceIp": host,
    }


def _configuration(options: LauncherOptions, address: str, host: str) -> dict[str, object]:
    interval = max(1, math.ceil(options.interval))
    return {
        "zkConnectString": "127.0.0.1:2181",
        "zkRootDir": "/Launcher",
        "hdfsRootDir": "/Launcher",
        "rootAdminUsers": [{"name": name} for name in options.access.administrators],
        "serviceRMResyncIntervalSec": interval,
        "serviceRequestPullIntervalSec": interval,
        "applicationRetrieveDiagnosticsRetryIntervalSec": interval,
        "applicationRetrieveDiagnosticsMaxRetryCount": 15,
        "applicationTransientConflictMinDelaySec": 5,
        "applicationTransientConflictMaxDelaySec": 10,
        "applicationSetupContextMaxRetryCount": 3,
        "applicationSetupContextRetryIntervalSec": interval,
        "frameworkCompletedRetainSec": 43200,
        "frameworkLeftoverGCMaxCount": 1000,
        "maxTotalTaskNumber": options.most_tasks,
        "amVersion": 0,
        "amPriority": 1,
        "amDiagnosticsMaxBytes": 49152,
        "amAttemptMaxCount": 3,
        "amAttemptFailuresValidityIntervalSec": 10,
        "amRmHeartbeatIntervalSec": interval,
        "amRmResyncFrequency": 6,
        "amRmResyncNmExpiryBufferSec": 60,
        "amRequestPullIntervalSec": interval,
        "amStatusPushIntervalSec": interval,
        "amFrameworkInfoPublishIntervalSec": 5,
        "amContainerRequestMinTimeoutSec": 10,
        "amContainerRequestMaxTimeoutSec": 200,
        "amSetupContainerRequestMinRetryIntervalSec": 30,
        "amSetupContainerRequestMaxRetryIntervalSec": 150,
        "amGangAllocationTimeoutSec": math.ceil(options.gang_timeout),
        "amContainerMinPort": 2000,
        "amCandidateNodesFactor": 2,
        "amAllowNoneGpuJobOnGpuNode": True,
        "webServerBindHost": host,
        "webServerAddress": address,
        "webServerStatusPullIntervalSec": interval,
        "webServerAclEnable": options.access.enabled,
        "webServerAclIgnoreWithoutNamespace": options.access.ignore_without_namespace,
    }
