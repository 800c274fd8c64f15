"""Reading answers, of which every field may be missing, or be something else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

_NOTHING: Final[Mapping[str, object]] = {}


@frozen
class Fields:
    """Be the fields of one JSON object, read one by one by those who know their types.

    What is missing, ``null`` or of another type is ``None``, or has no fields: the launcher is
    read as it is, and what it leaves out is not known.
    """

    raw: Mapping[str, object] = _NOTHING

    @classmethod
    def of(cls, value: object) -> Fields:
        """Read a value that may be an object."""
        return cls(value) if isinstance(value, dict) else cls()

    def __bool__(self) -> bool:
        return bool(self.raw)

    def text(self, name: str) -> str | None:
        """Give a text that is not empty."""
        value = self.raw.get(name)
        return value if isinstance(value, str) and value else None

    def number(self, name: str) -> int | None:
        """Give a whole number."""
        value = self.raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return int(value) if value == value // 1 else None

    def real(self, name: str) -> float | None:
        """Give a number."""
        value = self.raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value)

    def flag(self, name: str) -> bool | None:
        """Give a yes or a no."""
        value = self.raw.get(name)
        return value if isinstance(value, bool) else None

    def inner(self, name: str) -> Fields:
        """Give an object inside of this one."""
        return Fields.of(self.raw.get(name))

    def inners(self) -> Iterator[tuple[str, Fields]]:
        """Give every object inside of this one, by its name."""
        for name, value in self.raw.items():
            if isinstance(value, dict):
                yield name, Fields(value)

    def listed(self, name: str) -> Iterator[Fields]:
        """Give the objects of a list."""
        value = self.raw.get(name)
        for each in value if isinstance(value, list) else ():
            if isinstance(each, dict):
                yield Fields(each)
