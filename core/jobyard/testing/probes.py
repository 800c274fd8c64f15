"""Probes: what a backend does to the process that it runs in."""

from __future__ import annotations

from jobyard.testing.blocking import LONGEST_BLOCK, Blockage, blocked_for, never_blocks
from jobyard.testing.cancelling import CancellationSwallowed, cancelled_at_each_await
from jobyard.testing.leaking import Kind, leaks

__all__ = [
    "LONGEST_BLOCK",
    "Blockage",
    "CancellationSwallowed",
    "Kind",
    "blocked_for",
    "cancelled_at_each_await",
    "leaks",
    "never_blocks",
]
