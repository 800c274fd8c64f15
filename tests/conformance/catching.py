"""Find which rules of a suite see what is wrong with a mutant."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from jobyard.testing.conformance import Conformance
from jobyard.testing.runner import failures_of

TURNS: Final = 3
"""Runs of a rule that sees nothing at first: some draw their values, and may draw others."""


def caught_by(suite: type[Conformance], tests: Collection[str]) -> set[str]:
    """Give those of the tests that fail in one of a few runs."""
    caught: set[str] = set()
    for _ in range(TURNS):
        left = set(tests) - caught
        if left:
            caught |= failures_of(suite, tests=left)
    return caught
