"""The storage's own folder in the root: where files grow, and where they end.

Every opened storage has a folder of its own there, held by a lock. What a crash left behind is
what lies in folders whose lock nobody holds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Final

from jobyard_backends.storage.local.threads import Stopped
from jobyard_backends.storage.local.tree import RESERVED, chmod

_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_SUFFIX: Final = ".lock"
_PRIVATE: Final = 0o700


class Backroom:
    """Be the folder of one opened storage; ``fd`` is it, for making and moving by name.

    ``placing`` is held for as long as it takes to look at what has a name and to give the name to
    something else.
    """

    def __init__(self, root: int) -> None:
        with suppress(FileExistsError):
            os.mkdir(RESERVED, _PRIVATE, dir_fd=root)
        self._all = os.open(RESERVED, _OPEN_FOLDER, dir_fd=root)
        try:
            self._name, self._lock = _claim(self._all)
            os.mkdir(self._name, _PRIVATE, dir_fd=self._all)
            self.fd = os.open(self._name, _OPEN_FOLDER, dir_fd=self._all)
        except BaseException:
            os.close(self._all)
            raise
        self._numbers = count(1)
        self.placing = threading.Lock()

    def close(self) -> None:
        """Give the folder up; what lies in it is swept when a storage is opened next."""
        with suppress(OSError):  # it holds what is still to be deleted
            os.rmdir(self._name, dir_fd=self._all)
            os.unlink(self._name + _SUFFIX, dir_fd=self._all)
        for descriptor in (self.fd, self._lock, self._all):
            os.close(descriptor)

    def name(self) -> str:
        """Give a name that nothing has in the folder."""
        return f"{next(self._numbers):x}"

    def sweep(self, stopped: Stopped) -> None:
        """Delete what crashed storages left."""
        with os.scandir(self._all) as entries:
            locks = [entry.name for entry in entries if entry.name.endswith(_SUFFIX)]
        for lock in locks:
            name = lock.removesuffix(_SUFFIX)
            if name == self._name or stopped():
                continue
            with _abandoned(self._all, lock) as free:
                if free:
                    self._sweep(name, stopped)

    def _sweep(self, name: str, stopped: Stopped) -> None:
        with suppress(FileNotFoundError):
            taken = self.name()
            os.rename(name, taken, src_dir_fd=self._all, dst_dir_fd=self.fd)
            self.destroy(taken, stopped)
        if not stopped():
            os.unlink(name + _SUFFIX, dir_fd=self._all)

    def take(self, name: str, folder: int) -> str:
        """Move an entry of an open folder here, and give the name that it has here."""
        taken = self.name()
        try:
            os.rename(name, taken, src_dir_fd=folder, dst_dir_fd=self.fd)
        except PermissionError:
            # To move a folder is to change its "..", which its own bits may forbid.
            _open_up(name, folder)
            os.rename(name, taken, src_dir_fd=folder, dst_dir_fd=self.fd)
        return taken

    def destroy(self, name: str, stopped: Stopped) -> None:
        """Delete a file or a folder of the backroom with all below it, however deep.

        Folders are first moved up to the backroom itself, so that depth costs neither stack nor
        descriptors. Ends early, with the rest still there, once ``stopped``.
        """
        names = [name]
        while names and not stopped():
            names += self._undo(names.pop(), stopped)

    def _undo(self, name: str, stopped: Stopped) -> list[str]:
        """Delete one entry; give the folders that were in it, which are the backroom's now."""
        try:
            folder = _folder(name, self.fd)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            os.unlink(name, dir_fd=self.fd)
            return []
        found: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if stopped():
                        return [*found, name]
                    if entry.is_dir(follow_symlinks=False):
                        found.append(self.take(entry.name, folder))
                    else:
                        os.unlink(entry.name, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            os.rmdir(name, dir_fd=self.fd)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            found.append(name)  # entries that the scan missed, since others went meanwhile
        return found


def _folder(name: str, parent: int) -> int:
    """Open a folder, whose own bits do not protect it any more."""
    try:
        descriptor = os.open(name, _OPEN_FOLDER, dir_fd=parent)
    except PermissionError:
        _open_up(name, parent)
        return os.open(name, _OPEN_FOLDER, dir_fd=parent)
    if os.fstat(descriptor).st_mode & _PRIVATE != _PRIVATE:
        os.fchmod(descriptor, _PRIVATE)
    return descriptor


def _open_up(name: str, parent: int) -> None:
    place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        chmod(place, _PRIVATE)
    finally:
        os.close(place)


def _claim(folder: int) -> tuple[str, int]:
    """Lock a new name; again where a sweep took the lock between its making and its taking."""
    while True:
        name = secrets.token_hex(8)
        descriptor = os.open(name + _SUFFIX, _LOCK, 0o600, dir_fd=folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            found = os.stat(name + _SUFFIX, dir_fd=folder, follow_symlinks=False)
            if found.st_ino == os.fstat(descriptor).st_ino:
                return name, descriptor
        os.close(descriptor)


@contextmanager
def _abandoned(folder: int, lock: str) -> Iterator[bool]:
    """Take a lock if nobody has it, and say whether."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
