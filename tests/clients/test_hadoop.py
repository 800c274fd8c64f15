"""Hadoop's own client, ``hadoop fs`` with a ``webhdfs:`` address, against the front door."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.clients.conftest import FrontDoor
from tests.hadoop import Hdfs

_SIZE: Final = 1_000_000_000 if os.environ.get("JOBYARD_LONG") == "1" else 20_000_000

Fs = Callable[..., str]


@pytest.fixture
def fs(door: FrontDoor, user: str, hdfs_cluster: Hdfs) -> Fs:
    """Run one command, with paths below the front door."""
    root = f"webhdfs://{door.host}:{door.port}"

    def run(*arguments: str) -> str:
        return hdfs_cluster.fs("-fs", root, *arguments, user=user)

    return run


def test_what_users_do_with_hadoop_works_with_the_gateway(
    fs: Fs, user: str, tmp_path: Path
) -> None:
    home = f"/user/{user}"
    up, more = tmp_path / "up", tmp_path / "more"
    piece = os.urandom(1_000_000)
    with up.open("wb") as file:
        for _ in range(_SIZE // len(piece)):
            file.write(piece)
    more.write_bytes(b"the end\n")

    fs("-mkdir", "-p", f"{home}/folder/deep")
    fs("-put", str(up), f"{home}/folder/file")
    fs("-appendToFile", str(more), f"{home}/folder/file")
    listed = fs("-ls", "-R", home)
    assert f"{_SIZE + 8}" in listed
    assert f"{home}/folder/deep" in listed
    assert fs("-tail", f"{home}/folder/file").endswith("the end\n")
    assert str(_SIZE + 8) in fs("-du", f"{home}/folder")
    assert f"{home}/folder/file\t" in fs("-checksum", f"{home}/folder/file")
    fs("-chmod", "700", f"{home}/folder")
    fs("-mv", f"{home}/folder", f"{home}/other")
    fs("-get", f"{home}/other/file", str(tmp_path / "down"))
    fs("-rm", "-r", "-skipTrash", f"{home}/other")

    assert (tmp_path / "down").stat().st_size == _SIZE + 8
    with (tmp_path / "down").open("rb") as file:
        assert file.read(len(piece)) == piece
        file.seek(-8, os.SEEK_END)
        assert file.read() == b"the end\n"
    assert fs("-ls", home) == ""


def test_its_checksums_are_those_of_hdfs(
    over_local: FrontDoor, over_hdfs: FrontDoor, user: str, hdfs_cluster: Hdfs, tmp_path: Path
) -> None:
    """For one content both storages, and HDFS itself, have one checksum."""
    names = [f"/user/{user}/{name}" for name in ("empty", "small", "odd", "large")]
    for name, size in zip(names, (0, 3, 1_000_001, 140_000_000), strict=True):
        (tmp_path / Path(name).name).write_bytes(os.urandom(1000) * (size // 1000 + 1))
        os.truncate(tmp_path / Path(name).name, size)
    files = [str(tmp_path / Path(name).name) for name in names]

    found = []
    for door in (over_local, over_hdfs):
        root = f"webhdfs://{door.host}:{door.port}"
        hdfs_cluster.fs("-fs", root, "-mkdir", "-p", f"/user/{user}", user=user)
        hdfs_cluster.fs("-fs", root, "-put", *files, f"/user/{user}", user=user)
        found.append(hdfs_cluster.fs("-fs", root, "-checksum", *names, user=user))
    found.append(hdfs_cluster.fs("-checksum", *names, user=user))

    assert found[0] == found[1] == found[2]
    assert found[0].count("MD5-of-") == 8


def test_errors_reach_its_users(fs: Fs, user: str) -> None:
    with pytest.raises(RuntimeError, match="No such file or directory"):
        fs("-ls", f"/user/{user}/missing")
    with pytest.raises(RuntimeError, match="Permission denied"):
        fs("-mkdir", "/elsewhere")
