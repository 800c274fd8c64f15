"""Plugins that need not be installed."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from jobyard.seams.provider import Seam


class _Point(EntryPoint):
    """An entry point whose object is at hand."""

    def load(self) -> object:
        """Give it."""
        return vars(self)["plugin"]


def at_hand(seam: Seam, name: str, plugin: object) -> EntryPoint:
    """Give the entry point of a plugin of a seam."""
    point = _Point(name, f"benchmarks:{name}", seam.entry_point_group)
    vars(point).update(plugin=plugin, dist=None)
    return point
