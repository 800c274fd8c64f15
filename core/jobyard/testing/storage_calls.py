"""One call of each method of a storage, for tests that are about all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from jobyard.domain.identity import SYSTEM
from jobyard.testing.storage_place import Place

Call = Callable[[Place], Awaitable[object]]

BEFORE: Final[dict[str, bytes | None]] = {
    "file": b"old",
    "folder": None,
    "folder/below": b"below",
}
"""What there is before a call."""


async def prepare(place: Place) -> None:
    """Make what there is before a call, whatever an earlier call left."""
    for name in await place.names():
        await place.remove(name, recursive=True)
    await place.put("file", b"old")
    await place.put("folder/below", b"below")


LOOKS: Final[dict[str, Call]] = {
    "stat": lambda place: place.stat("file"),
    "list": lambda place: place.names("folder"),
    "read": lambda place: place.content("file"),
    "summary": lambda place: place.storage.summary(place.path(), as_user=SYSTEM),
    "checksum": lambda place: place.storage.checksum(place.path("file"), as_user=SYSTEM),
    "ping": lambda place: place.storage.ping(),
}
"""Calls that change nothing."""

CHANGES: Final[dict[str, Call]] = {
    "write": lambda place: place.put("new/file", b"new", b"er"),
    "overwrite": lambda place: place.put("file", b"new", b"er", overwrite=True),
    "mkdirs": lambda place: place.mkdirs("new"),
    "rename": lambda place: place.rename("folder", "new"),
    "remove": lambda place: place.remove("file"),
    "remove-recursive": lambda place: place.remove("folder", recursive=True),
}
"""Calls that change what there is to what :data:`AFTER` says."""

OTHERS: Final[dict[str, Call]] = {
    "append": lambda place: place.append("file", b"new", b"er"),
    "chmod": lambda place: place.chmod("file", 0o600),
}
"""Calls whose change may be seen in part, or not in what there is."""

AFTER: Final[dict[str, dict[str, bytes | None]]] = {
    "write": {**BEFORE, "new": None, "new/file": b"newer"},
    "overwrite": {**BEFORE, "file": b"newer"},
    "mkdirs": {**BEFORE, "new": None},
    "rename": {"file": b"old", "new": None, "new/below": b"below"},
    "remove": {"folder": None, "folder/below": b"below"},
    "remove-recursive": {"file": b"old"},
}
"""What there is after a change."""

ALL: Final = {**LOOKS, **CHANGES, **OTHERS}
"""Every call, by its name."""
