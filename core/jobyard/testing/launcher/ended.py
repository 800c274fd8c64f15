"""Frameworks that are over already, for lists that are to be long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jobyard.testing.launcher.descriptor import read_descriptor
from jobyard.testing.launcher.framework import Application, Exit, Framework
from jobyard.testing.launcher.options import ClusterOptions

_MINUTE: Final = 60_000


def ended_frameworks(number: int, user: str, until: int) -> Iterator[Framework]:
    """Make so many, a minute apart, the last one at ``until`` (milliseconds since the epoch)."""
    descriptor = read_descriptor(
        {
            "version": 10,
            "user": {"name": user},
            "taskRoles": {
                "main": {
                    "taskNumber": 1,
                    "taskService": {
                        "version": 0,
                        "entryPoint": "true",
                        "sourceLocations": ["/src"],
                        "resource": {"cpuNumber": 1, "memoryMB": 100},
                    },
                }
            },
        },
        ClusterOptions(),
    )
    for index in range(number):
        created = until - (number - index) * _MINUTE
        application = Application(f"application_{created}_{index:04d}", registered=True)
        application.launched = created + 1000
        application.completed, application.progress = created + 30_000, 1.0
        application.exit = Exit(index % 2)
        yield Framework(
            name=f"{user}~job{index:06d}",
            descriptor=descriptor,
            first_requested=created,
            last_requested=created,
            created=created,
            due=0.0,
            state="FRAMEWORK_COMPLETED",
            completed=created + 30_000,
            application=application,
        )
