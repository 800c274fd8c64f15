"""Canonical names: what a directory calls a user, as the gateway calls that user.

The directory's name is casefolded, and what no name may hold is replaced by rule. Two users whose
names become one are both refused: :meth:`NameRule.claims` finds all whose names could.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from jobyard.domain.identity import is_username
from jobyard_backends.auth.ldap.escaping import in_filter

LONGEST: Final = 256
"""Characters that a name may have (contract, section 2)."""


def typed(name: str) -> str | None:
    """Give a name as it may be looked for; ``None`` where it can be nobody's.

    Blanks around a name mean nothing to a directory, and are left out. What cannot be printed is
    in nobody's name, though a directory may look through it.
    """
    name = name.strip(" ")
    good = 0 < len(name) <= LONGEST and name.isprintable()
    return name if good else None


class NameRule:
    """Turn a directory's names into canonical ones, and back into what is searched for."""

    def __init__(self, replaced: Mapping[str, str]) -> None:
        self._replaced = {key.casefold(): value.casefold() for key, value in replaced.items()}
        longest_first = sorted(self._replaced, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def canonical(self, name: str) -> str | None:
        """Give the canonical name; ``None`` where there is no rule that makes one."""
        made = self._pattern.sub(lambda found: self._replaced[found[0]], name.strip().casefold())
        return made if is_username(made) else None

    def ambiguous(self, canonical: str) -> bool:
        """Tell whether another name than itself could become this one."""
        return True in self._stands_for(canonical)

    def claims(self, canonical: str) -> str:
        """Give, spelt as in a filter, what all names match that become this one, and others."""
        pieces = [""]
        for character, open_ in zip(canonical, self._stands_for(canonical), strict=True):
            if not open_:
                pieces[-1] += in_filter(character)
            elif pieces[-1] or len(pieces) == 1:
                pieces.append("")
        return "*".join(pieces)

    def _stands_for(self, canonical: str) -> list[bool]:
        """Tell of each character whether a rule may have put it there."""
        marks = [False] * len(canonical)
        for value in set(self._replaced.values()):
            at = canonical.find(value)
            while at >= 0:
                marks[at : at + len(value)] = [True] * len(value)
                at = canonical.find(value, at + 1)
        return marks
