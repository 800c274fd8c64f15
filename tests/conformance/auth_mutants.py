"""Where the wrong auth backends are noted, each with the test that has to see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jobyard.testing import FakeAuth

MUTANTS: Final[dict[type[FakeAuth], str]] = {}


def caught_by(test: str) -> Callable[[type[FakeAuth]], type[FakeAuth]]:
    """Name the test that has to see what is wrong."""

    def noted(mutant: type[FakeAuth]) -> type[FakeAuth]:
        MUTANTS[mutant] = test
        return mutant

    return noted
