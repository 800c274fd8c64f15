"""Turn one scalar of the file, the environment or another file into a value of its type."""

from __future__ import annotations

import enum
import math
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jobyard.config.document import Plain
from jobyard.config.shapes import Scalar
from jobyard.schema import Constraint
from jobyard.secret import Secret

LARGEST_INTEGER: Final = 2**63 - 1

Value = str | int | float | bool | Secret | Path | enum.StrEnum


class Unfit(ValueError):
    """Report that a scalar is not what its setting takes; the shape says what that is."""


def scalar_value(shape: Scalar, text: str, value: Plain) -> Value:
    """Give the value of a scalar; ``value`` is what YAML sees in its ``text``.

    A number is taken as it was written where a text is expected, such as a password of digits.

    Raises:
        Unfit: It is of another type, or outside of its bounds.
    """
    kind, constraint = shape.kind, shape.constraint
    if kind is bool:
        return _fit(value, isinstance(value, bool))
    if kind in {int, float}:
        return _number(kind, value, constraint)
    if isinstance(value, bool) or value is None:
        raise Unfit
    if issubclass(kind, enum.StrEnum):
        return _member(kind, text)
    _check_text(text, constraint)
    if kind is Path and (not text or "\0" in text):
        raise Unfit
    if kind is Secret:
        return Secret(text)
    return Path(text) if kind is Path else text


def is_plain_address(text: str) -> bool:
    """Tell whether a text is an address without a password in it, and so no secret."""
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and "://" in text) and parts.password is None
    except ValueError:
        return False


def _fit(value: Plain, good: bool) -> Value:
    if not good or value is None:
        raise Unfit
    return value


def _number(kind: type, value: Plain, constraint: Constraint) -> Value:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit
    if kind is int and (isinstance(value, float) or abs(value) > LARGEST_INTEGER):
        raise Unfit
    try:
        number = value if kind is int else float(value)
    except OverflowError:
        raise Unfit from None
    low, high = constraint.minimum, constraint.maximum
    if not math.isfinite(number) or (low is not None and number < low):
        raise Unfit
    return _fit(number, high is None or number <= high)


def _member(kind: type[enum.StrEnum], text: str) -> enum.StrEnum:
    try:
        return kind(text)
    except ValueError:
        raise Unfit from None


def _check_text(text: str, constraint: Constraint) -> None:
    low, high = constraint.min_length, constraint.max_length
    too_short = low is not None and len(text) < low
    too_long = high is not None and len(text) > high
    stranger = constraint.choices is not None and text not in constraint.choices
    odd = constraint.pattern is not None and re.fullmatch(constraint.pattern, text) is None
    if too_short or too_long or stranger or odd:
        raise Unfit
