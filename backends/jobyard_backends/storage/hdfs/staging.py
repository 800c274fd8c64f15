"""The gateway's own folder in HDFS, where files grow before they get their names."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Final

import anyio

from jobyard.clock import Clock
from jobyard.errors import NotFound
from jobyard.seams.storage import InvalidPath, NotPermitted
from jobyard_backends.storage.hdfs.webhdfs import RemoteError, WebHdfs, WebHdfsFailure

STAGING: Final = "/.jobyard"
"""Its path; to everybody outside of this package it is not there."""

_HADOOPS: Final = "/.reserved"
"""A folder that is not one: it shows files by their numbers, and raw."""

_MODE: Final = 0o1733
"""Everybody makes files in it, knows their names by having made them, and takes only those away."""
_DISCARDED_WITHIN: Final = 5.0
_OLD: Final = 7 * 24 * 3600 * 1000


def looked_at(path: str) -> str:
    """Give a path that may be looked at.

    Raises:
        NotFound: It is not the users'.
        InvalidPath: It can name nothing.
    """
    checked(path)
    if _is_kept(path):
        raise NotFound(f"File does not exist: {path}")
    return path


def changed(path: str) -> str:
    """Give a path that may be changed.

    Raises:
        NotPermitted: It is not the users'.
        InvalidPath: It can name nothing.
    """
    checked(path)
    if _is_kept(path):
        raise NotPermitted(f"Permission denied: {path} is kept for HDFS and the gateway")
    if ":" in path:
        # Hadoop would say so, but of the last name alone, with the folders above it made.
        raise InvalidPath(f"Invalid path name {path}: HDFS has no ':' in a name")
    return path


def new_name() -> str:
    """Give a path in the folder that nobody else knows."""
    return f"{STAGING}/{secrets.token_hex(16)}"


async def make(client: WebHdfs) -> None:
    """Make the folder where it is missing.

    Raises:
        RemoteError: The gateway's user may not.
    """
    try:
        found = await client.status(STAGING)
    except RemoteError as error:
        if error.name != "FileNotFoundException":
            raise
    else:
        if found.mode == _MODE:
            return
    await client.mkdirs(STAGING, mode=_MODE)
    await client.set_permission(STAGING, _MODE)


async def sweep(client: WebHdfs, clock: Clock) -> None:
    """Remove what was left by uploads that nobody can be at any more."""
    after: str | None = None
    while True:
        batch = await client.batch(STAGING, after)
        for entry in batch.entries:
            if entry.modified_at < clock.now() - _OLD:
                await _remove(client, f"{STAGING}/{entry.name}")
        if not batch.entries or not batch.remaining:
            return
        after = batch.entries[-1].name


async def discard(client: WebHdfs, path: str) -> None:
    """Remove what is left under a name, if anything; a sweep does it where this cannot."""
    with anyio.move_on_after(_DISCARDED_WITHIN, shield=True), suppress(WebHdfsFailure):
        await _remove(client, path)


async def _remove(client: WebHdfs, path: str) -> None:
    async def look() -> bool | None:
        return None  # it may be removed twice: nobody gets the name again

    await client.remove(path, recursive=True, look=look)


def _is_kept(path: str) -> bool:
    return any(f"{path}/".startswith(f"{each}/") for each in (STAGING, _HADOOPS))


def checked(path: str) -> str:
    """Give a path that names something.

    Raises:
        InvalidPath: It can name nothing.
    """
    if "\0" in path:
        raise InvalidPath("a path holds no NUL character")
    try:
        segments = path.encode().split(b"/")
    except UnicodeEncodeError as error:
        raise InvalidPath("a path is Unicode text that UTF-8 can hold") from error
    if any(len(each) > _LONGEST for each in segments):
        raise InvalidPath(f"a name in a path has at most {_LONGEST} bytes")
    if any(each in {b".", b".."} for each in segments):
        raise InvalidPath(f"Invalid path name {path}")
    return path


_LONGEST: Final = 255
