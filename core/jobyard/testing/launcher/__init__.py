"""A double of FrameworkLauncher: a server of its own, that runs the commands of tasks as processes.

It is a verified fake: what a real launcher was seen to answer is replayed against it by Jobyard's own
tests, request by request. Where no launcher was seen (GPUs, ``portDefinitions``, gangs that find no
room, preemption), it follows the launcher's manual.
"""

from __future__ import annotations

from jobyard.testing.launcher.containers import ContainerOrder, Play
from jobyard.testing.launcher.double import LauncherDouble
from jobyard.testing.launcher.faults import Canned, Faults
from jobyard.testing.launcher.options import AccessOptions, ClusterOptions, LauncherOptions
from jobyard.testing.launcher.sources import SourceReader, local_sources, webhdfs_sources

__all__ = [
    "AccessOptions",
    "Canned",
    "ClusterOptions",
    "ContainerOrder",
    "Faults",
    "LauncherDouble",
    "LauncherOptions",
    "Play",
    "SourceReader",
    "local_sources",
    "webhdfs_sources",
]
