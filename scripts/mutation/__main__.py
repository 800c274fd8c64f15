"""Change the code a little, many times over, and say what no test notices."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

import attrs

from mutation.explained import Explained
from mutation.mutant import mutants_of
from mutation.selection import all_modules, tests_of
from mutation.workshop import NO_TEST, prepare, run

_UNNOTICED: Final = frozenset({0, 5, NO_TEST})  # pytest's: all passed, no test; mutmut's
_TOO_LONG: Final = frozenset({-24, 24, 152, 255, 36})


@attrs.frozen
class Count:
    """What became of the mutants of one module, or of several."""

    made: int = 0
    left_out: int = 0
    failed: int = 0
    slow: int = 0
    explained: int = 0
    survived: int = 0

    def plus(self, other: Count) -> Count:
        """Add up two."""
        return Count(
            *(a + b for a, b in zip(attrs.astuple(self), attrs.astuple(other), strict=True))
        )

    def __str__(self) -> str:
        return (
            f"{self.made} mutants: {self.failed} killed, {self.slow} killed by their slowness, "
            f"{self.left_out} left out, {self.explained} survived and are explained, "
            f"{self.survived} survived"
        )


def examine(module: str, explained: Explained) -> Count:
    """Run the tests of one module against its mutants, and print what survives."""
    tests = tests_of(module)
    prepare(module, tests)
    mutants = list(mutants_of(module))
    chosen = {
        mutant.name: mutant
        for mutant in mutants
        if not mutant.is_spelling and not explained.leaves_out(module, mutant)
    }
    codes = run(module, list(chosen)) if chosen and tests else dict.fromkeys(chosen, NO_TEST)
    alive = [chosen[name] for name, code in codes.items() if code in _UNNOTICED]
    known = [mutant for mutant in alive if explained.covers(module, mutant)]
    slow = sum(code in _TOO_LONG for code in codes.values())
    for mutant in alive:
        if mutant not in known:
            print(f"  survived: {module} {mutant.function}\n{mutant.diff()}")
    return Count(
        made=len(mutants),
        left_out=len(mutants) - len(chosen),
        failed=len(chosen) - len(alive) - slow,
        slow=slow,
        explained=len(known),
        survived=len(alive) - len(known),
    )


def main() -> None:
    """Examine the modules that are named, or all; end with 1 where there is a survivor."""
    modules = [name.removesuffix(".py") for name in sys.argv[1:]] or all_modules()
    if unknown := set(modules) - set(all_modules()):
        sys.exit(f"scripts/mutants: no module {', '.join(sorted(unknown))}")
    explained = Explained.read(Path("tests/mutants.toml"))
    total = Count()
    for module in modules:
        begin = time.monotonic()
        count = examine(module, explained)
        print(f"{module}: {count} ({time.monotonic() - begin:.0f} s)", flush=True)
        total = total.plus(count)
    if len(modules) > 1:
        print(f"all: {total}")
    sys.exit(1 if total.survived else 0)


os.environ.pop("MUTANT_UNDER_TEST", None)
main()
