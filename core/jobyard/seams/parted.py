"""Backends of several parts that fail apart, such as a launcher and a ResourceManager."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Parted(Protocol):
    """Know which part of a backend answers which call.

    Each part has a breaker of its own, so that one that is down keeps nobody from the others.
    """

    def part_of(self, operation: str) -> str:
        """Name the part that a method of the seam asks first; the same name every time."""
        ...
