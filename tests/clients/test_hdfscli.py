"""HdfsCLI, the library and its command, against the front door."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import hdfs
import pytest

from tests.clients.conftest import FrontDoor


@pytest.fixture
def client(door: FrontDoor, user: str) -> Iterator[hdfs.InsecureClient]:
    client = hdfs.InsecureClient(door.address, user=user, root=f"/user/{user}")
    yield client
    client._session.close()


def test_a_file_is_written_read_appended_and_removed(client: hdfs.InsecureClient) -> None:
    client.write("folder/file", data=b"one ", overwrite=False)
    client.write("folder/file", data=b"two", append=True)
    with client.read("folder/file") as reader:
        content = reader.read()
    with client.read("folder/file", offset=1, length=2) as reader:
        part = reader.read()

    assert (content, part) == (b"one two", b"ne")
    assert client.status("folder/file")["length"] == 7
    assert client.content("folder")["fileCount"] == 1
    assert client.checksum("folder/file")["bytes"]
    with pytest.raises(hdfs.HdfsError, match="already exists"):
        client.write("folder/file", data=b"x")
    assert client.delete("folder/file")
    assert client.status("folder/file", strict=False) is None


def test_it_streams_both_ways(client: hdfs.InsecureClient) -> None:
    line = "é" * 5000 + "\n"
    with client.write("lines", encoding="utf-8") as writer:
        for _ in range(200):
            writer.write(line)

    with client.read("lines", encoding="utf-8", delimiter="\n") as reader:
        lines = [each for each in reader if each]

    assert lines == [line.rstrip("\n")] * 200


def test_folders_are_uploaded_walked_moved_and_downloaded(
    client: hdfs.InsecureClient, tmp_path: Path
) -> None:
    here = tmp_path / "code"
    (here / "deep" / "er").mkdir(parents=True)
    files = {"a b.txt": b"1", "deep/ü#?.bin": os.urandom(300_000), "deep/er/empty": b""}
    for name, data in files.items():
        (here / name).write_bytes(data)

    client.upload("code", str(here), n_threads=3)
    walked = {f"{path}/{name}" for path, _, names in client.walk("code") for name in names}
    client.rename("code", "moved")
    client.set_permission("moved/a b.txt", "600")
    client.download("moved", str(tmp_path / "back"), n_threads=3)

    assert len(walked) == 3
    assert client.list("moved") == ["a b.txt", "deep"]
    assert client.status("moved/a b.txt")["permission"] == "600"
    for name, data in files.items():
        assert (tmp_path / "back" / name).read_bytes() == data
    assert client.delete("moved", recursive=True)


def test_another_users_files_are_closed(door: FrontDoor, user: str) -> None:
    client = hdfs.InsecureClient(door.address, user=f"{user}x", root=f"/user/{user}x")
    other = hdfs.InsecureClient(door.address, user=user)
    client.write("secret", data=b"secret", permission="600")

    with pytest.raises(hdfs.HdfsError, match="Permission denied"):
        other.write(f"/user/{user}x/mine", data=b"x")
    with (
        pytest.raises(hdfs.HdfsError, match="Permission denied"),
        other.read(f"/user/{user}x/secret"),
    ):
        pass
    client._session.close()
    other._session.close()


def test_a_token_lets_an_administrator_in(door: FrontDoor, user: str) -> None:
    client = hdfs.TokenClient(door.address, door.token)
    client.write(f"/shared-{user}/file", data=b"data")

    assert client.list(f"/shared-{user}") == ["file"]
    assert client.delete(f"/shared-{user}", recursive=True)
    client._session.close()


def test_its_command_uploads_and_downloads(door: FrontDoor, user: str, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(b"by command")
    configuration = tmp_path / "hdfscli.cfg"
    configuration.write_text(
        f"[global]\ndefault.alias = there\n[there.alias]\nurl = {door.address}\nuser = {user}\n"
        f"root = /user/{user}\n"
    )

    def command(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "hdfs", *arguments],
            check=True,
            cwd=tmp_path,
            env={**os.environ, "HDFSCLI_CONFIG": str(configuration)},
            capture_output=True,
            timeout=60,
        )

    command("upload", "up", "folder/file")
    command("download", "folder/file", "down")

    assert (tmp_path / "down").read_bytes() == b"by command"
