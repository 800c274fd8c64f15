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
    elsewhere in the function leaves the entry valid.
    """

    reasons: Mapping[tuple[str, str, str, str], str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            SystemExit: An entry lacks a field, or has no reason.
        """
        reasons = {}
        for entry in tomllib.loads(path.read_text("utf-8")).get("mutant", []):
            try:
                key = (entry["module"], entry["function"], entry["before"], entry["after"])
                reasons[key] = entry["reason"]
            except KeyError as missing:
                raise SystemExit(f"{path}: {missing} is missing in {entry}") from None
        return cls(reasons)

    def covers(self, module: str, mutant: Mutant) -> bool:
        """Whether this mutant is explained."""
        return (module, mutant.function, mutant.before, mutant.after) in self.reasons
