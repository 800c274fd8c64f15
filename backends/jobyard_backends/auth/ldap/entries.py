"""Entries of a directory, as typed values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen


@frozen
class Entry:
    """Be one entry; the names of attributes are in lower case."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]]

    @classmethod
    def of(cls, dn: str, raw: Mapping[str, Sequence[bytes]]) -> Entry:
        """Make one of what a server sent."""
        return cls(dn, {name.lower(): tuple(values) for name, values in raw.items()})

    def texts(self, attribute: str) -> tuple[str, ...]:
        """Give the values of an attribute; none where it has none."""
        values = self.attributes.get(attribute.lower(), ())
        return tuple(value.decode(errors="replace") for value in values)

    def text(self, attribute: str) -> str | None:
        """Give the first value of an attribute."""
        return next(iter(self.texts(attribute)), None)

    def number(self, attribute: str) -> int | None:
        """Give the first value of an attribute, where it is a number."""
        text = self.text(attribute)
        try:
            return None if text is None else int(text)
        except ValueError:
            return None
