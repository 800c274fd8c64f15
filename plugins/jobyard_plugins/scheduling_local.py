"""The embedded scheduler, announced under the name ``local``."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

from jobyard.errors import Problem
from jobyard.hookspecs import hookimpl
from jobyard.schema import option
from jobyard.seams.context import Context
from jobyard.seams.diagnosis import Check
from jobyard.seams.provider import Capability, SchedulingProvider, scheduling_provider
from jobyard.seams.scheduling import Scheduler

_LAST_PORT: Final = 65_535


@frozen
class LocalScheduling:
    """Be the settings of the embedded scheduler."""

    cpus: int | None = option(
        default=None,
        minimum=1,
        maximum=65_536,
        doc="The cores that tasks may use. Without it, those that the gateway itself may use.",
    )
    cpu_overcommit: float = option(
        default=8.0,
        minimum=0.1,
        maximum=1000,
        doc="How many CPU numbers of tasks one core stands for; 1 makes them exact.",
    )
    memory_mb: int | None = option(
        default=None,
        minimum=100,
        maximum=2**31 - 1,
        doc="The memory for tasks, in MB. Without it, all of the machine's.",
    )
    gpus: int | None = option(
        default=None,
        minimum=0,
        maximum=1024,
        doc="The number of GPUs, counted from 0. Without it, those whose devices are found.",
    )
    gpu_type: str = option(
        default="",
        max_length=128,
        example="V100",
        doc="The model of the GPUs, which a job's `gpuType` has to name.",
    )
    preempt: bool = option(
        default=False,
        doc="Whether jobs that run on capacity borrowed from another virtual cluster are stopped, "
        "newest first, when that one needs its share. They are retried, without being counted. "
        "Otherwise what is borrowed comes back as jobs end.",
    )
    address: str = option(
        default="127.0.0.1",
        max_length=45,
        doc="The IP address under which the tasks of a job find one another.",
    )
    ports: str = option(
        default="20000-29999",
        pattern=r"[0-9]{1,5}-[0-9]{1,5}",
        doc="The range of ports for tasks, both ends included.",
    )
    grace_seconds: float = option(
        default=10.0,
        minimum=0,
        maximum=3600,
        doc="How long a task that is stopped has between SIGTERM and SIGKILL, in seconds.",
    )
    retry_backoff: float = option(
        default=1.0,
        minimum=0.01,
        maximum=60,
        doc="The wait before the first retry that backs off, in seconds; it doubles each time, "
        "up to 300 times this.",
    )

    runtime: str = option(
        default="auto",
        choices=("auto", "bubblewrap", "process", "podman", "docker"),
        doc="What tasks run in: a sandbox of bubblewrap's, which the gateway insists on; nothing, as "
        "plain processes; with `auto`, the sandbox where it works on this machine; or, with `podman` "
        "or `docker`, a container of their job's `image`, which is not looked at otherwise.",
    )
    engine_options: tuple[str, ...] = option(
        default=(),
        example=["--runtime", "runc"],
        doc="Words for `podman` or `docker` itself, before `run` and whatever else it is told.",
    )
    container_options: tuple[str, ...] = option(
        default=(),
        example=["--ulimit", "nofile=1024:4096"],
        doc="Words behind the `run` of `podman` or `docker`.",
    )
    mounts: tuple[Path, ...] = option(
        default=(),
        example=["/data"],
        doc="Folders that tasks may write into from inside the sandbox, beside their own.",
    )
    hidden: tuple[Path, ...] = option(
        default=(),
        example=["/etc/jobyard"],
        doc="Files and folders that tasks do not see from inside the sandbox, beside the gateway's "
        "state directory.",
    )
    enforce_limits: bool = option(
        default=True,
        doc="Whether a task that uses more memory than it asked for is ended.",
    )
    log_size_mb: int = option(
        default=1024,
        minimum=1,
        maximum=1_048_576,
        doc="How many megabytes of each of a task's two logs are kept, the newest.",
    )
    ssh: bool = option(
        default=False,
        doc="Whether each task has an SSH daemon on its port `ssh`, for the key of its job. It takes "
        "an installed sshd, and bubblewrap.",
    )
    ssh_address: str = option(
        default="127.0.0.1",
        max_length=45,
        doc="The IP address of this machine on which these daemons listen, and which callers are "
        "told.",
    )
    keep_logs: str = option(
        default="",
        pattern=r"([1-9][0-9]{0,5}(s|m|h|d|w|MB|GB|TB))?",
        example="30d",
        doc="How long the logs of ended jobs are kept, such as `30d` (`s`, `m`, `h`, `d` or `w`), or "
        "how much room they may take together, such as `20GB` (`MB`, `GB` or `TB`), the oldest "
        "going first. The jobs themselves stay. Empty: for as long as the jobs.",
    )
    run_as: Mapping[str, str] = option(
        default={},
        example={"alice": "alice", "*": "jobs"},
        doc="The Unix account that the tasks of each user run as, `*` that of all others. The "
        "gateway has to be root, and to have bubblewrap, podman or docker. Without it tasks run as the gateway does.",
    )

    @property
    def port_numbers(self) -> range:
        """Give the ports for tasks."""
        first, _, last = self.ports.partition("-")
        return range(int(first), int(last) + 1)

    def problems(self) -> Iterable[Problem]:
        """Refuse an address that is none, and a range that holds no ports."""
        for name, text in (("address", self.address), ("ssh-address", self.ssh_address)):
            try:
                ipaddress.ip_address(text)
            except ValueError:
                yield Problem(name, "expected an IP address such as 127.0.0.1")
        numbers = self.port_numbers
        if not numbers or numbers[0] < 1 or numbers[-1] > _LAST_PORT:
            message = f"expected an ascending range within 1-{_LAST_PORT}, such as 20000-29999"
            yield Problem("ports", message)


@asynccontextmanager
async def _open(config: LocalScheduling, context: Context) -> AsyncIterator[Scheduler]:
    from jobyard_backends.scheduling.local import open_backend  # noqa: PLC0415 - only when chosen

    async with open_backend(config, context) as scheduler:
        yield scheduler


@asynccontextmanager
async def _diagnose(config: LocalScheduling, context: Context) -> AsyncIterator[Sequence[Check]]:
    from jobyard_backends.scheduling.local.diagnosis import diagnosis  # noqa: PLC0415 - as above

    async with diagnosis(config, context) as checks:
        yield checks


@hookimpl
def jobyard_scheduling_providers() -> tuple[SchedulingProvider, ...]:
    """Announce the embedded scheduler."""
    return (
        scheduling_provider(
            name="local",
            api=1,
            summary="Runs jobs as processes of the gateway's own machine and account.",
            config=LocalScheduling,
            open=_open,
            capabilities=(Capability.LOGS, Capability.SSH, Capability.CAPACITY),
            diagnose=_diagnose,
        ),
    )
