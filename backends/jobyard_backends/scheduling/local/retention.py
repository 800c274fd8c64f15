"""How long the logs of ended jobs are kept, as a deployer writes it."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_FORM: Final = re.compile(r"([1-9][0-9]*)([a-zA-Z]+)")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_BYTES: Final = {"MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


@frozen
class Retention:
    """Keep the logs of jobs for so many seconds after their end, or so many bytes of them.

    The other one is ``None``.
    """

    seconds: int | None = None
    size: int | None = None


def retention(text: str) -> Retention | None:
    """Read a duration such as ``30d`` or a size such as ``20GB``; nothing is ``None``: for ever.

    Raises:
        ValueError: It is neither.
    """
    if not text:
        return None
    found = _FORM.fullmatch(text)
    number, unit = (int(found[1]), found[2]) if found else (0, "")
    if unit in _SECONDS:
        return Retention(seconds=number * _SECONDS[unit])
    if unit in _BYTES:
        return Retention(size=number * _BYTES[unit])
    message = f"keep-logs is {text!r}; expected a duration such as 30d or a size such as 20GB"
    raise ValueError(message)
