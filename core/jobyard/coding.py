"""Content codings: which one a caller takes, and bodies in it (RFC 9110, sections 8.4, 12.5.3)."""

from __future__ import annotations

import enum
import gzip
import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Final

import anyio.to_thread

WORTH_IT: Final = 1024
"""Bytes from which on a body is encoded."""

VARY: Final = (b"vary", b"Accept-Encoding")

_LARGE: Final = 64 * 1024
"""Bytes from which on a body is encoded off the event loop."""
_LONGEST_KEPT: Final = 256

Encode = Callable[[bytes], bytes]


class Coding(enum.StrEnum):
    """Be a coding that bodies are sent in; the first is liked best where a caller likes both."""

    ZSTD = "zstd"
    GZIP = "gzip"


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 1, mtime=0)


@cache
def encoders() -> Mapping[Coding, Encode]:
    """Give the codings that this installation knows; zstd is a matter of the extra ``speedups``."""
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - takes time, and may not be there
        else:
            from backports import zstd  # noqa: PLC0415
    except ImportError:
        return {Coding.GZIP: _gzip}
    return {Coding.ZSTD: zstd.compress, Coding.GZIP: _gzip}


def coding_for(header: str, size: int) -> Coding | None:
    """Give the coding of a body of ``size`` bytes for an ``Accept-Encoding``; ``None`` is none."""
    if not header or size < WORTH_IT:
        return None
    known = tuple(encoders())
    # What one caller makes up is not kept.
    choose = _kept_choice if len(header) <= _LONGEST_KEPT else choice
    return choose(header, known)


def choice(header: str, known: tuple[Coding, ...]) -> Coding | None:
    """Choose among codings, the best first, by the weights of an ``Accept-Encoding``.

    An ``identity`` that weighs more than all of them wins. What is no weight counts as 0. Where
    nothing is acceptable, the body goes out as it is (RFC 9110, section 12.5.3).
    """
    weights = _weights(header)
    others = weights.get("*", 0.0)
    best = max(known, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


_kept_choice = lru_cache(maxsize=256)(choice)


def _weights(header: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        name = name.removeprefix("x-") if name == "x-gzip" else name
        weights[name] = _weight(parameters)
    return weights


def _weight(parameters: list[str]) -> float:
    for each in parameters:
        if each.startswith("q="):
            try:
                weight = float(each[2:])
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0


async def encoded(coding: Coding, body: bytes) -> bytes:
    """Give a body in a coding."""
    encode = encoders()[coding]
    if len(body) < _LARGE:
        return encode(body)
    return await anyio.to_thread.run_sync(encode, body)
