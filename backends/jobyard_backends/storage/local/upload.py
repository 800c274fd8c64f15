"""Files on their way in."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import Final

from jobyard.domain.identity import Actor
from jobyard.errors import Conflict
from jobyard.seams.storage import AlreadyExists, IsAFolder
from jobyard_backends.storage.local.backroom import Backroom
from jobyard_backends.storage.local.failures import translated
from jobyard_backends.storage.local.ownership import (
    MODE_BITS,
    Segments,
    Want,
    check,
    default_mode,
    shown,
)
from jobyard_backends.storage.local.tree import Folder, Tree, absent, may_make

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that took the file's name must not hold us up.
_APPEND: Final = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PRIVATE: Final = 0o600
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Upload:
    """Write a new file in the backroom, and put it into place when it is whole.

    The methods block, and are called one after the other: :meth:`start`, :meth:`write` for each
    piece, :meth:`finish`; then :meth:`close`, come what may.
    """

    def __init__(
        self, tree: Tree, room: Backroom, path: Segments, actor: Actor, *, overwrite: bool
    ) -> None:
        self._tree = tree
        self._room = room
        self._path = path
        self._actor = actor
        self._overwrite = overwrite
        self._name = room.name()
        self._fd = -1
        self.replaces = 0
        """Bytes of the file that was there at the start."""

    def start(self) -> None:
        """Look whether the file may be written, before anything of it is read.

        Raises:
            BackendError: The errors of the seam's ``write``.
        """
        if not self._path:
            message = "/ already exists as a directory"
            raise IsAFolder(message)
        parent = self._path[:-1]
        with self._tree.enter_existing(parent, self._actor) as folder:
            if folder.path == parent:
                self._check(folder)
            else:
                missing = self._path[: len(folder.path) + 1]
                may_make(folder, missing, self._path, self._actor)
        with translated(shown(self._path)):
            self._fd = os.open(self._name, _NEW, _PRIVATE, dir_fd=self._room.fd)

    def write(self, data: bytes | bytearray) -> None:
        """Write a piece behind those before it."""
        with translated(shown(self._path)):
            write_all(self._fd, data)

    def finish(self, mode: int | None) -> int:
        """Put the file into place, safe from a power cut; ``None`` is the default mode.

        Give by how many bytes it is larger than what had its name.
        """
        with translated(shown(self._path)):
            os.fsync(self._fd)
        parent, actor = self._path[:-1], self._actor
        with self._tree.enter_making(parent, self._path, actor) as folder:
            self._check(folder)
            wanted = default_mode(*folder.place, folder=False) if mode is None else mode
            with translated(shown(self._path)):
                os.fchmod(self._fd, wanted & MODE_BITS)
                size = os.fstat(self._fd).st_size
                with self._room.placing:
                    size -= self._place(folder)
                folder.sync()
        return size

    def close(self) -> None:
        """Leave nothing in the backroom."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        with suppress(FileNotFoundError):  # it was put into place
            os.unlink(self._name, dir_fd=self._room.fd)

    def _check(self, folder: Folder) -> None:
        """Refuse what is there already, or may not be there."""
        name = self._path[-1]
        with translated(shown(self._path)):
            found = folder.find(name)
        if found is None:
            may_make(folder, self._path, self._path, self._actor)
            return
        if stat.S_ISDIR(found.st_mode):
            message = f"{shown(self._path)} already exists as a directory"
            raise IsAFolder(message)
        folder.check(Want.EXECUTE, self._actor)
        if not self._overwrite or not stat.S_ISREG(found.st_mode):
            message = f"{shown(self._path)} already exists"
            raise AlreadyExists(message)
        check(self._path, found.st_mode, Want.WRITE, self._actor)
        folder.may_drop(name, self._actor)
        self.replaces = found.st_size

    def _place(self, folder: Folder) -> int:
        """Give the file its name, and tell how many bytes had it before."""
        name = self._path[-1]
        if not self._overwrite:
            try:
                os.link(self._name, name, src_dir_fd=self._room.fd, dst_dir_fd=folder.fd)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if folder.find(name) is not None:
                    raise FileExistsError(errno.EEXIST, "taken") from error
            else:
                return 0
        before = folder.find(name)
        os.rename(self._name, name, src_dir_fd=self._room.fd, dst_dir_fd=folder.fd)
        return 0 if before is None else before.st_size


class Appending:
    """Write behind the end of a file; what fails on the way is cut off again.

    The methods block, and are called as those of :class:`Upload`.
    """

    def __init__(self, tree: Tree, path: Segments, actor: Actor) -> None:
        self._tree = tree
        self._path = path
        self._actor = actor
        self._fd = -1
        self._size: int | None = None
        self.replaces = 0

    def start(self) -> None:
        """Open the file, for one who appends at a time.

        Raises:
            BackendError: The errors of the seam's ``append``.
        """
        status = self._tree.status(self._path, self._actor)
        if stat.S_ISDIR(status.st_mode):
            message = (
                f"Cannot append to directory {shown(self._path)}; already exists as a directory."
            )
            raise IsAFolder(message)
        check(self._path, status.st_mode, Want.WRITE, self._actor)
        with (
            self._tree.enter(self._path[:-1], self._actor) as folder,
            translated(shown(self._path)),
        ):
            self._fd = os.open(self._path[-1], _APPEND, dir_fd=folder.fd)
        self._lock()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"{shown(self._path)} is being appended to by another client"
            raise Conflict(message) from error
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise absent(self._path)
        check(self._path, status.st_mode, Want.WRITE, self._actor)
        self._size = status.st_size

    def write(self, data: bytes | bytearray) -> None:
        """Write a piece behind those before it."""
        with translated(shown(self._path)):
            write_all(self._fd, data)

    def finish(self) -> int | None:
        """Keep what was written, safe from a power cut.

        Give by how many bytes the file grew; ``None`` where it was removed meanwhile.
        """
        with translated(shown(self._path)):
            os.fsync(self._fd)
            now = os.fstat(self._fd)
        growth = now.st_size - (self._size or 0)
        self._size = None
        return growth if now.st_nlink else None

    def close(self) -> None:
        """Close the file, as long as it was before where the appending did not come to its end."""
        if self._fd < 0:
            return
        try:
            if self._size is not None:
                os.ftruncate(self._fd, self._size)
        finally:
            os.close(self._fd)
            self._fd = -1


def write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write all of it, however little the system takes at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
