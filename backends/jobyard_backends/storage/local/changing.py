"""Changing what is there: folders, names, permission bits, removal."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from attrs import frozen

from jobyard.domain.identity import Actor
from jobyard.errors import NotFound
from jobyard.seams.storage import AlreadyExists, NotAFolder, NotPermitted
from jobyard_backends.storage.local.backroom import Backroom
from jobyard_backends.storage.local.failures import translated
from jobyard_backends.storage.local.looking import folders
from jobyard_backends.storage.local.ownership import (
    MODE_BITS,
    Segments,
    Want,
    default_mode,
    owner_of,
    owns,
    shown,
)
from jobyard_backends.storage.local.syncing import Syncing
from jobyard_backends.storage.local.threads import Stopped
from jobyard_backends.storage.local.tree import Folder, Tree, chmod, may_make, ordinary

_PLACE: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@frozen
class NewFolder:
    """Be a folder that somebody wants; ``mode`` is for the last of its path alone."""

    path: Segments
    mode: int | None
    actor: Actor


def make_folders(tree: Tree, wanted: Sequence[NewFolder]) -> list[Exception | None]:
    """Make folders and those above them, and wait for the disk once; give the error of each."""
    with Syncing() as syncing:
        lazily = tree.synced_by(syncing.add)
        errors = [_tried(lazily, each) for each in wanted]
        with translated(shown(wanted[0].path)):
            syncing.wait()
    return errors


def _tried(tree: Tree, wanted: NewFolder) -> Exception | None:
    path, actor = wanted.path, wanted.actor
    try:
        if path:
            with tree.enter_making(path[:-1], path, actor) as folder:
                _make(tree, folder, wanted)
    except Exception as error:  # noqa: BLE001 - it is told to whoever wanted the folder
        return error
    return None


def _make(tree: Tree, folder: Folder, wanted: NewFolder) -> None:
    path, actor = wanted.path, wanted.actor
    name = path[-1]
    with translated(shown(path)):
        if folder.path:
            folder.check(Want.EXECUTE, actor)
        if folder.find(name) is None:
            may_make(folder, path, path, actor)
            mode = wanted.mode
            mode = default_mode(*folder.place, folder=True) if mode is None else mode
            tree.make(folder, name, mode & MODE_BITS)
        found = folder.find(name)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        message = f"Path is not a directory: {shown(path)}"
        raise AlreadyExists(message)


def rename(tree: Tree, source: Segments, target: Segments, actor: Actor) -> bool:
    """Move a file or folder, as WebHDFS's RENAME without options does."""
    if not source:
        return False
    found = _status(tree, source, actor)
    if found is None:
        return False
    target = _inside(tree, source, target, actor)
    is_folder = stat.S_ISDIR(found.st_mode)
    if target == source:
        return not is_folder
    if target[: len(source)] == source:
        return False  # a folder does not go into itself
    with ExitStack() as stack:
        try:
            old = stack.enter_context(tree.enter(source[:-1], actor))
            new = stack.enter_context(tree.enter(target[:-1], actor))
        except (NotFound, NotAFolder):
            return False
        return _move(old, new, source, target, actor)


def _inside(tree: Tree, source: Segments, target: Segments, actor: Actor) -> Segments:
    """Give the target itself, or the place in it where it is a folder."""
    found = _status(tree, target, actor)
    return (*target, source[-1]) if found is not None and stat.S_ISDIR(found.st_mode) else target


def _move(old: Folder, new: Folder, source: Segments, target: Segments, actor: Actor) -> bool:
    with translated(shown(target)):
        old.may_drop(source[-1], actor)
        may_make(new, target, target, actor)
        if new.find(target[-1]) is not None:
            return False
        if owner_of(source) != owner_of(target) and not owns(source, actor):
            # What somebody moves to their own place becomes theirs, whatever its bits say.
            message = (
                f"Permission denied: user={actor.account} does not own {shown(source)} "
                "and may not move it to another owner; copy it instead"
            )
            raise NotPermitted(message)
        try:
            os.rename(source[-1], target[-1], src_dir_fd=old.fd, dst_dir_fd=new.fd)
        except FileNotFoundError:
            return False
        new.sync()
        if old.path != new.path:
            old.sync()
    return True


@frozen
class Removed:
    """Be what a removal took away: a file's ``size``, or what is ``left`` to be deleted."""

    size: int = 0
    left: str | None = None


def remove(
    tree: Tree,
    room: Backroom,
    path: Segments,
    *,
    recursive: bool,
    actor: Actor,
    stopped: Stopped,
) -> Removed | None:
    """Take a file or folder away; ``None`` where there was none.

    A folder goes to the backroom at once, whole, so that nobody sees half of it.
    """
    if not path:
        message = "Permission denied: the root cannot be removed"
        raise NotPermitted(message)
    try:
        return _remove(tree, room, path, recursive=recursive, actor=actor, stopped=stopped)
    except NotFound:
        if _status(tree, path, actor) is not None:
            raise
        return None  # somebody else removed it between the look and the removal


def _remove(
    tree: Tree,
    room: Backroom,
    path: Segments,
    *,
    recursive: bool,
    actor: Actor,
    stopped: Stopped,
) -> Removed | None:
    found = _status(tree, path, actor)
    if found is None:
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    with tree.enter(path[:-1], actor) as parent:
        parent.may_drop(path[-1], actor)
        if is_folder and recursive and not actor.admin and owner_of(path) != actor.account:
            every = Want.READ | Want.WRITE | Want.EXECUTE
            for _ in folders(tree, path, every, actor, stopped):
                pass
        with translated(shown(path)):
            taken = _take(parent, path[-1], room, is_folder=is_folder, recursive=recursive)
            parent.sync()
    return taken


def _take(
    parent: Folder, name: str, room: Backroom, *, is_folder: bool, recursive: bool
) -> Removed:
    if not is_folder:
        with room.placing:
            before = parent.find(name)
            os.unlink(name, dir_fd=parent.fd)
        return Removed(size=0 if before is None else before.st_size)
    if not recursive:
        os.rmdir(name, dir_fd=parent.fd)
        return Removed()
    return Removed(left=room.take(name, parent.fd))


def change_mode(tree: Tree, path: Segments, mode: int, actor: Actor) -> None:
    """Set the permission bits of what the user owns."""
    tree.status(path, actor)
    if not owns(path, actor):
        message = f"Permission denied. user={actor.account} is not the owner of inode={shown(path)}"
        raise NotPermitted(message)
    with tree.enter(path[:-1], actor) as folder, translated(shown(path)):
        place = os.open(path[-1] if path else ".", _PLACE, dir_fd=folder.fd)
        try:
            # By now it may be a link, which has no bits of its own.
            if ordinary(os.fstat(place).st_mode):
                chmod(place, mode & MODE_BITS)
        finally:
            os.close(place)


def _status(tree: Tree, path: Segments, actor: Actor) -> os.stat_result | None:
    try:
        return tree.status(path, actor)
    except NotFound:
        return None
