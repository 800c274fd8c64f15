"""PyHDFS against the front door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyhdfs
import pytest
import requests

from tests.clients.conftest import FrontDoor


@pytest.fixture
def client(door: FrontDoor, user: str) -> Iterator[pyhdfs.HdfsClient]:
    with requests.Session() as session:
        yield pyhdfs.HdfsClient(
            f"{door.host}:{door.port}", user_name=user, requests_session=session
        )


def test_every_operation_does_what_it_does_on_hadoop(
    client: pyhdfs.HdfsClient, user: str, tmp_path: Path
) -> None:
    home = client.get_home_directory()
    assert home == f"/user/{user}"
    assert client.mkdirs(f"{home}/folder", permission=750)
    client.create(f"{home}/folder/file", b"one", permission=640)
    client.append(f"{home}/folder/file", b" two")
    with client.open(f"{home}/folder/file", offset=4) as response:
        assert response.read() == b"two"

    status = client.get_file_status(f"{home}/folder/file")
    assert (status.length, status.owner, status.permission) == (7, user, "640")
    assert client.listdir(f"{home}/folder") == ["file"]
    assert [each.pathSuffix for each in client.list_status(home)] == ["folder"]
    assert client.get_content_summary(home).fileCount == 1
    assert client.get_file_checksum(f"{home}/folder/file").length > 0
    assert [names for _, _, names in client.walk(home)] == [[], ["file"]]
    client.set_permission(f"{home}/folder", permission=700)
    assert client.rename(f"{home}/folder", f"{home}/other")

    client.copy_to_local(f"{home}/other/file", str(tmp_path / "file"))
    client.copy_from_local(str(tmp_path / "file"), f"{home}/again")
    assert (tmp_path / "file").read_bytes() == b"one two"
    assert client.exists(f"{home}/again")
    assert client.delete(f"{home}/other", recursive=True)
    assert not client.exists(f"{home}/other")


def test_errors_are_the_exceptions_that_it_knows(client: pyhdfs.HdfsClient, user: str) -> None:
    home = f"/user/{user}"
    client.create(f"{home}/folder/file", b"data")

    with pytest.raises(pyhdfs.HdfsFileNotFoundException):
        client.get_file_status(f"{home}/missing")
    with pytest.raises(pyhdfs.HdfsFileAlreadyExistsException):
        client.create(f"{home}/folder/file", b"again")
    with pytest.raises(pyhdfs.HdfsPathIsNotEmptyDirectoryException):
        client.delete(f"{home}/folder")
    with pytest.raises(pyhdfs.HdfsAccessControlException):
        client.mkdirs("/user/somebody-elses")
    with pytest.raises(pyhdfs.HdfsIllegalArgumentException):
        client.set_permission(home, permission="x")
