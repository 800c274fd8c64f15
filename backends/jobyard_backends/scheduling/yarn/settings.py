"""What the scheduler is told by a deployer."""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from jobyard_backends.scheduling.yarn.container_script import DockerOptions
from jobyard_backends.scheduling.yarn.launcher import Timeouts


@frozen
class Site:
    """Say where the launcher is, and what its cluster has; see the provider's settings.

    ``ports`` are those that the gateway gives to tasks; ``None`` where the launcher does.
    ``docker`` is how containers are run; ``None`` where tasks run without.
    """

    launcher: str
    docker: DockerOptions | None = field(factory=DockerOptions)
    ports: range | None = None
    ca_file: Path | None = None
    timeouts: Timeouts = field(factory=Timeouts)
