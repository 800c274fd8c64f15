"""Find what a JSON object says more than once: readers differ in which of the values they take."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from jobyard.errors import Problem
from jobyard.wire.wording import key_path

_MOST_PROBLEMS: Final = 50
_DEEPEST: Final = 40
"""Levels that are looked at; no schema has so many, so that a deeper body is refused by its own."""


@frozen
class _Repeating:
    """Be an object in which some keys came more than once."""

    entries: Mapping[str, object]
    keys: tuple[str, ...]


@frozen
class _Step:
    """Be the way to a value; spelt only where it is told, since a hostile body has many."""

    before: _Step | None = None
    key: str | int = ""
    depth: int = 0

    def to(self, key: str | int) -> _Step:
        return _Step(self, key, self.depth + 1)

    def path(self) -> str:
        if self.before is None:
            return ""
        before = self.before.path()
        return f"{before}[{self.key}]" if isinstance(self.key, int) else key_path(before, self.key)


def repeated_keys(body: bytes) -> list[Problem]:
    """Give the keys that an object has more than once, by their paths, the first 50 of them.

    The body is JSON in UTF-8, as another reader found already.
    """
    repeating = False

    def read(pairs: list[tuple[str, object]]) -> object:
        nonlocal repeating
        entries = dict(pairs)
        if len(entries) == len(pairs):
            return entries
        repeating = True
        counts = Counter(key for key, _ in pairs)
        return _Repeating(entries, tuple(key for key, count in counts.items() if count > 1))

    try:
        # Numbers stay texts: their values are not asked, and huge ones are costly, or an error.
        document = json.loads(body, object_pairs_hook=read, parse_int=str, parse_float=str)
    except RecursionError:
        return []
    return _problems(document) if repeating else []


def _problems(document: object) -> list[Problem]:
    problems: list[Problem] = []
    pending = deque([(_Step(), document)])
    while pending and len(problems) < _MOST_PROBLEMS:
        step, value = pending.popleft()
        if isinstance(value, _Repeating):
            problems += [
                Problem(step.to(key).path(), "given more than once; once is expected")
                for key in value.keys[:_MOST_PROBLEMS]
            ]
            value = value.entries
        if step.depth == _DEEPEST:
            continue
        if isinstance(value, Mapping):
            pending += [(step.to(key), each) for key, each in value.items()]
        elif isinstance(value, list):
            pending += [(step.to(index), each) for index, each in enumerate(value)]
    return problems[:_MOST_PROBLEMS]
