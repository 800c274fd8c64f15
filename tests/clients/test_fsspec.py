"""fsspec's WebHDFS file system against the front door, held by fsspec's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from fsspec.implementations.webhdfs import WebHDFS
from fsspec.tests import abstract
from fsspec.tests.abstract.common import GLOB_EDGE_CASES_TESTS

from tests.clients.conftest import FrontDoor


class _Fixtures(abstract.AbstractFixtures):  # type: ignore[misc]
    @pytest.fixture
    def door(self, over_local: FrontDoor) -> FrontDoor:
        return over_local

    @pytest.fixture
    def fs(self, door: FrontDoor, user: str) -> Iterator[WebHDFS]:
        fs = WebHDFS(door.host, port=door.port, user=user, skip_instance_cache=True)
        yield fs
        fs.session.close()

    @pytest.fixture
    def fs_path(self, user: str) -> str:
        return f"/user/{user}"

    @pytest.fixture
    def fs_join(self) -> Any:
        return lambda *parts: "/".join(parts)


# What fsspec's own WebHDFS does not pass against a NameNode of Hadoop's either: it takes a file
# for a folder where a pattern is looked for in a folder's depth, and cannot remove a list.
_NOT_FOR_WEBHDFS: Final = frozenset(
    {
        ("fil?1", True, None),
        ("file[1-2]", True, None),
        ("*", True, None),
        ("*1", True, None),
        ("**", True, None),
        ("**/*1", True, None),
        ("subdir[0-1]/*fil[e]*", True, None),
    }
)
_CASES: Final = [
    case for case in GLOB_EDGE_CASES_TESTS["argvalues"] if tuple(case[:3]) not in _NOT_FOR_WEBHDFS
]


class TestGetting(abstract.AbstractGetTests, _Fixtures):  # type: ignore[misc]
    test_get_glob_to_existing_directory = None
    test_get_glob_to_new_directory = None
    test_get_directory_without_files_with_same_name_prefix = None

    @pytest.mark.parametrize("case", _CASES, ids=str)
    def test_get_glob_edge_cases(  # noqa: PLR0917 - fixtures are
        self,
        case: tuple[object, ...],
        fs: WebHDFS,
        fs_join: Any,
        fs_glob_edge_cases_files: str,
        local_fs: Any,
        local_join: Any,
        local_target: str,
    ) -> None:
        fixtures = (fs, fs_join, fs_glob_edge_cases_files, local_fs, local_join, local_target)
        super().test_get_glob_edge_cases(*case, *fixtures)


class TestPutting(abstract.AbstractPutTests, _Fixtures):  # type: ignore[misc]
    test_put_file_to_existing_directory = None
    test_put_directory_to_existing_directory = None
    test_put_glob_to_existing_directory = None
    test_put_list_of_files_to_existing_directory = None
    test_put_directory_without_files_with_same_name_prefix = None


@pytest.fixture
def fs(door: FrontDoor, user: str) -> Iterator[WebHDFS]:
    fs = WebHDFS(door.host, port=door.port, user=user, skip_instance_cache=True)
    yield fs
    fs.session.close()


def test_files_are_used_like_others(fs: WebHDFS, user: str) -> None:
    home = f"/user/{user}"
    data = bytes(range(256)) * 3000
    fs.makedirs(f"{home}/folder")
    with fs.open(f"{home}/folder/file", "wb") as file:
        file.write(data)

    with fs.open(f"{home}/folder/file", "rb", block_size=1000) as file:
        file.seek(100_000)
        assert file.read(10) == data[100_000:100_010]
    assert fs.cat(f"{home}/folder/file") == data
    assert fs.cat_file(f"{home}/folder/file", start=5, end=9) == data[5:9]
    assert fs.ls(f"{home}/folder", detail=False) == [f"{home}/folder/file"]
    assert fs.info(f"{home}/folder/file")["size"] == len(data)
    assert fs.content_summary(home)["fileCount"] == 1
    assert fs.ukey(f"{home}/folder/file")
    assert fs.home_directory() == home
    fs.chmod(f"{home}/folder", 700)
    fs.mv(f"{home}/folder", f"{home}/other")
    assert fs.find(home) == [f"{home}/other/file"]
    fs.rm(f"{home}/other", recursive=True)
    assert not fs.exists(f"{home}/other")
