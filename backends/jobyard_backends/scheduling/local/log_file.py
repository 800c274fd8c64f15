"""One log of a task: a file that grows, and whose beginning is given up when it is too large.

A beginning that was given up is a hole: the file keeps its size, and every byte its place, so that
ranges mean the same before and after. Everything here blocks.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
from pathlib import Path
from typing import Final

from attrs import frozen

LOG: Final = logging.getLogger("jobyard.scheduling.local")

NAMES: Final = ("stdout", "stderr")
BLOCK: Final = 4096
"""Bytes that a hole begins and ends at a multiple of."""

_PUNCH_HOLE: Final = 0x02 | 0x01
"""``FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE`` (fallocate(2))."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@frozen
class Extent:
    """Be what there is of a log: from its first byte that is kept to its end."""

    start: int
    end: int


def extent(path: Path) -> Extent:
    """Measure a log.

    Raises:
        FileNotFoundError: It is not there.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        end = os.fstat(descriptor).st_size
        found = _next_byte(descriptor, 0)
        return Extent(end if found is None else found, end)
    finally:
        os.close(descriptor)


def read(path: Path, offset: int, most: int) -> tuple[int, bytes]:
    """Give bytes from an offset on, or from the first kept one behind it, and where that is."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return offset, b""
    try:
        found = _next_byte(descriptor, offset)
        return (offset, b"") if found is None else (found, os.pread(descriptor, most, found))
    finally:
        os.close(descriptor)


def trim(path: Path, most: int) -> None:
    """Give up the beginning of a log of more than so many bytes, in whole blocks.

    A file system that cannot keeps it all.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        excess = (os.fstat(descriptor).st_size - most) // BLOCK * BLOCK
        if excess > 0:
            _punch(descriptor, excess)
    finally:
        os.close(descriptor)


def _next_byte(descriptor: int, offset: int) -> int | None:
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise


def _punch(descriptor: int, size: int) -> None:
    done = _LIBC.fallocate(descriptor, _PUNCH_HOLE, ctypes.c_longlong(0), ctypes.c_longlong(size))
    if done != 0:
        LOG.debug("a log could not be trimmed: %s", os.strerror(ctypes.get_errno()))
