"""Errors in the words of Hadoop."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from jobyard.errors import (
    BackendError,
    Conflict,
    NotFound,
    NotSupported,
    Rejected,
    Unavailable,
    UnknownError,
)
from jobyard.seams.storage import (
    AlreadyExists,
    InvalidPath,
    IsAFolder,
    NotAFolder,
    NotEmpty,
    NotPermitted,
    Storage,
    StorageFull,
)
from tests.core.routes.file_gateway import Failing, Gateway, refusal


@pytest.mark.parametrize(
    ("method", "path", "query", "expected"),
    [
        ("GET", "/", "op=NOSUCH", (400, "IllegalArgumentException",
         'Invalid value for webhdfs parameter "op": NOSUCH is not a valid GET operation.')),
        ("GET", "/", "op=MKDIRS", (400, "IllegalArgumentException",
         'Invalid value for webhdfs parameter "op": MKDIRS is not a valid GET operation.')),
        ("GET", "/", "", (400, "UnsupportedOperationException", "op=NULL is not supported")),
        ("PUT", "/f", "op=SETOWNER",
         (400, "UnsupportedOperationException", "op=SETOWNER is not supported")),
        ("PUT", "/f", "op=SETPERMISSION&permission=999", (400, "IllegalArgumentException",
         ('Invalid value for webhdfs parameter "permission": '
         'Failed to parse "999" as a radix-8 short integer.'))),
        ("PUT", "/f", "op=CREATE&overwrite=perhaps", (400, "IllegalArgumentException",
         ('Invalid value for webhdfs parameter "overwrite": '
         'Failed to parse "perhaps" to Boolean.'))),
        ("GET", "/f", "op=OPEN&offset=-1", (400, "IllegalArgumentException",
         ('Invalid value for webhdfs parameter "offset": '
         '"-1" is not a number from 0 to 9223372036854775807.'))),
        ("GET", "/f", "op=OPEN&length=1e3", (400, "IllegalArgumentException", None)),
        ("GET", "/f", "op=OPEN&offset=9223372036854775808",
         (400, "IllegalArgumentException", None)),
        ("GET", "/f", "op=OPEN&offset=4", (403, "IOException",
         "Offset=4 out of the range [0, 4); OPEN, path=/f")),
        ("GET", "/f", "op=OPEN&offset=9&step=data", (403, "IOException",
         "Offset=9 out of the range [0, 4); OPEN, path=/f")),
        ("GET", "/no", "op=OPEN",
         (404, "FileNotFoundException", "File does not exist: /no")),
        ("GET", "/no", "op=OPEN&step=data", (404, "FileNotFoundException", None)),
        ("GET", "/d", "op=OPEN&step=data",
         (404, "FileNotFoundException", "Path is not a file: /d")),
        ("GET", "/d", "op=GETFILECHECKSUM&step=data", (404, "FileNotFoundException", None)),
        ("GET", "/no", "op=GETFILECHECKSUM", (404, "FileNotFoundException", None)),
        ("GET", "/no", "op=GETFILESTATUS",
         (404, "FileNotFoundException", "File does not exist: /no")),
        ("GET", "/no", "op=LISTSTATUS", (404, "FileNotFoundException", None)),
        ("GET", "/no", "op=LISTSTATUS_BATCH", (404, "FileNotFoundException", None)),
        ("GET", "/no", "op=GETCONTENTSUMMARY", (404, "FileNotFoundException", None)),
        ("PUT", "/no", "op=SETPERMISSION&permission=755", (404, "FileNotFoundException", None)),
        ("POST", "/no", "op=APPEND", (404, "FileNotFoundException", None)),
        ("POST", "/no", "op=APPEND&step=data", (404, "FileNotFoundException", None)),
        ("POST", "/d", "op=APPEND", (403, "FileAlreadyExistsException", None)),
        ("POST", "/d", "op=APPEND&step=data", (403, "FileAlreadyExistsException", None)),
        ("PUT", "/f", "op=CREATE&step=data",
         (403, "FileAlreadyExistsException", "/f already exists")),
        ("PUT", "/d", "op=CREATE&overwrite=true&step=data",
         (403, "FileAlreadyExistsException", "/d already exists as a directory")),
        ("PUT", "/f/x", "op=CREATE&step=data", (403, "ParentNotDirectoryException", None)),
        ("PUT", "/f", "op=MKDIRS",
         (403, "FileAlreadyExistsException", "Path is not a directory: /f")),
        ("PUT", "/f/x", "op=MKDIRS", (403, "ParentNotDirectoryException", None)),
        ("DELETE", "/", "op=DELETE&recursive=true", (403, "AccessControlException", None)),
        ("GET", "/.jobyard", "op=LISTSTATUS", (403, "AccessControlException", None)),
        ("PUT", "/a%00b", "op=MKDIRS", (400, "InvalidPathException", None)),
        ("PUT", "/a%2Fb", "op=MKDIRS", (400, "InvalidPathException", None)),
        ("PUT", "/" + "x" * 256, "op=MKDIRS", (400, "InvalidPathException", None)),
        ("PUT", "/%zz", "op=MKDIRS", (400, "IllegalArgumentException", None)),
        ("PUT", "/%ff", "op=MKDIRS", (400, "IllegalArgumentException", None)),
    ],
)  # fmt: skip
async def test_errors_have_hadoop_s_words_and_statuses(
    gateway: Gateway,
    method: str,
    path: str,
    query: str,
    expected: tuple[int, str, str | None],
) -> None:
    await gateway.put("/f", b"data")
    await gateway.ask("PUT", "/d", "MKDIRS")

    answer = await gateway.send_raw(method, f"/webhdfs/v1{path}".encode(), query.encode())

    assert answer is not None
    status, exception, message = refusal(answer)
    assert (status, exception) == expected[:2]
    assert message == expected[2] or expected[2] is None


@pytest.mark.parametrize(
    ("error", "status", "java_class"),
    [
        (NotFound("m"), 404, "java.io.FileNotFoundException"),
        (NotPermitted("m"), 403, "org.apache.hadoop.security.AccessControlException"),
        (AlreadyExists("m"), 403, "org.apache.hadoop.fs.FileAlreadyExistsException"),
        (NotAFolder("m"), 403, "org.apache.hadoop.fs.ParentNotDirectoryException"),
        (IsAFolder("m"), 403, "org.apache.hadoop.fs.FileAlreadyExistsException"),
        (NotEmpty("m"), 403, "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException"),
        (StorageFull("m"), 403, "org.apache.hadoop.hdfs.protocol.DSQuotaExceededException"),
        (InvalidPath("m"), 400, "org.apache.hadoop.fs.InvalidPathException"),
        (Conflict("m"), 403, "org.apache.hadoop.hdfs.protocol.AlreadyBeingCreatedException"),
        (NotSupported("m"), 400, "java.lang.UnsupportedOperationException"),
        (Rejected("m"), 403, "java.io.IOException"),
        (BackendError("m"), 500, "java.io.IOException"),
        (UnknownError("m"), 500, "java.io.IOException"),
        (Unavailable("m"), 500, "java.io.IOException"),
    ],
)
async def test_what_a_storage_raises_is_translated(
    error: Exception, status: int, java_class: str
) -> None:
    gateway = Gateway(cast("Storage", Failing(error)))

    answer = await gateway.ask("GET", "/f", "GETFILESTATUS")

    assert refusal(answer)[::2] == (status, "m")
    assert answer.json()["RemoteException"]["javaClassName"] == java_class


async def test_a_storage_that_is_down_is_told_with_the_time_to_come_again() -> None:
    answer = await Gateway(None).ask("PUT", "/d", "MKDIRS")

    assert refusal(answer) == (500, "IOException", "storage.local is not open yet")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_bug_is_told_by_its_number_alone(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway(cast("Storage", Failing(ValueError("secret"))))

    with caplog.at_level(logging.ERROR):
        answer = await gateway.ask("GET", "/f", "GETFILESTATUS")

    status, exception, message = refusal(answer)
    assert (status, exception) == (500, "IOException")
    assert "secret" not in message
    assert "incident" in message
