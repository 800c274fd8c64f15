"""Storage: where the files of jobs lie.

Paths are absolute, ``/``-separated and normalised (no ``.``, ``..``, NUL or empty segment) when
they reach a backend: :func:`normalise` made them so. ``as_user`` is who asks; the backend holds
that user to the permissions of the files.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.errors import BackendError, Conflict, Rejected
from jobyard.schema import option


@frozen
class StorageSettings:
    """Be the settings that every storage has; the class of a provider derives from it."""

    default_fs_uri: str | None = option(
        default=None,
        pattern=r"[a-z][a-z0-9+.-]*://[^\s?#]+",
        example="hdfs://cluster",
        doc="What `$PAI_DEFAULT_FS_URI` stands for: the address of the storage's root as tasks "
        "reach it. Without it, the gateway's own `/webhdfs/v1`.",
    )


class NotPermitted(Rejected):
    """Report that the permissions of a file or folder keep the user out."""


class AlreadyExists(Conflict):
    """Report that the path is taken."""


class NotAFolder(Rejected):
    """Report that a part of the path is a file where a folder is needed."""


class IsAFolder(Rejected):
    """Report that the path is a folder where a file is needed."""


class NotEmpty(Rejected):
    """Report that a folder still has entries and the removal was not recursive."""


class StorageFull(BackendError):
    """Report that there is no room: a full disk, or a quota."""


class InvalidPath(BackendError):
    """Report a path that can name nothing in a storage."""


class FileKind(enum.StrEnum):
    """Tell a file from a folder, in WebHDFS's words."""

    FILE = "FILE"
    FOLDER = "DIRECTORY"


@frozen
class FileStatus:
    """Be what is known of a file or folder; times are milliseconds since the epoch.

    ``name`` is the last segment of the path, ``mode`` the permission bits (0..0o1777).
    """

    name: str
    kind: FileKind
    size: int
    mode: int
    owner: str
    group: str
    modified_at: int
    accessed_at: int
    file_id: int = 0
    children: int = 0


@frozen
class FilePage:
    """Be some entries of a folder in the order of their names; ``next_after`` continues."""

    entries: tuple[FileStatus, ...]
    next_after: str | None = None
    remaining: int = 0


@frozen
class ContentSummary:
    """Count what lies below a path; ``length`` and ``space_consumed`` are bytes."""

    files: int
    folders: int
    length: int
    space_consumed: int


@frozen
class FileChecksum:
    """Be a checksum with its algorithm; equal for equal content on one storage."""

    algorithm: str
    digest: bytes


class Storage(Protocol):
    """Keep files below one root."""

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path.

        Raises:
            NotFound: There is nothing.
            NotPermitted: The user may not look there.
        """
        ...

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give up to ``limit`` entries whose names come after ``after``; a file is one entry.

        Raises:
            NotFound: There is nothing.
            NotPermitted: The user may not read the folder.
        """
        ...

    def read(
        self,
        path: str,
        offset: int = 0,
        length: int | None = None,
        *,
        as_user: Actor,
    ) -> AsyncIterator[bytes]:
        """Stream a file's bytes; the errors come with the first chunk that is asked for.

        Raises:
            NotFound: There is nothing.
            IsAFolder: It is a folder.
            NotPermitted: The user may not read it.
        """
        ...

    async def write(
        self,
        path: str,
        chunks: AsyncIterable[bytes],
        *,
        overwrite: bool,
        mode: int | None = None,
        only_whole: bool = True,
        as_user: Actor,
    ) -> None:
        """Write a file, and the folders above it where they are missing.

        With ``only_whole`` nothing shows under the path before all was written.

        Raises:
            AlreadyExists: It exists and ``overwrite`` is false.
            IsAFolder: It is a folder.
            NotPermitted: The user may not write there.
            StorageFull: There is no room.
        """
        ...

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end; the errors are those of :meth:`write` and ``NotFound``."""
        ...

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder and those above it; one that exists is good.

        Raises:
            NotAFolder: A part of the path is a file.
            NotPermitted: The user may not write there.
        """
        ...

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder; ``False`` where WebHDFS answers so: no source, or a taken target.

        A target that is an existing folder takes the source into it.
        """
        ...

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder; ``False`` where there was nothing.

        Raises:
            NotEmpty: The folder has entries and ``recursive`` is false.
            NotPermitted: The user may not.
        """
        ...

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits; the owner and administrators may."""
        ...

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Count what lies below a path."""
        ...

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Give a file's checksum."""
        ...

    async def ping(self) -> None:
        """Return if files could be read and written now; raise ``Unavailable`` if not."""
        ...


def normalise(path: str) -> str:
    """Give the one absolute spelling of a path; ``..`` never leads above the root.

    Raises:
        InvalidPath: The path holds NUL, a surrogate, or a segment longer than 255 bytes.
    """
    if "\0" in path:
        message = "a path holds no NUL character"
        raise InvalidPath(message)
    try:
        path.encode()
    except UnicodeEncodeError as error:
        message = "a path is Unicode text that UTF-8 can hold"
        raise InvalidPath(message) from error
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    if any(len(segment.encode()) > _LONGEST_SEGMENT for segment in segments):
        message = f"a name in a path has at most {_LONGEST_SEGMENT} bytes"
        raise InvalidPath(message)
    return "/" + "/".join(segments)


_LONGEST_SEGMENT = 255
