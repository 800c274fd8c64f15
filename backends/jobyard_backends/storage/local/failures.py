"""What the system's errors are in the seam's words."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from jobyard.errors import BackendError, NotFound, Rejected, Unavailable
from jobyard.seams.storage import (
    AlreadyExists,
    InvalidPath,
    IsAFolder,
    NotAFolder,
    NotEmpty,
    NotPermitted,
    StorageFull,
)

_WORDS: Final[dict[int, tuple[Callable[[str], BackendError], str]]] = {
    errno.ENOENT: (NotFound, "File does not exist: {}"),
    errno.ELOOP: (NotFound, "File does not exist: {}"),
    errno.ENOTDIR: (NotAFolder, "Path is not a directory: {}"),
    errno.EISDIR: (IsAFolder, "{} already exists as a directory"),
    errno.EEXIST: (AlreadyExists, "{} already exists"),
    errno.ENOTEMPTY: (NotEmpty, "`{} is non empty': Directory is not empty"),
    errno.EACCES: (NotPermitted, "Permission denied: the gateway itself is kept out of {}"),
    errno.EPERM: (NotPermitted, "Permission denied: the gateway itself is kept out of {}"),
    errno.ENAMETOOLONG: (InvalidPath, "Invalid path name {}: a name is too long"),
    errno.EINVAL: (InvalidPath, "Invalid path name {}: the file system does not take it"),
    errno.EILSEQ: (InvalidPath, "Invalid path name {}: the file system does not take it"),
    errno.EXDEV: (Rejected, "{} lies on another file system"),
    errno.EBUSY: (Rejected, "{} is in use by the system"),
    errno.ENOSPC: (StorageFull, "No room is left on the storage: {} was not written"),
    errno.EDQUOT: (StorageFull, "The quota of the storage is used up: {} was not written"),
    errno.EFBIG: (StorageFull, "{} would be larger than the storage takes"),
}


def failure(error: OSError, path: str) -> BackendError:
    """Translate an error; ``path`` is what the user calls the place."""
    known = _WORDS.get(error.errno or 0)
    if known is not None:
        kind, words = known
        return kind(words.format(path))
    reason = os.strerror(error.errno) if error.errno else "unknown error"
    return Unavailable(f"The storage failed at {path}: {reason}", detail=repr(error))


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the system's errors inside of the block into the seam's.

    Raises:
        BackendError: What fits; no message names a place on the disk.
    """
    try:
        yield
    except OSError as error:
        raise failure(error, path) from error
