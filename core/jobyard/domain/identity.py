"""Who somebody is, and on whose behalf something is done."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

USERNAME_PATTERN: Final = r"^[_A-Za-z0-9]+$"
"""What a user name looks like (contract, section 3, S)."""

_USERNAME: Final = re.compile(r"[_A-Za-z0-9]+")


def is_username(text: str) -> bool:
    """Tell whether a text may be a user's name."""
    return _USERNAME.fullmatch(text) is not None


@frozen
class Actor:
    """Be the one who asks: for the audit, and for backends that act on a user's behalf."""

    account: str
    admin: bool = False


SYSTEM: Final = Actor(account="jobyard", admin=True)
"""The gateway itself, where nobody asked."""


@frozen
class Identity:
    """Be what an authentication provider knows of one user.

    ``name`` is canonical: it matches :data:`USERNAME_PATTERN`. ``admin`` is ``None`` where the
    provider has no opinion. ``credentials_changed_at`` is in milliseconds since the epoch.
    """

    provider: str
    name: str
    groups: frozenset[str] = frozenset()
    admin: bool | None = None
    enabled: bool = True
    credentials_changed_at: int | None = None


@frozen
class Found:
    """Say that the provider has the user."""

    identity: Identity


@frozen
class Gone:
    """Say that the provider had the user, or is the one to know, and the user is no more."""


@frozen
class NotMine:
    """Say that the provider knows nothing of the user."""


Lookup = Found | Gone | NotMine
