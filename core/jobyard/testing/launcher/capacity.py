"""Where containers lie: hosts, and what is taken of their GPUs, cores, memory and ports."""

from __future__ import annotations

import random
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from jobyard.testing.launcher.descriptor import Resource
from jobyard.testing.launcher.options import ClusterOptions

_ATTEMPTS: Final = 200
_PORTS: Final = range(10_000, 32_000)
"""Below those that the kernel gives to connections, which come and go."""


@frozen
class Place:
    """Be where one container lies; ``gpus`` is a bit mask."""

    host: str
    gpus: int
    ports: Mapping[str, tuple[int, ...]]
    cpus: int
    memory_mb: int

    def port_text(self) -> str:
        """Give the ports as the launcher writes them."""
        return "".join(
            f"{label}:{','.join(map(str, numbers))};" for label, numbers in self.ports.items()
        )


@define
class _Host:
    address: str
    gpus: int
    cpus: int | None
    memory_mb: int | None
    ports: set[int] = field(factory=set)

    def room(self, resource: Resource) -> bool:
        return (
            self.gpus.bit_count() >= resource.gpus
            and (self.cpus is None or self.cpus >= resource.cpus)
            and (self.memory_mb is None or self.memory_mb >= resource.memory_mb)
            and all(
                not start or self.ports.isdisjoint(range(start, start + count))
                for start, count in resource.ports.values()
            )
        )

    def take(self, resource: Resource) -> Place:
        gpus = 0
        for _ in range(resource.gpus):
            lowest = self.gpus & -self.gpus
            gpus |= lowest
            self.gpus &= ~lowest
        if self.cpus is not None:
            self.cpus -= resource.cpus
        if self.memory_mb is not None:
            self.memory_mb -= resource.memory_mb
        ports = {label: self._ports(*asked) for label, asked in resource.ports.items()}
        return Place(self.address, gpus, ports, resource.cpus, resource.memory_mb)

    def _ports(self, start: int, count: int) -> tuple[int, ...]:
        numbers = tuple(range(start, start + count)) if start else self._free(count)
        self.ports.update(numbers)
        return numbers

    def _free(self, count: int) -> tuple[int, ...]:
        for _ in range(_ATTEMPTS):
            first = random.randrange(_PORTS.start, _PORTS.stop - count)  # noqa: S311 - no secret
            numbers = tuple(range(first, first + count))
            if self.ports.isdisjoint(numbers) and all(map(self._is_free, numbers)):
                return numbers
        message = f"no {count} consecutive ports are free on {self.address}"
        raise RuntimeError(message)

    def _is_free(self, number: int) -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.address, number))
            except OSError:
                return False
            return True

    def give_back(self, place: Place) -> None:
        self.gpus |= place.gpus
        self.ports.difference_update(*place.ports.values())
        if self.cpus is not None:
            self.cpus += place.cpus
        if self.memory_mb is not None:
            self.memory_mb += place.memory_mb


class Capacity:
    """Give places, and take them back."""

    def __init__(self, options: ClusterOptions) -> None:
        self._hosts = {
            address: _Host(address, (1 << options.gpus) - 1, options.cpus, options.memory_mb)
            for address in options.hosts
        }
        self._turn = 0

    def take(self, resource: Resource) -> Place | None:
        """Give a place on the next host that has room, or ``None``."""
        addresses = list(self._hosts)
        for offset in range(len(addresses)):
            host = self._hosts[addresses[(self._turn + offset) % len(addresses)]]
            if host.room(resource):
                self._turn += offset + 1
                return host.take(resource)
        return None

    def take_all(self, resources: Sequence[Resource]) -> list[Place] | None:
        """Give a place for each, or none at all."""
        taken: list[Place] = []
        for resource in resources:
            place = self.take(resource)
            if place is None:
                for each in taken:
                    self.give_back(each)
                return None
            taken.append(place)
        return taken

    def give_back(self, place: Place) -> None:
        """Take a place back."""
        self._hosts[place.host].give_back(place)
