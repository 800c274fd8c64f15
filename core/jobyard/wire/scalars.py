"""Read single values: texts, numbers, booleans and choices.

A numeric text is accepted where a number is expected, ``"true"`` and ``"false"`` where a boolean
is, in JSON as in forms (contract, section 1, R).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from jobyard.schema import Constraint
from jobyard.secret import Secret
from jobyard.wire.kinds import Choice, Number, Text, Whole
from jobyard.wire.wording import short_number

DEEPEST: Final = 32
"""Levels of lists and objects within a free-form field."""

LARGEST_INTEGER: Final = 2**31 - 1
"""What an integer of the contract may be where no closer bound is given: a launcher's own."""

_LARGEST_FREE_INTEGER: Final = 2**63 - 1
_NUMERAL: Final = re.compile(
    r"\s{0,8}[+-]?([0-9]{1,32}(\.[0-9]{0,32})?|\.[0-9]{1,32})(e[+-]?[0-9]{1,4})?\s{0,8}",
    re.IGNORECASE,
)
_UNWANTED: Final = re.compile("[\0\ud800-\udfff]")


class Mismatch(Exception):
    """Report that a value is not of its kind; ``wanted`` is said instead of the usual words."""

    def __init__(self, wanted: str | None = None) -> None:
        super().__init__(wanted)
        self.wanted = wanted


def read_text(kind: Text, value: object) -> str | Secret:
    """Read a text.

    Raises:
        Mismatch: It is no text, or breaks a rule of its constraint.
    """
    text = clean(value)
    constraint = kind.constraint
    if constraint.choices is not None and text not in constraint.choices:
        raise Mismatch
    if constraint.pattern is not None and not re.fullmatch(constraint.pattern, text):
        raise Mismatch
    require_length(len(text), constraint)
    return Secret(text) if kind.secret else text


def clean(value: object) -> str:
    """Give a text that UTF-8, C and a database can hold.

    Raises:
        Mismatch: It is no text, or holds NUL or half of a surrogate pair.
    """
    if not isinstance(value, str):
        raise Mismatch
    if _UNWANTED.search(value):
        raise Mismatch("a text without NUL characters and lone surrogates")
    return value


def read_whole(kind: Whole, value: object) -> int:
    """Read an integer; ``2.0`` and ``"2"`` are 2, and a boolean is none.

    Raises:
        Mismatch: It is no integer, or out of bounds.
    """
    number = _number(value)
    if isinstance(number, float):
        raise Mismatch
    _require_range(number, kind.constraint)
    if abs(number) > LARGEST_INTEGER:
        raise Mismatch(f"an integer of at most {LARGEST_INTEGER}")
    return number


def read_number(kind: Number, value: object) -> float:
    """Read a finite number; a whole one is given as an ``int``.

    Raises:
        Mismatch: It is no number, or out of bounds.
    """
    number = _number(value)
    _require_range(number, kind.constraint)
    return number


def _number(value: object) -> int | float:
    if isinstance(value, str):
        if not _NUMERAL.fullmatch(value):
            raise Mismatch
        # Through float like the reference: "1e3" and "2.0" are integers of the contract.
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Mismatch
        return int(value) if value.is_integer() else value
    return value


def read_flag(value: object) -> bool:
    """Read a boolean.

    Raises:
        Mismatch: It is neither a boolean nor its name.
    """
    if isinstance(value, bool):
        return value
    named = {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None
    if named is None:
        raise Mismatch
    return named


def read_choice(kind: Choice, value: object) -> str:
    """Read one of a few texts.

    Raises:
        Mismatch: It is another.
    """
    if not isinstance(value, str) or value not in kind.values:
        raise Mismatch
    return value if kind.members is None else kind.members(value)


def read_scalar(value: object) -> str | int | float | bool:
    """Read a text, a number or a boolean, as it came.

    Raises:
        Mismatch: It is something else.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _free_number(value)
    raise Mismatch


def read_anything(value: object, depth: int = DEEPEST) -> object:
    """Read any JSON value, as it came.

    Raises:
        Mismatch: It is not JSON, or is nested deeper than ``depth`` levels.
    """
    if value is None:
        return value
    if not isinstance(value, Mapping | list | tuple):
        return read_scalar(value)
    if depth == 0:
        raise Mismatch(f"at most {DEEPEST} levels of lists and objects")
    if isinstance(value, Mapping):
        return {clean(key): read_anything(each, depth - 1) for key, each in value.items()}
    return [read_anything(each, depth - 1) for each in value]


def require_length(length: int, constraint: Constraint) -> None:
    """Check a count of characters or entries.

    Raises:
        Mismatch: There are too few or too many.
    """
    if constraint.min_length is not None and length < constraint.min_length:
        raise Mismatch
    if constraint.max_length is not None and length > constraint.max_length:
        raise Mismatch


def _free_number(value: float) -> int | float:
    if isinstance(value, int) and abs(value) > _LARGEST_FREE_INTEGER:
        raise Mismatch("an integer of at most 63 bits")
    if not math.isfinite(value):
        raise Mismatch(f"a finite number, not {short_number(value)}")
    return value


def _require_range(number: float, constraint: Constraint) -> None:
    if constraint.minimum is not None and number < constraint.minimum:
        raise Mismatch
    if constraint.maximum is not None and number > constraint.maximum:
        raise Mismatch
