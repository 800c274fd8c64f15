"""The launcher's REST service; knows nothing of the seams."""

from __future__ import annotations

from jobyard_backends.scheduling.yarn.launcher.answers import Fields
from jobyard_backends.scheduling.yarn.launcher.client import Launcher, Timeouts
from jobyard_backends.scheduling.yarn.launcher.failures import (
    LauncherFailure,
    NoAnswer,
    Refusal,
    first_line,
)

__all__ = [
    "Fields",
    "Launcher",
    "LauncherFailure",
    "NoAnswer",
    "Refusal",
    "Timeouts",
    "first_line",
]
