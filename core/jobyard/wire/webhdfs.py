"""Hadoop's words: the JSON of WebHDFS answers, and its exceptions (contract, section 8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Self

from attrs import frozen

from jobyard.errors import (
    ApiError,
    BackendError,
    Conflict,
    InvalidParameters,
    JobyardError,
    NotFound,
    NotSupported,
    Rejected,
    UnauthorizedUser,
)
from jobyard.seams.storage import (
    AlreadyExists,
    ContentSummary,
    FileChecksum,
    FileKind,
    FileStatus,
    InvalidPath,
    IsAFolder,
    NotAFolder,
    NotEmpty,
    NotPermitted,
    StorageFull,
)

_BLOCK: Final = 128 * 1024 * 1024
"""What files are said to be stored in; clients divide by it."""

Document = Mapping[str, object]


@frozen
class Remote:
    """Be one of Hadoop's exceptions: its status, its class, and the Java package of that."""

    status: int
    name: str
    package: str

    @property
    def java_class(self) -> str:
        """Give the class with its package."""
        return f"{self.package}.{self.name}"


ILLEGAL_ARGUMENT: Final = Remote(400, "IllegalArgumentException", "java.lang")
UNSUPPORTED: Final = Remote(400, "UnsupportedOperationException", "java.lang")
INVALID_PATH: Final = Remote(400, "InvalidPathException", "org.apache.hadoop.fs")
SECURITY: Final = Remote(401, "SecurityException", "java.lang")
ACCESS_CONTROL: Final = Remote(403, "AccessControlException", "org.apache.hadoop.security")
AUTHORIZATION: Final = Remote(403, "AuthorizationException", "org.apache.hadoop.security.authorize")
EXISTS: Final = Remote(403, "FileAlreadyExistsException", "org.apache.hadoop.fs")
PARENT_IS_FILE: Final = Remote(403, "ParentNotDirectoryException", "org.apache.hadoop.fs")
NOT_EMPTY: Final = Remote(403, "PathIsNotEmptyDirectoryException", "org.apache.hadoop.fs")
QUOTA: Final = Remote(403, "DSQuotaExceededException", "org.apache.hadoop.hdfs.protocol")
IN_CREATION: Final = Remote(403, "AlreadyBeingCreatedException", "org.apache.hadoop.hdfs.protocol")
REFUSED: Final = Remote(403, "IOException", "java.io")
FILE_NOT_FOUND: Final = Remote(404, "FileNotFoundException", "java.io")
FAILED: Final = Remote(500, "IOException", "java.io")

# From the narrow to the wide: the first that fits counts.
_ERRORS: Final[tuple[tuple[type[JobyardError], Remote], ...]] = (
    (InvalidParameters, ILLEGAL_ARGUMENT),
    (UnauthorizedUser, SECURITY),
    (NotPermitted, ACCESS_CONTROL),
    (AlreadyExists, EXISTS),
    (NotAFolder, PARENT_IS_FILE),
    (IsAFolder, EXISTS),
    (NotEmpty, NOT_EMPTY),
    (StorageFull, QUOTA),
    (InvalidPath, INVALID_PATH),
    (NotFound, FILE_NOT_FOUND),
    (Conflict, IN_CREATION),
    (NotSupported, UNSUPPORTED),
    (Rejected, REFUSED),
    (JobyardError, FAILED),
)


class WebHdfsError(JobyardError):
    """Answer a request for files with one of Hadoop's exceptions."""

    def __init__(
        self,
        remote: Remote,
        message: str,
        *,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.remote = remote
        self.headers: Mapping[str, str] = headers or {}

    @classmethod
    def of(cls, error: JobyardError) -> Self:
        """Say in Hadoop's words what another error says."""
        if isinstance(error, cls):
            return error
        remote = next(remote for kind, remote in _ERRORS if isinstance(error, kind))
        headers = dict(error.headers) if isinstance(error, ApiError) else {}
        if isinstance(error, BackendError) and error.retry_after is not None:
            headers["Retry-After"] = str(max(1, round(error.retry_after)))
        return cls(remote, error.message, detail=error.detail, headers=headers)

    @classmethod
    def argument(cls, name: str, why: str) -> Self:
        """Refuse a parameter."""
        return cls(ILLEGAL_ARGUMENT, f'Invalid value for webhdfs parameter "{name}": {why}')

    def document(self) -> Document:
        """Give the error's JSON."""
        return {
            "RemoteException": {
                "exception": self.remote.name,
                "javaClassName": self.remote.java_class,
                "message": self.message.encode("utf-8", "replace").decode(),
            }
        }


def file_status(status: FileStatus, *, suffix: str = "") -> Document:
    """Give a file's or folder's JSON; ``suffix`` is its path below what was asked for."""
    is_file = status.kind is FileKind.FILE
    return {
        "accessTime": status.accessed_at,
        "blockSize": _BLOCK if is_file else 0,
        "childrenNum": status.children,
        "fileId": status.file_id,
        "group": status.group,
        "length": status.size,
        "modificationTime": status.modified_at,
        "owner": status.owner,
        "pathSuffix": suffix,
        "permission": f"{status.mode:o}",
        "replication": 1 if is_file else 0,
        "storagePolicy": 0,
        "type": status.kind.value,
    }


def file_statuses(entries: Sequence[FileStatus], *, of_file: bool = False) -> list[Document]:
    """Give the JSON of a folder's entries, or of a file as its own entry."""
    return [file_status(each, suffix="" if of_file else each.name) for each in entries]


def directory_listing(entries: Sequence[FileStatus], remaining: int, *, of_file: bool) -> Document:
    """Give the JSON of one page of a folder, or of a file as its own entry."""
    statuses = file_statuses(entries, of_file=of_file)
    return {
        "DirectoryListing": {
            "partialListing": {"FileStatuses": {"FileStatus": statuses}},
            "remainingEntries": remaining,
        }
    }


def content_summary(summary: ContentSummary) -> Document:
    """Give the JSON of what lies below a path; there are no quotas and no snapshots."""
    return {
        "ContentSummary": {
            "directoryCount": summary.folders,
            "ecPolicy": "",
            "fileCount": summary.files,
            "length": summary.length,
            "quota": -1,
            "snapshotDirectoryCount": 0,
            "snapshotFileCount": 0,
            "snapshotLength": 0,
            "snapshotSpaceConsumed": 0,
            "spaceConsumed": summary.space_consumed,
            "spaceQuota": -1,
            "typeQuota": {},
        }
    }


def file_checksum(checksum: FileChecksum) -> Document:
    """Give the JSON of a checksum."""
    return {
        "FileChecksum": {
            "algorithm": checksum.algorithm,
            "bytes": checksum.digest.hex(),
            "length": len(checksum.digest),
        }
    }
