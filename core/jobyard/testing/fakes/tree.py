"""The files of the storage in memory, and who may do what with them.

The rules are those of :class:`jobyard.seams.storage.Storage`. What a user makes is that user's,
wherever it is moved; what the gateway makes has no owner among the users.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from itertools import count
from typing import Final

from attrs import define, field

from jobyard.clock import Clock
from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import NotFound
from jobyard.seams.storage import (
    AlreadyExists,
    ContentSummary,
    FileKind,
    FilePage,
    FileStatus,
    IsAFolder,
    NotAFolder,
    NotEmpty,
    NotPermitted,
    normalise,
)

Segments = tuple[str, ...]
"""A path as its names; empty is the root."""

_HOMES: Final = frozenset({"user", "Output", "Container"})
_HOME: Final = 2
_BITS: Final = 0o1777
_STICKY: Final = 0o1000
_FILE: Final = 0o644
_FOLDER: Final = 0o755


class Want(enum.IntFlag):
    """Say what somebody wants to do, as permission bits spell it."""

    EXECUTE = 1
    WRITE = 2
    READ = 4


@define
class Node:
    """Be a file, or a folder where ``content`` is ``None``; ``owner`` ``None`` is the gateway."""

    owner: str | None
    mode: int
    content: bytes | None
    modified_at: int
    file_id: int = field(factory=count(1).__next__)

    @property
    def is_folder(self) -> bool:
        """Tell a folder from a file."""
        return self.content is None

    def owned_by(self, actor: Actor) -> bool:
        """Tell whether somebody may do what owners may."""
        return actor.admin or self.owner == actor.account

    def allows(self, want: Want, actor: Actor) -> bool:
        """Tell whether the bits let somebody do something."""
        bits = self.mode >> 6 if self.owner == actor.account else self.mode
        return actor.admin or bits & want == want


def segments(path: str) -> Segments:
    """Split a path into names.

    Raises:
        InvalidPath: It can name nothing.
    """
    return tuple(each for each in normalise(path).split("/") if each)


def shown(path: Segments) -> str:
    """Give a path as users know it."""
    return "/" + "/".join(path)


class FileTree:
    """Hold files and folders; every method raises the seam's errors."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes: dict[Segments, Node] = {(): Node(None, _FOLDER, None, clock.now())}

    def content(self) -> dict[str, bytes | None]:
        """Give every path but the root with its content, ``None`` being a folder's."""
        return {shown(path): node.content for path, node in self._nodes.items() if path}

    def node(self, path: Segments, actor: Actor) -> Node:
        """Find a file or folder that is there."""
        for length in range(len(path)):
            above = self._nodes.get(path[:length])
            if above is None or not above.is_folder:
                raise _absent(path)
            _check(path[:length], above, Want.EXECUTE, actor)
        if path not in self._nodes:
            raise _absent(path)
        return self._nodes[path]

    def status(self, path: Segments, actor: Actor) -> FileStatus:
        """Describe a file or folder."""
        return self._status(path, self.node(path, actor))

    def page(self, path: Segments, after: str | None, limit: int, actor: Actor) -> FilePage:
        """Give some entries of a folder; a file is its own."""
        node = self.node(path, actor)
        if not node.is_folder:
            past = after is not None and path[-1] <= after
            return FilePage(() if past else (self._status(path, node),))
        _check(path, node, Want.READ | Want.EXECUTE, actor)
        names = [each for each in self._names(path) if after is None or each > after]
        entries = [self._status((*path, name), self._nodes[*path, name]) for name in names[:limit]]
        left = len(names) - len(entries)
        return FilePage(tuple(entries), entries[-1].name if left and entries else None, left)

    def read(self, path: Segments, actor: Actor) -> bytes:
        """Give a file's content."""
        node = self.node(path, actor)
        if node.content is None:
            message = f"Path is not a file: {shown(path)}"
            raise IsAFolder(message)
        _check(path, node, Want.READ, actor)
        return node.content

    def may_put(self, path: Segments, actor: Actor, *, overwrite: bool) -> None:
        """Refuse who may not write a file there now; changes nothing."""
        self._may_make(path, actor)
        node = self._nodes.get(path)
        if node is None:
            return
        if node.is_folder:
            message = f"{shown(path)} already exists as a directory"
            raise IsAFolder(message)
        if not overwrite:
            raise _taken(path)
        _check(path, node, Want.WRITE, actor)
        self._may_drop(path, actor)

    def put(
        self, path: Segments, data: bytes, actor: Actor, *, overwrite: bool, mode: int | None
    ) -> None:
        """Write a file, whole."""
        self.may_put(path, actor, overwrite=overwrite)
        self._make(path[:-1], actor)
        self._nodes[path] = self._new(path, _FILE if mode is None else mode, data, actor)

    def may_append(self, path: Segments, actor: Actor) -> None:
        """Refuse who may not append to a file; changes nothing."""
        node = self.node(path, actor)
        if node.is_folder:
            message = f"Cannot append to directory {shown(path)}"
            raise IsAFolder(message)
        _check(path, node, Want.WRITE, actor)

    def append(self, path: Segments, data: bytes, actor: Actor) -> None:
        """Write behind a file's end."""
        self.may_append(path, actor)
        node = self._nodes[path]
        node.content = (node.content or b"") + data
        node.modified_at = self._clock.now()

    def make_folders(self, path: Segments, mode: int | None, actor: Actor) -> None:
        """Make a folder and those above it."""
        self._may_make(path, actor)
        if path not in self._nodes:
            self._make(path[:-1], actor)
            wanted = _FOLDER if mode is None else mode
            self._nodes[path] = self._new(path, wanted, None, actor)
        elif not self._nodes[path].is_folder:
            raise _taken(path)

    def rename(self, source: Segments, target: Segments, actor: Actor) -> bool:
        """Move a file or folder, as WebHDFS's RENAME without options does."""
        moved = self._find(source, actor)
        if not source or moved is None:
            return False
        taking = self._find(target, actor)
        if taking is not None and taking.is_folder:
            target = (*target, source[-1])
        if target == source:
            return not moved.is_folder
        above = self._nodes.get(target[:-1])
        if target[: len(source)] == source or above is None or not above.is_folder:
            return False
        self._may_drop(source, actor)
        self._may_make(target, actor)
        if target in self._nodes:
            return False
        for path in list(self._below(source)):
            self._nodes[target + path[len(source) :]] = self._nodes.pop(path)
        return True

    def remove(self, path: Segments, actor: Actor, *, recursive: bool) -> bool:
        """Remove a file or folder."""
        if not path:
            message = "Permission denied: the root cannot be removed"
            raise NotPermitted(message)
        if self._find(path, actor) is None:
            return False
        self._may_drop(path, actor)
        below = list(self._below(path))
        if len(below) > 1 and not recursive:
            message = f"`{shown(path)} is non empty': Directory is not empty"
            raise NotEmpty(message)
        for each in below:
            if self._nodes[each].is_folder and self._names(each):
                every = Want.READ | Want.WRITE | Want.EXECUTE
                _check(each, self._nodes[each], every, actor)
        for each in below:
            del self._nodes[each]
        return True

    def change_mode(self, path: Segments, mode: int, actor: Actor) -> None:
        """Set the permission bits."""
        node = self.node(path, actor)
        if not node.owned_by(actor):
            message = f"Permission denied. user={actor.account} is not the owner of {shown(path)}"
            raise NotPermitted(message)
        node.mode = mode & _BITS

    def summary(self, path: Segments, actor: Actor) -> ContentSummary:
        """Count a path and what lies below it."""
        self.node(path, actor)
        below = {each: self._nodes[each] for each in self._below(path)}
        for each, node in below.items():
            if node.is_folder:
                _check(each, node, Want.READ | Want.EXECUTE, actor)
        sizes = [len(node.content) for node in below.values() if node.content is not None]
        return ContentSummary(len(sizes), len(below) - len(sizes), sum(sizes), sum(sizes))

    def _find(self, path: Segments, actor: Actor) -> Node | None:
        try:
            return self.node(path, actor)
        except NotFound:
            return None

    def _names(self, path: Segments) -> list[str]:
        return sorted(each[-1] for each in self._nodes if each and each[:-1] == path)

    def _below(self, path: Segments) -> Iterator[Segments]:
        return (each for each in self._nodes if each[: len(path)] == path)

    def _new(self, path: Segments, mode: int, content: bytes | None, actor: Actor) -> Node:
        owner = None if actor == SYSTEM else actor.account
        if len(path) == _HOME and path[0] in _HOMES and content is None:
            owner = path[1]
        return Node(owner, mode & _BITS, content, self._clock.now())

    def _make(self, path: Segments, actor: Actor) -> None:
        """Make the folders of a path that are missing; who may was asked before."""
        for length in range(1, len(path) + 1):
            at = path[:length]
            if at not in self._nodes:
                maker = SYSTEM if length < _HOME else actor
                self._nodes[at] = self._new(at, _FOLDER, None, maker)

    def _may_make(self, path: Segments, actor: Actor) -> None:
        """Refuse who may not make a path, with the folders above it that are missing."""
        for length in range(len(path)):
            at = path[:length]
            above = self._nodes[at]
            if not above.is_folder:
                message = f"Path is not a directory: {shown(at)}"
                raise NotAFolder(message)
            _check(at, above, Want.EXECUTE, actor)
            if path[: length + 1] not in self._nodes:
                if not _leads_home(path[: length + 1], path, actor):
                    _check(at, above, Want.WRITE | Want.EXECUTE, actor)
                return

    def _may_drop(self, path: Segments, actor: Actor) -> None:
        folder = self._nodes[path[:-1]]
        _check(path[:-1], folder, Want.WRITE | Want.EXECUTE, actor)
        mine = self._nodes[path].owned_by(actor) or folder.owned_by(actor)
        if folder.mode & _STICKY and not mine:
            message = f"Permission denied by sticky bit: user={actor.account}, path={shown(path)}"
            raise NotPermitted(message)

    def _status(self, path: Segments, node: Node) -> FileStatus:
        owner = node.owner or SYSTEM.account
        return FileStatus(
            name=path[-1] if path else "",
            kind=FileKind.FOLDER if node.is_folder else FileKind.FILE,
            size=len(node.content or b""),
            mode=node.mode,
            owner=owner,
            group=owner,
            modified_at=node.modified_at,
            accessed_at=0 if node.is_folder else node.modified_at,
            file_id=node.file_id,
            children=len(self._names(path)) if node.is_folder else 0,
        )


def _leads_home(path: Segments, target: Segments, actor: Actor) -> bool:
    home = len(target) >= _HOME and target[0] in _HOMES and target[1] == actor.account
    return home and len(path) <= _HOME


def _check(path: Segments, node: Node, want: Want, actor: Actor) -> None:
    if not node.allows(want, actor):
        access = "_".join(each.name or "" for each in reversed(Want) if each in want)
        message = f'Permission denied: user={actor.account}, access={access}, inode="{shown(path)}"'
        raise NotPermitted(message)


def _absent(path: Segments) -> NotFound:
    return NotFound(f"File does not exist: {shown(path)}")


def _taken(path: Segments) -> AlreadyExists:
    return AlreadyExists(f"{shown(path)} already exists")
