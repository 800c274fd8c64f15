"""How a double of the launcher is set up."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen
class AccessOptions:
    """Be who may change what.

    ``enabled`` compares the header ``UserName`` with the framework's namespace;
    ``ignore_without_namespace`` lets everybody change what has none, as production does.
    ``administrators`` may change everything and the lists themselves, ``normal_administrators``
    everything but these; ``namespaces`` names further users of namespaces.
    """

    enabled: bool = True
    ignore_without_namespace: bool = False
    administrators: tuple[str, ...] = ("root",)
    normal_administrators: tuple[str, ...] = ()
    namespaces: Mapping[str, tuple[str, ...]] = {}


@frozen
class ClusterOptions:
    """Be the cluster below.

    ``queues`` are those that exist; ``None`` takes every name. ``hosts`` are addresses of this
    machine, over which containers are spread in turn (all of 127.0.0.0/8 works on Linux); each
    has ``gpus`` GPUs, ``cpus`` and ``memory_mb``, where ``None`` has no end. ``supports_gpus`` and
    ``supports_ports`` tell whether Hadoop has OpenPAI's patch; without it such requests are 400.
    """

    queues: tuple[str, ...] | None = None
    hosts: tuple[str, ...] = ("127.0.0.1",)
    gpus: int = 8
    cpus: int | None = None
    memory_mb: int | None = None
    supports_gpus: bool = True
    supports_ports: bool = True


@frozen
class LauncherOptions:
    """Be everything that can be chosen of a double.

    ``interval`` is the seconds between two states of one framework (of the order of seconds in
    production). ``status_delay`` is for how many seconds after a PUT the status is absent.
    ``gang_timeout`` and ``conflict_delay`` are in seconds. ``most_tasks`` is the most of all
    frameworks together, beyond which a PUT is 429.
    """

    access: AccessOptions = AccessOptions()
    cluster: ClusterOptions = ClusterOptions()
    interval: float = 0.02
    status_delay: float = 0.0
    gang_timeout: float = 30.0
    conflict_delay: float = 0.5
    most_tasks: int = 500_000
