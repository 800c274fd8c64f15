"""Cursors: the place in an order where a page ended, as a text that callers only hand back.

They hold nothing that is secret, and a place may be anybody's, so that a digest is enough: what was
cut, mistyped or meant for another list is refused, and a cursor outlives the gateway that gave it.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Final

import orjson

_DIGEST: Final = 6
_LONGEST: Final = 4096

Place = tuple[str | int, ...]


def write(kind: str, place: Place) -> str:
    """Give the cursor of a place; ``kind`` is what it is a place of."""
    body = orjson.dumps(place)
    return urlsafe_b64encode(_digest(kind, body) + body).rstrip(b"=").decode()


def read(kind: str, text: str, shape: tuple[type[str | int], ...]) -> Place | None:
    """Give the place of a cursor, or ``None`` where it is no cursor of that kind.

    ``shape`` has the types of a place's parts.
    """
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = orjson.loads(raw[_DIGEST:])
    except (binascii.Error, orjson.JSONDecodeError):
        return None
    if not isinstance(found, list) or tuple(map(type, found)) != shape:
        return None
    place = tuple(found)
    return place if write(kind, place) == text else None


def _digest(kind: str, body: bytes) -> bytes:
    return blake2b(body, digest_size=_DIGEST, person=b"cursor", key=kind.encode()).digest()
