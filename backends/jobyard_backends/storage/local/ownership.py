"""Whose a path is, and what its permission bits let whom do.

Ownership follows from the path and from nothing else, so that it cannot get out of step with the
files: all below ``/user/NAME``, ``/Output/NAME`` and ``/Container/NAME`` is NAME's, the rest is
the gateway's. The permission bits are the file system's own. The owner is held to the owner's
bits, everybody else to the last three; there are no groups. Administrators may everything.

What is the gateway's has no owner among the users, whatever they are called. In a folder of the
gateway's that others may write to, what they make is shared by all by default.
"""

from __future__ import annotations

import enum
import stat
from typing import Final

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.seams.storage import NotPermitted

Segments = tuple[str, ...]
"""A path as its names; empty is the root."""

HOMES: Final = frozenset({"user", "Output", "Container"})
"""The folders of the root whose folders belong to users."""

MODE_BITS: Final = 0o1777
_FILE: Final = 0o644
_FOLDER: Final = 0o755
_SHARED_FILE: Final = 0o666
_SHARED_FOLDER: Final = 0o777
_HOME: Final = 2


class Want(enum.IntFlag):
    """Say what somebody wants to do, as permission bits spell it."""

    EXECUTE = 1
    WRITE = 2
    READ = 4


def shown(path: Segments) -> str:
    """Give a path as users know it."""
    return "/" + "/".join(path)


def owner_of(path: Segments) -> str | None:
    """Give the user who owns a path; ``None`` is the gateway."""
    return path[1] if len(path) >= _HOME and path[0] in HOMES else None


def owner_name(path: Segments) -> str:
    """Give the name that is shown as a path's owner, and as its group."""
    return owner_of(path) or SYSTEM.account


def owns(path: Segments, actor: Actor) -> bool:
    """Tell whether somebody may do what owners may."""
    return actor.admin or owner_of(path) == actor.account


def leads_home(path: Segments, target: Segments, actor: Actor) -> bool:
    """Tell whether a folder lies on the way to, or is, the actor's own in which ``target`` lies.

    The gateway makes those for everybody.
    """
    return len(path) <= _HOME and owner_of(target) == actor.account and target[: len(path)] == path


def allows(path: Segments, mode: int, want: Want, actor: Actor) -> bool:
    """Tell whether the bits of a path let somebody do something."""
    if actor.admin:
        return True
    bits = mode >> 6 if owner_of(path) == actor.account else mode
    return bits & want == want


def check(path: Segments, mode: int, want: Want, actor: Actor) -> None:
    """Refuse what the bits of a path do not allow.

    Raises:
        NotPermitted: They do not; the message is phrased as a NameNode's.
    """
    if not allows(path, mode, want, actor):
        raise denied(path, mode, want, actor)


def denied(path: Segments, mode: int, want: Want, actor: Actor) -> NotPermitted:
    """Say what was wanted of which path, and whose that is."""
    access = "_".join(each.name or "" for each in reversed(Want) if each in want)
    owner = owner_name(path)
    return NotPermitted(
        f"Permission denied: user={actor.account}, access={access}, "
        f'inode="{shown(path)}":{owner}:{owner}:{stat.filemode(mode)}'
    )


def default_mode(parent: Segments, parent_mode: int, *, folder: bool) -> int:
    """Give the permission bits of what is made in a folder where nobody names any."""
    if owner_of(parent) is None and parent_mode & Want.WRITE:
        return _SHARED_FOLDER if folder else _SHARED_FILE
    return _FOLDER if folder else _FILE
