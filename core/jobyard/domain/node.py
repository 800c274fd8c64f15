"""What the machines of a cluster look like."""

from __future__ import annotations

from attrs import frozen


@frozen
class NodeShape:
    """Be so many equal nodes; ``cpus`` are the CPU numbers that one offers to tasks."""

    count: int
    cpus: int
    memory_mb: int
    gpus: int = 0
    gpu_type: str = ""
