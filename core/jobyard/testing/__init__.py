"""What whoever writes a backend proves it with: the conformance kit, and doubles of the seams.

Stable for plugin authors, as far as ``__all__`` goes. Needs ``jobyard[testing]``. Nothing is
imported before it is asked for, so that a double costs no test runner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jobyard.testing.auth import AuthConformance, KnownUser
    from jobyard.testing.blocking import LONGEST_BLOCK, Blockage, blocked_for, never_blocks
    from jobyard.testing.cancelling import CancellationSwallowed, cancelled_at_each_await
    from jobyard.testing.conformance import Conformance, Reopen, lacks, requires
    from jobyard.testing.fakes.auth import FAKE_AUTH, FakeAuth, fake_auth_provider
    from jobyard.testing.fakes.scheduling import FAKE_SCHEDULING, FakeScheduler, fake_scheduling
    from jobyard.testing.fakes.storage import FAKE_STORAGE, FakeStorage, fake_storage_provider
    from jobyard.testing.faults import (
        BrokenOff,
        CloseMidway,
        Cut,
        Delay,
        Direction,
        FaultProxy,
        Garbage,
        Pass,
        Refuse,
        Rule,
        Silent,
        Wire,
    )
    from jobyard.testing.jobs import Commands, another, operation, role, submission
    from jobyard.testing.leaking import Kind, leaks
    from jobyard.testing.runner import Outcome, failures_of, outcome_of
    from jobyard.testing.scheduling import SchedulingConformance
    from jobyard.testing.scheduling_suite import Trial
    from jobyard.testing.storage import StorageConformance
    from jobyard.testing.subject import Subject, configured, opened, provider_named
    from jobyard.testing.unsupported import UnsupportedScheduler, UnsupportedStorage

__all__ = [
    "FAKE_AUTH",
    "FAKE_SCHEDULING",
    "FAKE_STORAGE",
    "LONGEST_BLOCK",
    "AuthConformance",
    "Blockage",
    "BrokenOff",
    "CancellationSwallowed",
    "CloseMidway",
    "Commands",
    "Conformance",
    "Cut",
    "Delay",
    "Direction",
    "FakeAuth",
    "FakeScheduler",
    "FakeStorage",
    "FaultProxy",
    "Garbage",
    "Kind",
    "KnownUser",
    "Outcome",
    "Pass",
    "Refuse",
    "Reopen",
    "Rule",
    "SchedulingConformance",
    "Silent",
    "StorageConformance",
    "Subject",
    "Trial",
    "UnsupportedScheduler",
    "UnsupportedStorage",
    "Wire",
    "another",
    "blocked_for",
    "cancelled_at_each_await",
    "configured",
    "failures_of",
    "fake_auth_provider",
    "fake_scheduling",
    "fake_storage_provider",
    "lacks",
    "leaks",
    "never_blocks",
    "opened",
    "operation",
    "outcome_of",
    "provider_named",
    "requires",
    "role",
    "submission",
]

_HOMES: Final = {
    "auth": ("AuthConformance", "KnownUser"),
    "blocking": ("LONGEST_BLOCK", "Blockage", "blocked_for", "never_blocks"),
    "cancelling": ("CancellationSwallowed", "cancelled_at_each_await"),
    "conformance": ("Conformance", "Reopen", "lacks", "requires"),
    "fakes.auth": ("FAKE_AUTH", "FakeAuth", "fake_auth_provider"),
    "fakes.scheduling": ("FAKE_SCHEDULING", "FakeScheduler", "fake_scheduling"),
    "fakes.storage": ("FAKE_STORAGE", "FakeStorage", "fake_storage_provider"),
    "faults": (
        "BrokenOff",
        "CloseMidway",
        "Cut",
        "Delay",
        "Direction",
        "FaultProxy",
        "Garbage",
        "Pass",
        "Refuse",
        "Rule",
        "Silent",
        "Wire",
    ),
    "jobs": ("Commands", "another", "operation", "role", "submission"),
    "leaking": ("Kind", "leaks"),
    "runner": ("Outcome", "failures_of", "outcome_of"),
    "scheduling": ("SchedulingConformance",),
    "scheduling_suite": ("Trial",),
    "storage": ("StorageConformance",),
    "subject": ("Subject", "configured", "opened", "provider_named"),
    "unsupported": ("UnsupportedScheduler", "UnsupportedStorage"),
}
_MODULES: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a name of the surface when it is asked for."""
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    found: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Give the surface."""
    return __all__
