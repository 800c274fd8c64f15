"""Storage: where the files of jobs lie.

Paths are absolute, ``/``-separated and normalised (no ``.``, ``..``, NUL or empty segment) when
they reach a backend: :func:`normalise` made them so. ``as_user`` is who asks; the backend holds
that user to the permissions of the files.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterable, AsyncIterator
from typing import Final, Protocol

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.errors import BackendError, Conflict, Rejected
from jobyard.schema import option

LARGEST_CHUNK: Final = 1024 * 1024
"""Bytes that a chunk out of :meth:`Storage.read` has at most."""


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
    """Report a path that can name nothing in a storage, or not in this one."""


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
    """Be some entries of a folder in the order of their names.

    ``next_after`` continues, and is ``None`` where nothing follows; ``remaining`` is the number
    of entries that follow.
    """

    entries: tuple[FileStatus, ...]
    next_after: str | None = None
    remaining: int = 0


@frozen
class ContentSummary:
    """Count a path and what lies below it; ``length`` and ``space_consumed`` are bytes."""

    files: int
    folders: int
    length: int
    space_consumed: int


@frozen
class FileChecksum:
    """Be a checksum with its algorithm.

    On one storage files that were written with equal content have equal checksums, whatever they
    are called, and files of different content different ones.
    """

    algorithm: str
    digest: bytes


class Storage(Protocol):
    """Keep files below one root, which nothing leaves.

    **Names.** Any name of up to 255 bytes of UTF-8 is kept as it is: nothing in it is decoded,
    folded, trimmed or expanded. A storage that cannot have some character in a name refuses it
    with ``InvalidPath``. A file where a path needs a folder counts as nothing there, unless
    something is to be made: then it is ``NotAFolder``. A link that leads out of the root, however
    it came there, is not followed.

    **Permissions.** A path has an owner and permission bits. The owner is held to the first three
    bits, everybody else to the last three, or to the middle ones where the storage has groups.
    To pass a folder takes its execute bit; to list it, read and execute; to make, rename or remove
    an entry, write and execute; to read, append to or replace a file, the file's own bits. In a
    folder with the sticky bit nobody takes away what another user made. Administrators, and the
    gateway itself (``SYSTEM``), may everything. ``/user/NAME``, ``/Output/NAME`` and
    ``/Container/NAME`` belong to NAME: they are made on the way for NAME, what NAME makes below is
    NAME's, and no other user may write there by default. In the root users make nothing else.

    **Changes** are seen by every call that begins after they returned, and outlive the storage's
    closing. Of several that want one name at once, one gets it. A call that is cancelled ends so,
    and what it was to change has either happened or not.

    **Errors.** Where the storage does not answer, every method raises ``Unavailable``, and never
    takes that for an absence.
    """

    async def stat(self, path: str, *, as_user: Actor) -> FileStatus:
        """Describe a path.

        Raises:
            NotFound: There is nothing.
            NotPermitted: The user may not look there.
        """
        ...

    async def list(self, path: str, after: str | None, limit: int, *, as_user: Actor) -> FilePage:
        """Give up to ``limit`` entries whose names come after ``after``; a file is one entry.

        The order is that of the names' UTF-8 bytes; ``after`` need not be an entry. ``limit`` is
        at least 1.

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

        The range is cut at the file's end; one that begins there or behind it is empty. No chunk
        is larger than :data:`LARGEST_CHUNK`, and no more of the file is held in memory than a few
        of them. A reader that stops early and closes the stream leaves nothing open.

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

        With ``only_whole`` nothing shows under the path, or beside it, before all was written,
        and where ``chunks`` fails or the call is cancelled all stays as it was. What ``chunks``
        raises comes out as it is. No more of it is held in memory than a few chunks. ``mode`` is
        set exactly, whatever the process's umask; ``None`` is the storage's default.

        Raises:
            AlreadyExists: It exists and ``overwrite`` is false.
            IsAFolder: It is a folder.
            NotAFolder: A part of the path above it is a file.
            NotPermitted: The user may not write there.
            StorageFull: There is no room.
        """
        ...

    async def append(self, path: str, chunks: AsyncIterable[bytes], *, as_user: Actor) -> None:
        """Write behind a file's end.

        Where ``chunks`` fails, the file is as it was, or has some of the new bytes at its end.

        Raises:
            NotFound: There is nothing.
            IsAFolder: It is a folder.
            NotPermitted: The user may not write to it.
            Conflict: Somebody else appends to it at this moment.
            StorageFull: There is no room.
        """
        ...

    async def mkdirs(self, path: str, *, mode: int | None = None, as_user: Actor) -> None:
        """Make a folder and those above it; one that exists is good, and stays as it is.

        ``mode`` is for the last folder alone, and set exactly; ``None`` is the default.

        Raises:
            AlreadyExists: The path is a file.
            NotAFolder: A part of the path above it is a file.
            NotPermitted: The user may not write there.
        """
        ...

    async def rename(self, source: str, target: str, *, as_user: Actor) -> bool:
        """Move a file or folder; ``False`` where WebHDFS answers so, and nothing has changed.

        A target that is an existing folder takes the source into it. ``False`` is the answer where
        there is no source, or it is the root; where the target is taken, or the folder above it is
        missing; and for a folder that would go into itself. A file that is renamed to itself is
        ``True``. Nobody may more with what was moved than before.

        Raises:
            NotPermitted: The user may not take it away there, or not put it here.
        """
        ...

    async def remove(self, path: str, *, recursive: bool, as_user: Actor) -> bool:
        """Remove a file or folder; ``False`` where there was nothing.

        A folder goes with all that is below it, or not at all.

        Raises:
            NotEmpty: The folder has entries and ``recursive`` is false.
            NotPermitted: The user may not, or it is the root, or a folder below has entries that
                the user may not remove.
        """
        ...

    async def chmod(self, path: str, mode: int, *, as_user: Actor) -> None:
        """Set the permission bits, 0..0o1777.

        Raises:
            NotFound: There is nothing.
            NotPermitted: The user is neither its owner nor an administrator.
        """
        ...

    async def summary(self, path: str, *, as_user: Actor) -> ContentSummary:
        """Count a path and all that lies below it.

        Raises:
            NotFound: There is nothing.
            NotPermitted: The user may not list a folder of it.
        """
        ...

    async def checksum(self, path: str, *, as_user: Actor) -> FileChecksum:
        """Give a file's checksum; the errors are those of :meth:`read`."""
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
