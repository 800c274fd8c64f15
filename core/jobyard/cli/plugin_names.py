"""What a new plugin is called: in the configuration file, as a distribution, and in Python."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

LONGEST: Final = 40
"""Characters of a name; the distribution's is longer, and a file's name holds that."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SEPARATORS: Final = re.compile(r"[^A-Za-z0-9]+")


class UnusableName(ValueError):
    """Say why a plugin cannot be called so, and how instead."""


@frozen
class PluginNames:
    """Be every spelling of one plugin's name.

    ``name`` is what the configuration file says; ``distribution`` what pip installs; ``module``
    what Python imports; ``prefix`` begins the names of classes.
    """

    kind: str
    name: str

    @classmethod
    def of(cls, kind: str, name: str) -> PluginNames:
        """Give the spellings of a name that follows the rules of distributions' names.

        Raises:
            UnusableName: It does not, or is too long.
        """
        if len(name) > LONGEST:
            raise UnusableName(f"a name has at most {LONGEST} characters, this has {len(name)}")
        if _NAME.fullmatch(name) is None:
            raise UnusableName(_advice(name))
        return cls(kind, name)

    @property
    def distribution(self) -> str:
        """Give the name under which it is installed."""
        return f"jobyard-{self.kind}-{self.name}"

    @property
    def module(self) -> str:
        """Give the name under which it is imported."""
        return self.distribution.replace("-", "_")

    @property
    def prefix(self) -> str:
        """Give what the names of its classes begin with."""
        return "".join(word.capitalize() for word in self.name.split("-"))


def _advice(name: str) -> str:
    rule = "small letters, digits and single dashes are expected, a letter first"
    near = _SEPARATORS.sub("-", name).strip("-").lower()
    hint = f"; did you mean '{near}'?" if _NAME.fullmatch(near) else ""
    return f"{name!r} cannot be a plugin's name: {rule}{hint}"
