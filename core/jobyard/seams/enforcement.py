"""What a backend makes sure of on the machine that it runs on, and what it only says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from attrs import frozen


@frozen
class Enforcement:
    """Say whether something that a job asks for, or is promised, is made sure of.

    ``what`` is a word or two, such as ``memory``; ``how`` says in a few words by which means, or
    why it is not. Everybody is told both.
    """

    what: str
    enforced: bool
    how: str


@runtime_checkable
class Enforcing(Protocol):
    """Know what is made sure of; ``GET /api/v1/info`` tells it."""

    def enforcement(self) -> Sequence[Enforcement]:
        """Give every point, the same ones on every machine."""
        ...
