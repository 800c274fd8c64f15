"""Hadoop's exceptions in the seam's words."""

from __future__ import annotations

import pytest

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
from jobyard_backends.storage.hdfs.failures import failure, translated
from jobyard_backends.storage.hdfs.webhdfs import NoAnswer, RemoteError


@pytest.mark.parametrize(
    ("name", "message", "status", "expected"),
    [
        ("FileNotFoundException", "File does not exist: /x", 404, NotFound),
        ("AccessControlException", 'Permission denied: user=a, inode="/x"', 403, NotPermitted),
        ("AccessControlException", "/x/y (is not a directory)", 403, NotAFolder),
        ("ParentNotDirectoryException", "/x (is not a directory)", 403, NotAFolder),
        ("FileAlreadyExistsException", "/x already exists", 403, AlreadyExists),
        ("PathIsNotEmptyDirectoryException", "`/x is non empty'", 403, NotEmpty),
        ("InvalidPathException", "Invalid path name", 400, InvalidPath),
        ("IllegalArgumentException", "Invalid value", 400, InvalidPath),
        ("NSQuotaExceededException", "quota", 403, StorageFull),
        ("DSQuotaExceededException", "quota", 403, StorageFull),
        ("AlreadyBeingCreatedException", "lease on 10.0.0.1", 403, Conflict),
        ("UnsupportedOperationException", "no", 400, NotSupported),
        ("SafeModeException", "Name node is in safe mode", 403, Unavailable),
        ("StandbyException", "standby", 403, Unavailable),
        ("SecurityException", "Failed to obtain user group information", 403, Unavailable),
        ("IOException", "Failed to find datanode, suggest to check", 403, Unavailable),
        ("IOException", "File /x could only be written to 0 of the 1", 403, Unavailable),
        ("RuntimeException", "oops", 500, Unavailable),
        ("IOException", "something else", 403, Rejected),
    ],
)
def test_every_exception_has_its_place(
    name: str, message: str, status: int, expected: type[BackendError]
) -> None:
    found = failure(RemoteError(name, message, status), "/x")

    assert type(found) is expected
    assert "/x" in found.message or expected is Unavailable


def test_a_user_whom_hdfs_cannot_have_is_not_taken_for_a_bad_path() -> None:
    message = 'Invalid value for webhdfs parameter "user.name": Invalid value: "1a"'

    assert type(failure(RemoteError("IllegalArgumentException", message, 400), "/x")) is Rejected


def test_no_message_names_a_machine() -> None:
    leased = failure(RemoteError("AlreadyBeingCreatedException", "owned by 10.0.0.1", 403), "/x")
    silent = failure(NoAnswer("A DataNode does not answer.", "10.0.0.1", timed_out=True), "/x")

    assert "10.0.0.1" not in leased.message + silent.message
    assert "10.0.0.1" in (leased.detail or "")
    assert isinstance(silent, DeadlineExceeded)


def test_a_file_where_a_folder_is_needed_is_nothing_there_to_who_looks() -> None:
    error = RemoteError("ParentNotDirectoryException", "/x (is not a directory)", 403)

    with pytest.raises(NotFound), translated("/x/y", looking=True):
        raise error
    with pytest.raises(NotAFolder), translated("/x/y"):
        raise error
