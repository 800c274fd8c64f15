"""Decode a document into values, and collect everything that is wrong with it.

cattrs is not used: it coerces by rules of its own, and would need a hook for every kind, a
translation of its exception groups into wire paths, and a second walk for unknown fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final, cast

from attrs import field, frozen

from jobyard.errors import Problem
from jobyard.schema import Checked
from jobyard.wire.kinds import (
    AnyScalar,
    Anything,
    Choice,
    Field,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Text,
    Whole,
)
from jobyard.wire.scalars import (
    Mismatch,
    clean,
    read_anything,
    read_choice,
    read_flag,
    read_number,
    read_scalar,
    read_text,
    read_whole,
    require_length,
)
from jobyard.wire.wording import expected, given, join, key_path, length, nearest, shorten

_MOST_PROBLEMS: Final = 200
_ENOUGH_PROBLEMS: Final = 10_000
"""So many end the reading of a list: a megabyte of ``{}`` must not hold the loop."""

_MOST_SUGGESTIONS: Final = 20
_LONGEST_SUGGESTED: Final = 64
_INDEX: Final = re.compile(r"[0-9]{1,9}")


@frozen
class Found:
    """Collect problems; of a hostile document's many only the first 200 are kept whole."""

    _kept: list[Problem] = field(factory=list, init=False)
    _count: list[int] = field(factory=lambda: [0], init=False)

    @property
    def count(self) -> int:
        """Count all problems, kept or not."""
        return self._count[0]

    def add(self, path: str, message: str) -> None:
        """Take one problem."""
        self._count[0] += 1
        if len(self._kept) < _MOST_PROBLEMS:
            self._kept.append(Problem(path, message))

    def all(self) -> tuple[Problem, ...]:
        """Give the problems, and a last one that counts those that were not kept."""
        rest = self.count - len(self._kept)
        return (*self._kept, *([Problem("", f"and at least {rest} more problems")] if rest else []))


class _Bad:
    """Stand for a value that could not be read, whose problem is noted."""


BAD: Final = _Bad()


