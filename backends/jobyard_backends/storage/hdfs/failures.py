"""What Hadoop's exceptions are in the seam's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from jobyard.errors import (
    BackendError,
    Conflict,
    DeadlineExceeded,
    NotFound,
    NotSupported,
    Rejected,
    Unavailable,
)
from jobyard.seams.storage import (
    AlreadyExists,
    InvalidPath,
    NotAFolder,
    NotEmpty,
    NotPermitted,
    StorageFull,
)
from jobyard_backends.storage.hdfs.webhdfs import NoAnswer, RemoteError, WebHdfsFailure

_KINDS: Final[dict[str, Callable[[str], BackendError]]] = {
    "FileNotFoundException": NotFound,
    "AccessControlException": NotPermitted,
    "FileAlreadyExistsException": AlreadyExists,
    "ParentNotDirectoryException": NotAFolder,
    "PathIsNotEmptyDirectoryException": NotEmpty,
    "InvalidPathException": InvalidPath,
    "PathComponentTooLongException": InvalidPath,
    "IllegalArgumentException": InvalidPath,
    "HadoopIllegalArgumentException": InvalidPath,
    "URISyntaxException": InvalidPath,
    "UnsupportedOperationException": NotSupported,
    "NSQuotaExceededException": StorageFull,
    "DSQuotaExceededException": StorageFull,
    "QuotaByStorageTypeExceededException": StorageFull,
    "MaxDirectoryItemsExceededException": StorageFull,
}
_LEASED: Final = frozenset(
    {
        "AlreadyBeingCreatedException",
        "RecoveryInProgressException",
        "LeaseExpiredException",
    }
)
_UNTRUSTED: Final = frozenset({"AuthenticationException", "SecurityException", "InvalidToken"})
_WITHOUT_NODES: Final = (
    "Failed to find datanode",
    "No active nodes contain this block",
    "could only be written to 0 of",
    "Could not obtain block",
    "All datanodes",
)
_ABOUT_USER: Final = ("user.name", "doas")
_SERVER_ERROR: Final = 500


def failure(error: WebHdfsFailure, path: str) -> BackendError:
    """Translate; ``path`` is what the user calls the place."""
    if isinstance(error, NoAnswer):
        kind = DeadlineExceeded if error.timed_out else Unavailable
        return kind(error.message, detail=error.detail)
    if isinstance(error, RemoteError):
        return _refusal(error, path)
    return Unavailable("HDFS failed.", detail=repr(error))


def _refusal(error: RemoteError, path: str) -> BackendError:
    words, detail = _words(error, path), str(error)
    if _is_about_user(error):
        return Rejected("HDFS takes no user of that name.", detail=detail)
    if error.below_a_file:
        return NotAFolder(words)
    if error.name in _KINDS:
        return _KINDS[error.name](words)
    return _of_hdfs_itself(error, path)


def _of_hdfs_itself(error: RemoteError, path: str) -> BackendError:
    """Translate what is not about the path, or about who else is at it."""
    words, detail = _words(error, path), str(error)
    if error.name in _LEASED:
        # What Hadoop says names the machines and programs of both.
        return Conflict(f"{path} is being written by somebody else", detail=detail)
    if error.name in _UNTRUSTED:
        return Unavailable("HDFS does not accept the gateway's identity.", detail=detail)
    if error.passing or error.status >= _SERVER_ERROR or _is_without_nodes(error):
        return Unavailable(words, detail=detail)
    return Rejected(words, status=403, detail=detail)


def _is_about_user(error: RemoteError) -> bool:
    return error.name == "IllegalArgumentException" and any(
        f'parameter "{name}"' in error.message for name in _ABOUT_USER
    )


def _is_without_nodes(error: RemoteError) -> bool:
    return any(words in error.message for words in _WITHOUT_NODES)


def _words(error: RemoteError, path: str) -> str:
    """Give what Hadoop says, with the path where it names none."""
    message = error.message or error.name
    names_one = path in message or "inode=" in message or error.below_a_file
    return message if names_one else f"{path}: {message}"


@contextmanager
def translated(path: str, *, looking: bool = False) -> Iterator[None]:
    """Turn Hadoop's exceptions inside of the block into the seam's.

    ``looking``: a file where a folder is needed counts as nothing there.

    Raises:
        BackendError: What fits; no message holds an address or a stack.
    """
    try:
        yield
    except WebHdfsFailure as error:
        found = failure(error, path)
        if looking and isinstance(found, NotAFolder):
            found = NotFound(f"File does not exist: {path}")
        raise found from error
