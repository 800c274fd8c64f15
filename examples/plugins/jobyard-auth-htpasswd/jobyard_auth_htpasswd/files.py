"""The two files: what their lines say, and how a change of them is seen. Everything blocks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

from attrs import frozen
from jobyard.domain.identity import is_username
from jobyard.errors import Unavailable

LOG: Final = logging.getLogger("jobyard.auth.htpasswd")

T = TypeVar("T")

_TICK_NS: Final = 2_000_000_000
_NANOSECONDS: Final = 1_000_000


@frozen
class Entry:
    """Be one user's line; the hash is kept out of ``repr``.

    ``changed_at`` is when the line was first seen like this, in milliseconds since the epoch.
    """

    name: str
    hash: str
    changed_at: int

    def __repr__(self) -> str:
        return f"Entry({self.name!r})"


Users = Mapping[str, Entry]
Groups = Mapping[str, frozenset[str]]


class WatchedFile(Generic[T]):
    """Read a file again when it has changed.

    ``parse`` is given the lines, when the file was changed (milliseconds), and what it gave before.
    """

    def __init__(self, path: Path, parse: Callable[[list[str], int, T | None], T]) -> None:
        self._path = path
        self._parse = parse
        self._kept: tuple[tuple[int, ...], T] | None = None

    def read(self) -> T:
        """Give what the file says now.

        Raises:
            Unavailable: It cannot be read.
        """
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                kept = self._kept
                if kept is not None and kept[0] == seen:
                    return kept[1]
                lines = file.read().decode(errors="replace").split("\n")
        except OSError as error:
            # The path is for the log: the message may be read by whoever tries to log in.
            message = "the file of users cannot be read"
            raise Unavailable(message, detail=str(error)) from error
        before = None if kept is None else kept[1]
        found = self._parse(lines, status.st_mtime_ns // _NANOSECONDS, before)
        # Changed so lately, it may change once more within one tick of its time stamp.
        settled = time.time_ns() - status.st_mtime_ns > _TICK_NS
        self._kept = (seen if settled else (), found)
        return found


def users(lines: list[str], changed_at: int, before: Users | None) -> Users:
    """Read ``name:hash`` lines; whose hash is the same as before was not changed."""
    found: dict[str, Entry] = {}
    folded: set[str] = set()
    for number, line in enumerate(lines, start=1):
        name, colon, digest = line.strip().partition(":")
        if not name or name.startswith("#"):
            continue
        if not colon or not is_username(name):
            LOG.warning("line %d is left out: it begins with no user name", number)
        elif name.casefold() in folded:
            LOG.warning("line %d is left out: there is a user %s, in whatever case", number, name)
        else:
            folded.add(name.casefold())
            # What follows a second colon is a comment, as for the web servers.
            entry = Entry(name, digest.partition(":")[0], changed_at)
            known = (before or {}).get(name)
            found[name] = known if known is not None and known.hash == entry.hash else entry
    return found


def groups(lines: list[str], _: int, __: Groups | None) -> Groups:
    """Read ``group: name name`` lines into the groups of each name."""
    found: dict[str, frozenset[str]] = {}
    for line in lines:
        group, colon, names = line.strip().partition(":")
        if not colon or group.startswith("#"):
            continue
        for name in names.split():
            found[name] = found.get(name, frozenset()) | {group.strip()}
    return found
