"""The files below the root, reached name by name.

A path is never given to the system as a whole. Each name is opened in the folder before it, by
that folder's descriptor, and must be a folder itself: symbolic links are not followed, and no
exchange of a name for a link between two looks leads out of the root.

Symbolic links, devices, pipes and names that are not UTF-8 do not exist for users: they are not
listed and not found, and nothing can be made in their place. They go with a folder that is removed
recursively, themselves and not what they point to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Final, Self

from jobyard.domain.identity import Actor
from jobyard.errors import NotFound
from jobyard.seams.storage import InvalidPath, NotAFolder, NotPermitted, normalise
from jobyard_backends.storage.local.failures import translated
from jobyard_backends.storage.local.ownership import (
    MODE_BITS,
    Segments,
    Want,
    check,
    default_mode,
    leads_home,
    owns,
    shown,
)

RESERVED: Final = ".jobyard"
"""The name in the root below which the storage keeps what is not yet, or no more, a file."""
DEEPEST: Final = 1000
"""Names in a path, as a NameNode limits them."""

_HOME: Final = 0o755
_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def segments(path: str) -> Segments:
    """Split a path into names.

    Raises:
        InvalidPath: It can name nothing here.
        NotPermitted: It is the storage's own.
    """
    names = tuple(normalise(path).split("/")[1:])
    if names == ("",):
        return ()
    if names[0] == RESERVED:
        message = f"Permission denied: /{RESERVED} is the storage's own"
        raise NotPermitted(message)
    if len(names) > DEEPEST:
        message = f"Invalid path name: more than {DEEPEST} levels"
        raise InvalidPath(message)
    return names


class Folder:
    """Be an open folder; whoever has it closes it."""

    def __init__(self, descriptor: int, path: Segments) -> None:
        self.fd = descriptor
        self.path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    @property
    def mode(self) -> int:
        """Give the type and the permission bits."""
        return os.fstat(self.fd).st_mode

    @property
    def place(self) -> tuple[Segments, int]:
        """Give the path and the mode."""
        return self.path, self.mode

    def check(self, want: Want, actor: Actor) -> None:
        """Refuse what the folder's bits do not allow; where all may pass, nothing is looked up."""
        if not actor.admin:
            check(self.path, self.mode, want, actor)

    def find(self, name: str) -> os.stat_result | None:
        """Look for an entry, of whatever type, without following it."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def step(self, name: str) -> Folder:
        """Open the folder of that name."""
        return Folder(os.open(name, _FOLDER, dir_fd=self.fd), (*self.path, name))

    def may_drop(self, name: str, actor: Actor) -> None:
        """Refuse who may not take an entry away, in view of the sticky bit too."""
        self.check(Want.WRITE | Want.EXECUTE, actor)
        path = (*self.path, name)
        if self.mode & stat.S_ISVTX and not (owns(path, actor) or owns(self.path, actor)):
            message = f"Permission denied by sticky bit: user={actor.account}, path={shown(path)}"
            raise NotPermitted(message)

    def make(self, name: str, mode: int) -> bool:
        """Make a folder; ``False`` where somebody else has meanwhile."""
        try:
            os.mkdir(name, mode, dir_fd=self.fd)
        except FileExistsError:
            return False
        with self.step(name) as made:
            if made.mode & MODE_BITS != mode:
                chmod(made.fd, mode)
        return True

    def sync(self) -> None:
        """Wait until the folder's entries are on the disk."""
        descriptor = self.reader()
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def reader(self) -> int:
        """Open the folder once more, for reading its entries; the caller closes it."""
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)


class Tree:
    """Find folders and files below an open root.

    ``synced`` keeps a folder that got a folder safe from a power cut.
    """

    def __init__(self, root: int, synced: Callable[[Folder], None] = Folder.sync) -> None:
        self._root = root
        self._synced = synced

    def synced_by(self, synced: Callable[[Folder], None]) -> Tree:
        """Give the same tree, whose new folders are kept safe in another way."""
        return Tree(self._root, synced)

    def make(self, folder: Folder, name: str, mode: int) -> None:
        """Make a folder in an open one, if nobody has meanwhile, and keep it safe."""
        if folder.make(name, mode):
            self._synced(folder)

    def enter(self, path: Segments, actor: Actor) -> Folder:
        """Open a folder; the caller closes it.

        Raises:
            NotFound: It is not there.
            NotAFolder: It, or what is above it, is no folder.
            NotPermitted: A folder on the way does not let the user through.
        """
        return self._walk(path, lambda folder, name: _next(folder, name, actor))

    def enter_making(self, path: Segments, target: Segments, actor: Actor) -> Folder:
        """Open a folder, and make it and those above it where they are missing.

        ``target`` is what they are made for: the way to a user's own folder is made for anybody.
        """
        return self._walk(path, lambda folder, name: self._made(folder, name, target, actor))

    def enter_existing(self, path: Segments, actor: Actor) -> Folder:
        """Open the deepest folder of a path that is there; the caller closes it."""

        def following(folder: Folder, name: str) -> Folder | None:
            found = folder.find(name)
            return None if found is None else _next(folder, name, actor)

        return self._walk(path, following)

    def _walk(self, path: Segments, step: Callable[[Folder, str], Folder | None]) -> Folder:
        folder = Folder(os.dup(self._root), ())
        try:
            for name in path:
                with translated(shown((*folder.path, name))):
                    following = step(folder, name)
                if following is None:
                    return folder
                os.close(folder.fd)
                folder = following
        except BaseException:
            os.close(folder.fd)
            raise
        return folder

    def _made(self, folder: Folder, name: str, target: Segments, actor: Actor) -> Folder:
        if folder.path:
            folder.check(Want.EXECUTE, actor)
        if folder.find(name) is None:
            path = (*folder.path, name)
            may_make(folder, path, target, actor)
            home = leads_home(path, target, actor)
            self.make(folder, name, _HOME if home else default_mode(*folder.place, folder=True))
        return folder.step(name)

    def status(self, path: Segments, actor: Actor) -> os.stat_result:
        """Look at a file or folder.

        Raises:
            NotFound: There is none; a file where a folder is needed counts as none.
            NotPermitted: A folder on the way does not let the user through.
        """
        if not path:
            return os.fstat(self._root)
        try:
            parent = self.enter(path[:-1], actor)
        except NotAFolder as error:
            raise absent(path) from error
        with parent, translated(shown(path)):
            if parent.path:
                parent.check(Want.EXECUTE, actor)
            found = parent.find(path[-1])
        if found is None or not ordinary(found.st_mode):
            raise absent(path)
        return found


def may_make(folder: Folder, path: Segments, target: Segments, actor: Actor) -> None:
    """Refuse who may make nothing in a folder; what leads to one's own is made for anybody."""
    if not leads_home(path, target, actor):
        folder.check(Want.WRITE | Want.EXECUTE, actor)


def _next(folder: Folder, name: str, actor: Actor) -> Folder:
    if folder.path:  # the root lets everybody through: its bits may be those of a private disk
        folder.check(Want.EXECUTE, actor)
    return folder.step(name)


def ordinary(mode: int) -> bool:
    """Tell whether something is a file or a folder: all else does not exist for users."""
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def absent(path: Segments) -> NotFound:
    """Say that there is nothing."""
    return NotFound(f"File does not exist: {shown(path)}")


def chmod(descriptor: int, mode: int) -> None:
    """Set the bits of something that is open, if only as a place."""
    os.chmod(f"/proc/self/fd/{descriptor}", mode)  # noqa: PTH101 - a descriptor has no path
