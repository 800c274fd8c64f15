"""The survivors that are let live, each with the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import attrs

from mutation.mutant import Mutant


@attrs.frozen
class Explained:
    """What ``tests/mutants.toml`` says.

    A survivor is known by its module, its function and its lines, not by a number, so that a change
    elsewhere in the function leaves the entry valid. ``after`` may list several for one reason.
    """

    reasons: Mapping[tuple[str, str, str, str], str]
    left_out: Mapping[tuple[str, str], str]
    """Functions that are not changed at all."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            SystemExit: An entry lacks a field, or has no reason.
        """
        reasons: dict[tuple[str, str, str, str], str] = {}
        left_out: dict[tuple[str, str], str] = {}
        document = tomllib.loads(path.read_text("utf-8"))
        for entry in (*document.get("mutant", ()), *document.get("left_out", ())):
            try:
                if "before" not in entry:
                    left_out[entry["module"], entry["function"]] = entry["reason"]
                    continue
                place = (entry["module"], entry["function"], entry["before"])
                afters = entry["after"] if isinstance(entry["after"], list) else [entry["after"]]
                reasons |= {(*place, after): entry["reason"] for after in afters}
            except KeyError as missing:
                raise SystemExit(f"{path}: {missing} is missing in {entry}") from None
        return cls(reasons, left_out)

    def covers(self, module: str, mutant: Mutant) -> bool:
        """Whether this mutant is explained."""
        return (module, mutant.function, mutant.before, mutant.after) in self.reasons

    def leaves_out(self, module: str, mutant: Mutant) -> bool:
        """Whether the function of this mutant is not changed."""
        return (module, mutant.function) in self.left_out
