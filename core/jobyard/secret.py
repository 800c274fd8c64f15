"""Secrets, as a type that does not let itself be printed."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn, final

_MASK: Final = "********"


@final
class Secret:
    """Hold a secret text whose ``repr``, ``str``, formatting and pickling give nothing away.

    Whoever needs the text calls :meth:`reveal`, which can be searched for.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the secret text itself."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret('{_MASK}')"

    def __str__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        message = "a Secret is not serialised"
        raise TypeError(message)
