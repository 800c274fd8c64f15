"""What this machine offers to tasks."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

from jobyard.domain.node import NodeShape
from jobyard_backends.scheduling.local.decisions import Resources
from jobyard_backends.scheduling.local.settings import LocalSchedulingConfig

_MEGABYTE: Final = 1024 * 1024
_GPU_DEVICE: Final = re.compile(r"nvidia(\d+)")
_DEVICES: Final = Path("/dev")


@frozen
class Machine:
    """Be one machine: its resources, and the numbers of its GPUs."""

    resources: Resources
    gpu_numbers: tuple[int, ...]
    gpu_type: str

    def shape(self) -> NodeShape:
        """Give the machine as the one node of its cluster."""
        have = self.resources
        return NodeShape(1, have.cpus, have.memory_mb, have.gpus, self.gpu_type)


def inspect(config: LocalSchedulingConfig, devices: Path = _DEVICES) -> Machine:
    """Look at this machine; what the configuration declares goes before what is found."""
    cores = config.cpus if config.cpus is not None else len(os.sched_getaffinity(0))
    memory = config.memory_mb
    if memory is None:
        memory = int(psutil.virtual_memory().total) // _MEGABYTE
    numbers = find_gpus(devices) if config.gpus is None else tuple(range(config.gpus))
    return Machine(
        Resources(max(1, int(cores * config.cpu_overcommit)), memory, len(numbers)),
        numbers,
        config.gpu_type,
    )


def find_gpus(devices: Path) -> tuple[int, ...]:
    """Give the numbers of the GPUs whose device files are there, ascending."""
    try:
        names = [entry.name for entry in devices.iterdir()]
    except OSError:
        return ()
    found = (_GPU_DEVICE.fullmatch(name) for name in names)
    return tuple(sorted(int(match[1]) for match in found if match))
