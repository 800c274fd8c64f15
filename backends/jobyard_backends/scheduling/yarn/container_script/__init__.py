"""The script that starts one task in its container: what it is made of, and its text.

:func:`render` gives one script for all tasks of a role. Which task it is, it learns on the node, from
the environment that it is started with:

=====================  =============================================================================
``TASK_INDEX``         the task's index; required
``CONTAINER_ID``       required
``CONTAINER_IP``       the node's address; found out where it is missing
``CONTAINER_PORTS``    ``label:p,p;label:p;``, unless the ports are leased
``CONTAINER_GPUS``     the bit mask of the GPUs; 0 where it is missing
``APP_ID``             the attempt's name; the container's where it is missing
``FRAMEWORK_NAME``     the job, for the launcher's peers alone
``LAUNCHER_ADDRESS``   ``http://host:port``, for the launcher's peers alone
``LOG_DIRS``           the container's log folders; the working directory where it is missing
=====================  =============================================================================

The node needs bash 4.4, coreutils, Python 3.6 and, for ``runtime: docker``, a Docker client; the
image needs bash and ``env``. Output and errors of the command are the script's own, which YARN puts
into the container's log folder; what the script has to say is in ``jobyard.log`` there, and a
failure of its own on its standard error too, as YAML between ``[PAI_RUNTIME_ERROR_START]`` and
``[PAI_RUNTIME_ERROR_END]``.
"""

from __future__ import annotations

from jobyard_backends.scheduling.yarn.container_script.rendering import render
from jobyard_backends.scheduling.yarn.container_script.values import (
    CodeFolder,
    ContainerScript,
    DockerOptions,
    LauncherPeers,
    Runtime,
    SshAccess,
    StoragePeers,
)

__all__ = [
    "CodeFolder",
    "ContainerScript",
    "DockerOptions",
    "LauncherPeers",
    "Runtime",
    "SshAccess",
    "StoragePeers",
    "render",
]
