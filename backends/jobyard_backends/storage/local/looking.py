"""Looking at files and folders: entries, counts, checksums."""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from jobyard.domain.identity import SYSTEM, Actor
from jobyard.errors import BackendError, NotFound
from jobyard.seams.storage import (
    ContentSummary,
    FileChecksum,
    FileKind,
    FilePage,
    FileStatus,
    IsAFolder,
    NotAFolder,
)
from jobyard_backends.storage.local.crc import HadoopChecksum
from jobyard_backends.storage.local.failures import translated
from jobyard_backends.storage.local.ownership import (
    MODE_BITS,
    Segments,
    Want,
    check,
    owner_name,
    shown,
)
from jobyard_backends.storage.local.threads import Stopped
from jobyard_backends.storage.local.tree import RESERVED, Folder, Tree, absent

CHUNK: Final = 256 * 1024
"""Bytes that are read or written at once."""

# A pipe that took a file's name must not hold us up.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_EVERYTHING: Final = SYSTEM
_MILLISECOND: Final = 1_000_000


def open_file(tree: Tree, path: Segments, actor: Actor) -> int:
    """Open a file for reading; the caller closes it.

    Raises:
        BackendError: The errors of the seam's ``read``.
    """
    _must_be_file(path, tree.status(path, actor).st_mode)
    with tree.enter(path[:-1], actor) as folder, translated(shown(path)):
        descriptor = os.open(path[-1], _READ, dir_fd=folder.fd)
    try:
        mode = os.fstat(descriptor).st_mode
        _must_be_file(path, mode)
        check(path, mode, Want.READ, actor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _must_be_file(path: Segments, mode: int) -> None:
    if stat.S_ISDIR(mode):
        message = f"Path is not a file: {shown(path)}"
        raise IsAFolder(message)
    if not stat.S_ISREG(mode):
        raise absent(path)


def read_at(descriptor: int, size: int, offset: int, path: Segments) -> bytes:
    """Read a piece of a file."""
    with translated(shown(path)):
        return os.pread(descriptor, size, offset)


def describe(tree: Tree, path: Segments, actor: Actor) -> FileStatus:
    """Describe a file or folder."""
    found = tree.status(path, actor)
    if not stat.S_ISDIR(found.st_mode):
        return _status(path, found, 0)
    with _folder(tree, path, actor) as folder:
        return _status(path, found, _count(folder))


def page(tree: Tree, path: Segments, after: str | None, limit: int, actor: Actor) -> FilePage:
    """Give some entries of a folder in the order of their names; a file is its own entry."""
    found = tree.status(path, actor)
    if not stat.S_ISDIR(found.st_mode):
        past = after is not None and path[-1] <= after
        return FilePage(() if past else (_status(path, found, 0),))
    with _folder(tree, path, actor) as folder:
        folder.check(Want.READ | Want.EXECUTE, actor)
        names = [name for name, _ in _entries(folder) if after is None or name > after]
        chosen = heapq.nsmallest(limit, names)
        entries = tuple(_described(folder, name) for name in chosen)
    left = len(names) - len(chosen)
    return FilePage(
        tuple(entry for entry in entries if entry is not None),
        chosen[-1] if left and chosen else None,
        left,
    )


def _folder(tree: Tree, path: Segments, actor: Actor) -> Folder:
    try:
        return tree.enter(path, actor)
    except NotAFolder as error:
        raise absent(path) from error  # it was a folder a moment ago


def _described(folder: Folder, name: str) -> FileStatus | None:
    """Describe an entry; one that has gone since it was listed is none."""
    path = (*folder.path, name)
    found = folder.find(name)
    if found is None:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return _status(path, found, 0)
    try:
        with folder.step(name) as below:
            return _status(path, found, _count(below))
    except OSError:  # gone, or closed to the gateway itself
        return _status(path, found, 0)


def _count(folder: Folder) -> int:
    try:
        return sum(1 for _ in _entries(folder))
    except PermissionError:
        return 0  # its bits keep the gateway itself out; that is no reason not to describe it


def _entries(folder: Folder) -> Iterator[tuple[str, bool]]:
    """Give the names of the files and folders in a folder, and whether each is a folder."""
    descriptor = folder.reader()
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if not is_folder and not entry.is_file(follow_symlinks=False):
                    continue
                if _nameable(entry.name) and (folder.path or entry.name != RESERVED):
                    yield entry.name, is_folder
    finally:
        os.close(descriptor)


def _nameable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _status(path: Segments, found: os.stat_result, children: int) -> FileStatus:
    folder = stat.S_ISDIR(found.st_mode)
    owner = owner_name(path)
    return FileStatus(
        name=path[-1] if path else "",
        kind=FileKind.FOLDER if folder else FileKind.FILE,
        size=0 if folder else found.st_size,
        mode=found.st_mode & MODE_BITS,
        owner=owner,
        group=owner,
        modified_at=found.st_mtime_ns // _MILLISECOND,
        accessed_at=0 if folder else found.st_atime_ns // _MILLISECOND,
        file_id=found.st_ino,
        children=children,
    )


def folders(
    tree: Tree, path: Segments, want: Want, actor: Actor, stopped: Stopped
) -> Iterator[tuple[Folder, list[tuple[str, bool]]]]:
    """Go through a folder and all below it, each with its entries; open one at a time.

    Raises:
        NotPermitted: The bits of one do not allow what is wanted.
    """
    waiting = [path]
    while waiting and not stopped():
        at = waiting.pop()
        try:
            folder = tree.enter(at, actor)
        except (NotFound, NotAFolder):
            if at == path:
                raise
            continue  # it went while we walked
        with folder, translated(shown(at)):
            folder.check(want, actor)
            entries = list(_entries(folder))
            yield folder, entries
        waiting += [(*at, name) for name, is_folder in entries if is_folder]


def summary(tree: Tree, path: Segments, actor: Actor, stopped: Stopped) -> ContentSummary:
    """Count what lies below a path; the path itself counts."""
    found = tree.status(path, actor)
    if not stat.S_ISDIR(found.st_mode):
        return ContentSummary(1, 0, found.st_size, found.st_blocks * 512)
    files = count = length = space = 0
    for folder, entries in folders(tree, path, Want.READ | Want.EXECUTE, actor, stopped):
        count += 1
        for name, is_folder in entries:
            status = None if is_folder else folder.find(name)
            if status is not None and stat.S_ISREG(status.st_mode):
                files += 1
                length += status.st_size
                space += status.st_blocks * 512
    return ContentSummary(files, count, length, space)


def measure(tree: Tree, path: Segments, stopped: Stopped) -> int:
    """Count the bytes of all files below a path, whatever their names and bits; 0 is nothing."""
    with suppress(BackendError):
        found = tree.status(path, _EVERYTHING)
        if stat.S_ISREG(found.st_mode):
            return found.st_size
    total, waiting = 0, [path]
    while waiting and not stopped():
        at = waiting.pop()
        try:
            folder = tree.enter(at, _EVERYTHING)
        except BackendError:
            continue  # not there, or closed to the gateway itself
        with folder, suppress(OSError):
            for name, size in _sizes(folder):
                if size is None:
                    waiting.append((*at, name))
                else:
                    total += size
    return total


def _sizes(folder: Folder) -> Iterator[tuple[str, int | None]]:
    """Give the entries of a folder with the sizes of files; a folder's is ``None``."""
    descriptor = folder.reader()
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield entry.name, None
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield entry.name, entry.stat(follow_symlinks=False).st_size
    finally:
        os.close(descriptor)


def checksum(tree: Tree, path: Segments, actor: Actor, stopped: Stopped) -> FileChecksum:
    """Give Hadoop's checksum of a file's content."""
    descriptor = open_file(tree, path, actor)
    found = HadoopChecksum()
    offset = 0
    try:
        while not stopped() and (data := read_at(descriptor, CHUNK, offset, path)):
            found.update(data)
            offset += len(data)
    finally:
        os.close(descriptor)
    return found.result()
