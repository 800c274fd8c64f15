"""Write values into filters and DNs so that they stay values (RFC 4515 and RFC 4514)."""

from __future__ import annotations

import string
from typing import Final

_PLAIN: Final = frozenset((string.ascii_letters + string.digits).encode())


def in_filter(value: str) -> str:
    r"""Spell a value for a filter: each octet that is no letter or digit as ``\xx``.

    RFC 4515, section 3, lets every octet be spelt so, which leaves no list of characters that
    could lack one.

    Raises:
        UnicodeEncodeError: The value holds half of a surrogate pair.
    """
    return _spelt(value)


def in_dn(value: str) -> str:
    r"""Spell a value for a DN: each octet that is no letter or digit as ``\xx`` (RFC 4514, 2.4).

    Raises:
        UnicodeEncodeError: The value holds half of a surrogate pair.
    """
    return _spelt(value)


def _spelt(value: str) -> str:
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02x}" for octet in value.encode())
