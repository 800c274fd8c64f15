"""What the start script of a task role is made of."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from jobyard.domain.job import JobSubmission, TaskRole
from jobyard.domain.status import TaskPorts
from jobyard.secret import Secret

PEERS_PATIENCE: Final = 600.0
"""Seconds for which a task waits for the addresses of all others."""

GRACE: Final = 10.0
"""Seconds between the polite and the final signal, when a task is stopped."""


class Runtime(enum.StrEnum):
    """Be what a task's command runs in."""

    DOCKER = "docker"
    NONE = "none"


@frozen
class LauncherPeers:
    """Learn the other tasks' addresses and ports from the launcher that started this one."""


@frozen
class StoragePeers:
    """Learn them from files that the tasks write into a folder of the storage.

    ``folder`` is a WebHDFS address without a query (``http://host/webhdfs/v1/path``), one for each
    attempt; ``query`` (``user.name=...`` or ``delegation=...``) is added to every request. A task
    writes ``started-$role-$index`` there, JSON with ``address``, ``ports`` (``label:p,p;label:p``)
    and ``containerId``, and ``ended-$role-$index``, JSON with ``exitCode`` and ``diagnostics``
    (``null``, or the script's own words), at its end, both times in milliseconds as ``time``.
    """

    folder: str
    query: Secret


@frozen
class CodeFolder:
    """Be the files that are found as ``./$name`` when the command starts.

    Without ``url`` YARN has brought them to ``./$name`` beside the script (the last name of a
    source location). With it they are fetched: a WebHDFS address of a file or a folder, with
    ``query`` added to every request.
    """

    name: str
    url: str | None = None
    query: Secret = field(factory=lambda: Secret(""))


@frozen
class SshAccess:
    """Let the job's owner in, where the image has an SSH daemon, at the port labelled ``ssh``.

    ``folder`` is the WebHDFS address of the folder that gets an empty file
    ``$containerId-$ip-$sshPort`` for every daemon that runs; ``None`` writes none.
    """

    public_key: str
    folder: str | None = None
    query: Secret = field(factory=lambda: Secret(""))


@frozen
class DockerOptions:
    """Be how containers are run.

    ``network`` is always the host's. ``pull`` asks for the newest image at every start.
    ``registry_config`` is the text of a ``config.json`` with what the registry wants to see.
    """

    program: str = "docker"
    pull: bool = True
    registry_config: Secret | None = None
    extra_volumes: tuple[str, ...] = ()


@frozen
class ContainerScript:
    """Be everything of the script that starts the tasks of one role.

    ``leased`` are the ports that the gateway leased, by role and index, for every task of the job;
    ``None`` where the launcher gives them out. ``storage_token`` becomes ``PAI_STORAGE_TOKEN``.
    """

    job: JobSubmission
    role: TaskRole
    runtime: Runtime
    peers: LauncherPeers | StoragePeers = field(factory=LauncherPeers)
    leased: Mapping[tuple[str, int], tuple[TaskPorts, ...]] | None = None
    code: CodeFolder | None = None
    ssh: SshAccess | None = None
    storage_token: Secret | None = None
    docker: DockerOptions = field(factory=DockerOptions)
    peers_patience: float = PEERS_PATIENCE
    grace: float = GRACE
