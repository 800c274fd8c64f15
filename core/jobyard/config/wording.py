"""The words of a problem: what was expected, what came instead, and what may have been meant."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from jobyard.config.document import ListNode, MapNode, Node
from jobyard.config.shapes import Chooses, ListOf, MapOf, Scalar, Section, Shape
from jobyard.secret import Secret
from jobyard.wire.wording import counted, nearest, one_of, shorten, span

_WORDS: Final[dict[type, str]] = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    Path: "a path",
}


def expected(shape: Shape) -> str:
    """Say what a shape accepts, as in ``an integer of at least 1``."""
    match shape:
        case Scalar():
            return _scalar(shape)
        case ListOf():
            return "a list" + counted(shape.constraint, "entry", "entries")
        case MapOf() | Section():
            return "keys with values"
        case Chooses():
            return "the name of a provider, or its name with its settings behind it"


def given(node: Node) -> str:
    """Say what came instead, without a word of what could be a secret's text."""
    if isinstance(node, MapNode):
        return "keys with values"
    if isinstance(node, ListNode):
        return "a list"
    if node.value is None:
        return "nothing"
    shown = shorten(node.text)
    return shown if isinstance(node.value, str) else shown[1:-1]


def did_you_mean(word: str, known: Iterable[str], ending: str = "") -> str:
    """Give the known word that is nearest, as the end of a sentence, or ``ending``."""
    near = nearest(word, known)
    return ending if near is None else f"; did you mean '{near}'?"


def _scalar(shape: Scalar) -> str:
    constraint = shape.constraint
    if issubclass(shape.kind, enum.StrEnum):
        return one_of(tuple(member.value for member in shape.kind))
    if constraint.choices is not None:
        return one_of(constraint.choices)
    if shape.kind in {str, Secret}:
        words = "a secret text" if shape.kind is Secret else "a text"
        words += counted(constraint, "character", "characters")
        return words if constraint.pattern is None else f"{words} that matches {constraint.pattern}"
    return _WORDS[shape.kind] + span(constraint.minimum, constraint.maximum)
