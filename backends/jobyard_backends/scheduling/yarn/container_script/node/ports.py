"""Ports by label, as the launcher writes them and as variables have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # no node's Python has to know it
    Ports = dict[str, list[int]]


def read_ports(text: str) -> Ports:
    """Read ``label:p,p;label:p;`` as the launcher writes it."""
    ports = {}
    for part in filter(None, text.split(";")):
        label, _, numbers = part.rpartition(":")
        ports[label] = [int(number) for number in numbers.split(",") if number]
    return ports


def ports_text(ports: Ports) -> str:
    """Write ports as they are read."""
    return ";".join(f"{label}:{','.join(map(str, each))}" for label, each in ports.items())


def first(ports: Ports, label: str) -> str:
    """Give the first port of a label, or nothing."""
    return str(ports[label][0]) if ports.get(label) else ""


def joined(numbers: list[int]) -> str:
    """Give ports as the variables have them."""
    return ",".join(map(str, numbers))