@frozen
class Decoder:
    """Decode one document; ``coerce`` reads it as a form, whose values are texts."""

    coerce: bool
    found: Found = field(factory=Found)

    def read(self, kind: Kind, value: object, path: str) -> object:
        """Read a value at a path; ``BAD`` where it could not be read."""
        try:
            match kind:
                case Nullable():
                    return self._nullable(kind, value, path)
                case Record():
                    return self._record(kind, value, path)
                case ListOf():
                    return self._list(kind, value, path)
                case MapOf():
                    return self._map(kind, value, path)
                case _:
                    return _single(kind, value)
        except Mismatch as mismatch:
            self._refuse(kind, value, path, mismatch)
            return BAD

    def _refuse(self, kind: Kind, value: object, path: str, mismatch: Mismatch) -> None:
        wanted = mismatch.wanted or expected(kind)
        inner = kind.kind if isinstance(kind, Nullable) else kind
        secret = isinstance(inner, Text) and inner.secret
        got = "" if secret else f", got {_shown(inner, value)}"
        self.found.add(path, f"expected {wanted}{got}")

    def _nullable(self, kind: Nullable, value: object, path: str) -> object:
        empty = self.coerce and value == "" and isinstance(kind.kind, Whole | Number | Flag)
        if value is None or empty:
            return None
        if isinstance(kind.kind, Record | ListOf | MapOf):
            return self.read(kind.kind, value, path)
        return _single(kind.kind, value)

    def _list(self, kind: ListOf, value: object, path: str) -> object:
        entries = self._entries(value, path)
        require_length(len(entries), kind.constraint)
        before = self.found.count
        items = []
        for where, entry in entries:
            if self.found.count >= _ENOUGH_PROBLEMS:
                break
            items.append(self.read(kind.item, entry, where))
        return tuple(items) if self.found.count == before else BAD

    def _entries(self, value: object, path: str) -> list[tuple[str, object]]:
        if isinstance(value, list | tuple):
            return [(f"{path}[{index}]", each) for index, each in enumerate(value)]
        if not self.coerce:
            raise Mismatch
        if value == "":
            return []
        if isinstance(value, Mapping) and all(_is_index(key) for key in value):
            indexed = sorted((int(key), each) for key, each in _unique(value).items())
            return [(f"{path}[{index}]", each) for index, each in indexed]
        return [(f"{path}[0]", value)]

    def _map(self, kind: MapOf, value: object, path: str) -> object:
        before = self.found.count
        pattern = kind.constraint.key_pattern
        read = {}
        for key, each in self._items(value):
            where = key_path(path, key)
            if pattern is not None and not re.fullmatch(pattern, key):
                self.found.add(where, f"expected a name that matches {pattern}, got {shorten(key)}")
            else:
                read[key] = self.read(kind.value, each, where)
        require_length(len(read), kind.constraint)
        return read if self.found.count == before else BAD

    def _items(self, value: object) -> list[tuple[str, object]]:
        if self.coerce and value == "":
            return []
        if self.coerce and isinstance(value, list | tuple):
            return [(str(index), each) for index, each in enumerate(value)]
        if not isinstance(value, Mapping):
            raise Mismatch
        return [(clean(key), each) for key, each in value.items()]

    def _record(self, kind: Record, value: object, path: str) -> object:
        items = self._items(value)
        before = self.found.count
        arguments: dict[str, object] = {}
        for key, each in items:
            target = kind.by_name.get(key)
            where = key_path(path, key)
            if target is None:
                self.found.add(where, self._unknown(key, kind.fields))
            elif target.argument in arguments:
                self.found.add(where, f"given twice: it is another name of {target.name}")
            else:
                arguments[target.argument] = self.read(target.kind, each, where)
        for each_field in kind.fields:
            if each_field.required and each_field.argument not in arguments:
                where = key_path(path, each_field.name)
                self.found.add(where, f"missing, expected {expected(each_field.kind)}")
        if self.found.count != before:
            return BAD
        return self._checked(kind.cls, kind.cls(**arguments), path, before)

    def _checked(self, cls: type, made: object, path: str, before: int) -> object:
        if _is_checked(cls):
            for problem in cast("Checked", made).problems():
                self.found.add(join(path, problem.path), problem.message)
        return made if self.found.count == before else BAD

    def _unknown(self, key: str, fields: Iterable[Field]) -> str:
        # difflib is slow: a body of ten thousand unknown fields must not hold the loop.
        if len(key) > _LONGEST_SUGGESTED or self.found.count >= _MOST_SUGGESTIONS:
            return "unknown field"
        names = {each.name.casefold(): each.name for each in fields}
        near = nearest(key.casefold(), names)
        return "unknown field" if near is None else f"unknown field; did you mean '{names[near]}'?"


def _shown(kind: Kind, value: object) -> str:
    if isinstance(kind, ListOf) and isinstance(value, list):
        return length(len(value))
    return given(value)


@cache
def _is_checked(cls: type) -> bool:
    # To look at each value costs more than to decode a small body.
    return issubclass(cls, Checked)


def _is_index(key: object) -> bool:
    return isinstance(key, str) and _INDEX.fullmatch(key) is not None


def _unique(value: Mapping[str, object]) -> dict[int, object]:
    """Give the entries of an index-keyed object by number; ``01`` after ``1`` is refused."""
    numbered = {int(key): each for key, each in value.items()}
    if len(numbered) != len(value):
        raise Mismatch("a list whose indexes differ")
    return numbered


def _single(kind: Kind, value: object) -> object:  # noqa: PLR0911 - one line a kind
    match kind:
        case Text():
            return read_text(kind, value)
        case Whole():
            return read_whole(kind, value)
        case Number():
            return read_number(kind, value)
        case Flag():
            return read_flag(value)
        case Choice():
            return read_choice(kind, value)
        case AnyScalar():
            return read_scalar(value)
        case Anything():
            return read_anything(value)
        case _:
            message = f"{type(kind).__name__} is no kind of single values"
            raise TypeError(message)
