"""Reading what ResourceManagers of many versions write: sparse, and lists of one as no lists."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

Document = Mapping[str, object]


def part(document: object, *path: str) -> object:
    """Give what lies at a path of names, or ``None``."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def objects(document: object, *path: str) -> Sequence[Document]:
    """Give the objects at a path: of a list all, of one that stands alone that one, else none."""
    found = part(document, *path)
    several = found if isinstance(found, list) else [found]
    return [cast("Document", each) for each in several if isinstance(each, Mapping)]


def text(document: object, *path: str) -> str:
    """Give the text at a path, or an empty one."""
    found = part(document, *path)
    return found if isinstance(found, str) else ""


def number(document: object, *path: str, default: float = 0.0) -> float:
    """Give the number at a path, also one that is written as a text; never NaN or infinite."""
    found = part(document, *path)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return default
    try:
        value = float(found)
    except (ValueError, OverflowError):
        return default
    return value if math.isfinite(value) else default


def count(document: object, *path: str) -> int:
    """Give the whole number at a path, 0 where there is none or a negative one."""
    return max(0, int(number(document, *path)))
