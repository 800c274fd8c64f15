"""The words of a refusal: what was expected, and what came instead."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from jobyard.schema import Constraint
from jobyard.wire.kinds import (
    AnyScalar,
    Anything,
    Choice,
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

_LONGEST_SHOWN: Final = 80
_LONGEST_MEANT: Final = 200
_NEAR: Final = 0.75
"""How alike two words are, 0..1, for one to be taken for the other."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,127}")


def expected(kind: Kind) -> str:  # noqa: C901, PLR0911 - one line a kind
    """Say what a kind accepts, as in ``an integer of at least 1``."""
    match kind:
        case Nullable():
            return f"{expected(kind.kind)} or null"
        case Text():
            return _text(kind.constraint)
        case Whole():
            return "an integer" + span(kind.constraint.minimum, kind.constraint.maximum)
        case Number():
            return "a number" + span(kind.constraint.minimum, kind.constraint.maximum)
        case Flag():
            return "true or false"
        case Choice():
            return one_of(kind.values)
        case AnyScalar():
            return "a text, a number or a boolean"
        case Anything():
            return "a JSON value"
        case ListOf():
            return "a list" + counted(kind.constraint, "entry", "entries")
        case MapOf() | Record():
            return "an object"


def one_of(values: tuple[str, ...]) -> str:
    """Say that one of a few texts is expected."""
    shown = [json.dumps(value) for value in values]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def given(value: object) -> str:
    """Show a value that was refused: a scalar shortened, a container by its kind alone.

    What is inside of a container is not shown, since it may hold a password.
    """
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if not isinstance(value, str | int | float | bool | None):
        return f"a value of type {type(value).__name__}"
    if isinstance(value, str):
        return shorten(value)
    return short_number(value)


def length(count: int) -> str:
    """Show a list that was refused for its length."""
    return f"a list of {count}" if count else "an empty list"


def short_number(value: float | bool | None) -> str:
    """Show a number, a boolean or ``null``, without spelling out what is absurdly long."""
    if isinstance(value, int) and value.bit_length() > 256:  # noqa: PLR2004 - what 80 digits hold
        return "a number of more than 77 digits"
    return json.dumps(value)


def shorten(text: str) -> str:
    """Quote a text as JSON does, cut to about 80 characters, with nothing that UTF-8 lacks."""
    cut = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    quoted = json.dumps(cut, ensure_ascii=False)
    return quoted.encode("utf-8", "backslashreplace").decode()


def key_path(path: str, key: str) -> str:
    """Give the path of a field of an object; a key that is no name is quoted."""
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{shorten(key)}]"
    return f"{path}.{key}" if path else key


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that another may have been meant as, if one is near enough."""
    near = difflib.get_close_matches(word[:_LONGEST_MEANT], list(known), n=1, cutoff=_NEAR)
    return near[0] if near else None


def join(path: str, rest: str) -> str:
    """Put a path before another that is relative to it."""
    if not path or not rest:
        return path or rest
    return path + rest if rest.startswith("[") else f"{path}.{rest}"


def span(low: float | None, high: float | None, unit: str = "") -> str:
    """Say between which bounds a number lies, behind a noun; nothing where there are none."""
    if low is not None and high is not None:
        return f" from {_bound(low)} to {_bound(high)}{unit}"
    if low is not None:
        return f" of at least {_bound(low)}{unit}"
    return "" if high is None else f" of at most {_bound(high)}{unit}"


def _text(constraint: Constraint) -> str:
    if constraint.choices is not None:
        return one_of(constraint.choices)
    words = "a text"
    if constraint.min_length == 1 and constraint.max_length is None:
        words = "a text that is not empty"
    else:
        words += counted(constraint, "character", "characters")
    if constraint.pattern is not None:
        words += f" that matches {constraint.pattern}"
    return words


def counted(constraint: Constraint, one: str, many: str) -> str:
    """Say between which bounds a length lies, behind a noun; nothing where there are none."""
    low, high = constraint.min_length, constraint.max_length
    if low is not None and high is not None:
        return f" of {low} to {high} {many}"
    if low is not None:
        return f" of at least {low} {one if low == 1 else many}"
    if high is not None:
        return f" of at most {high} {one if high == 1 else many}"
    return ""


def _bound(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)
