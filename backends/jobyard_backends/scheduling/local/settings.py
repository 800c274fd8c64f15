"""What a deployer can set of the embedded scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from attrs import frozen


class LocalSchedulingConfig(Protocol):
    """Be whatever holds the settings; the provider's configuration class does.

    ``cpus``, ``memory_mb`` and ``gpus`` are those of the machine where they are ``None``.
    ``grace_seconds`` lies between SIGTERM and SIGKILL; ``retry_backoff`` is the unit of the
    back-off, in seconds.
    """

    @property
    def cpus(self) -> int | None:
        """Give the declared number of cores."""
        ...

    @property
    def cpu_overcommit(self) -> float:
        """Give by how much CPU numbers may go beyond the cores."""
        ...

    @property
    def memory_mb(self) -> int | None:
        """Give the declared memory."""
        ...

    @property
    def gpus(self) -> int | None:
        """Give the declared number of GPUs."""
        ...

    @property
    def gpu_type(self) -> str:
        """Give the name of the GPUs' model, which a job's ``gpuType`` has to match."""
        ...

    @property
    def preempt(self) -> bool:
        """Tell whether borrowers are stopped for those who are owed their share."""
        ...

    @property
    def address(self) -> str:
        """Give the address under which tasks find one another."""
        ...

    @property
    def port_numbers(self) -> range:
        """Give the ports for tasks."""
        ...

    @property
    def grace_seconds(self) -> float:
        """Give the time that a task has to end by itself."""
        ...

    @property
    def retry_backoff(self) -> float:
        """Give the seconds of the first back-off."""
        ...

    @property
    def runtime(self) -> str:
        """Give what tasks run in: ``auto``, ``bubblewrap``, ``process``, ``podman``, ``docker``."""
        ...

    @property
    def engine_options(self) -> tuple[str, ...]:
        """Give the words between ``podman`` or ``docker`` and what it is to do."""
        ...

    @property
    def container_options(self) -> tuple[str, ...]:
        """Give the words behind its ``run``."""
        ...

    @property
    def mounts(self) -> tuple[Path, ...]:
        """Give the folders that tasks may write into beside their own."""
        ...

    @property
    def hidden(self) -> tuple[Path, ...]:
        """Give what tasks do not see, beside what the gateway hides by itself."""
        ...

    @property
    def enforce_limits(self) -> bool:
        """Tell whether a task that uses more memory than it asked for is ended."""
        ...

    @property
    def log_size_mb(self) -> int:
        """Give how many megabytes of each of a task's logs are kept."""
        ...

    @property
    def ssh(self) -> bool:
        """Tell whether each task has an SSH daemon, where sshd and a sandbox are."""
        ...

    @property
    def ssh_address(self) -> str:
        """Give the address on which these listen, and which callers are told."""
        ...

    @property
    def keep_logs(self) -> str:
        """Give for how long, or up to which size, logs of ended jobs are kept; empty: for ever."""
        ...

    @property
    def run_as(self) -> Mapping[str, str]:
        """Give users' Unix accounts; ``*`` is everybody else's."""
        ...


@frozen
class LocalSchedulingSettings:
    """Be the settings as a plain value, with their defaults."""

    cpus: int | None = None
    cpu_overcommit: float = 8.0
    memory_mb: int | None = None
    gpus: int | None = None
    gpu_type: str = ""
    preempt: bool = False
    address: str = "127.0.0.1"
    port_numbers: range = range(20_000, 30_000)
    grace_seconds: float = 10.0
    retry_backoff: float = 1.0
    runtime: str = "auto"
    engine_options: tuple[str, ...] = ()
    container_options: tuple[str, ...] = ()
    mounts: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    enforce_limits: bool = True
    log_size_mb: int = 1024
    ssh: bool = False
    ssh_address: str = "127.0.0.1"
    keep_logs: str = ""
    run_as: Mapping[str, str] = {}
