"""What a ResourceManager says of memory, cores and GPUs."""

from __future__ import annotations

from attrs import frozen

from jobyard_backends.scheduling.yarn.resource_manager.documents import count, objects, text


@frozen
class Resources:
    """Be an amount; ``memory`` is in MB."""

    memory: int = 0
    vcores: int = 0
    gpus: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.memory + other.memory, self.vcores + other.vcores, self.gpus + other.gpus
        )


def resources(document: object) -> Resources:
    """Read an amount; GPUs are a field of OpenPAI's Hadoop, or one of Hadoop 3's other resources."""
    return Resources(
        memory=count(document, "memory"),
        vcores=count(document, "vCores"),
        gpus=count(document, "GPUs") or _gpus(document),
    )


def _gpus(document: object) -> int:
    kinds = objects(document, "resourceInformations", "resourceInformation")
    return sum(count(kind, "value") for kind in kinds if text(kind, "name").endswith("/gpu"))
