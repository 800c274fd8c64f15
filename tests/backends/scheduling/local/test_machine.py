"""What a machine offers: what is declared, else what is found."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve

from jobyard_backends.scheduling.local.decisions import Resources
from jobyard_backends.scheduling.local.machine import inspect
from jobyard_backends.scheduling.local.settings import LocalSchedulingSettings

FOUND = LocalSchedulingSettings()


def test_gpus_are_those_whose_devices_are_there(tmp_path: Path) -> None:
    for name in ("nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()

    machine = inspect(FOUND, tmp_path)

    assert machine.gpu_numbers == (2, 10)
    assert machine.resources.gpus == 2


def test_what_is_declared_goes_before_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    declared = evolve(FOUND, cpus=3, cpu_overcommit=1.5, memory_mb=500, gpus=2, gpu_type="V100")

    machine = inspect(declared, tmp_path)

    assert machine.resources == Resources(cpus=4, memory_mb=500, gpus=2)
    assert machine.gpu_numbers == (0, 1)
    assert (machine.shape().gpu_type, machine.shape().count) == ("V100", 1)


def test_cores_are_overcommitted_and_memory_is_not(tmp_path: Path) -> None:
    machine = inspect(FOUND, tmp_path / "nowhere")

    assert machine.resources.cpus == 8 * len(os.sched_getaffinity(0))
    assert (
        0
        < machine.resources.memory_mb
        <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    )
    assert machine.gpu_numbers == ()
