"""What a deployer can set of the ResourceManagers."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen


@frozen
class ResourceManagerSettings:
    """Say where the ResourceManagers are, and who the gateway is there.

    ``addresses`` are those of their web servers, without a path; ``user`` is who changes queues.
    Times are in seconds: ``connect`` for a connection, ``answer`` for an answer, ``failover`` for
    a ResourceManager that is active.
    """

    addresses: tuple[str, ...]
    user: str = "yarn"
    ca_file: Path | None = None
    connect: float = 2.0
    answer: float = 5.0
    failover: float = 8.0
