"""Every operation that moves no data, through the front, over a storage in a folder."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobyard_backends.storage.local import open_backend
from tests.backends.storage.conftest import Later, tree
from tests.core.routes.file_gateway import OPERATIONS, Gateway, refusal


async def test_folders_are_made(gateway: Gateway) -> None:
    for _ in range(2):
        answer = await gateway.ask("PUT", "/d/e", "MKDIRS", permission="1777")
        assert (answer.status_code, answer.json()) == (200, {"boolean": True})

    status = (await gateway.ask("GET", "/d/e", "GETFILESTATUS")).json()["FileStatus"]
    assert status.pop("modificationTime") > 0
    assert status.pop("fileId") > 0
    assert status == {
        "accessTime": 0,
        "blockSize": 0,
        "childrenNum": 0,
        "group": "jobyard",
        "length": 0,
        "owner": "jobyard",
        "pathSuffix": "",
        "permission": "1777",
        "replication": 0,
        "storagePolicy": 0,
        "type": "DIRECTORY",
    }


async def test_folders_are_listed(gateway: Gateway) -> None:
    await gateway.put("/d/b", b"12")
    await gateway.put("/d/d", b"")
    await gateway.ask("PUT", "/d/a", "MKDIRS")

    def suffixes(response: httpx.Response) -> list[str]:
        return [each["pathSuffix"] for each in response.json()["FileStatuses"]["FileStatus"]]

    assert suffixes(await gateway.ask("GET", "/d", "LISTSTATUS")) == ["a", "b", "d"]
    assert suffixes(await gateway.ask("GET", "/d/", "liststatus")) == ["a", "b", "d"]
    assert suffixes(await gateway.ask("GET", "/d/b", "LISTSTATUS")) == [""]
    assert suffixes(await gateway.ask("GET", "/d/a", "LISTSTATUS")) == []
    assert suffixes(await gateway.ask("GET", "", "LISTSTATUS")) == ["d"]
    listing = (await gateway.ask("GET", "/d", "LISTSTATUS_BATCH", startAfter="a")).json()
    page = listing["DirectoryListing"]
    assert page["remainingEntries"] == 0
    names = [e["pathSuffix"] for e in page["partialListing"]["FileStatuses"]["FileStatus"]]
    assert names == ["b", "d"]


async def test_a_folder_of_one_file_of_its_own_name_is_no_file(gateway: Gateway) -> None:
    await gateway.put("/d/d")

    listed = (await gateway.ask("GET", "/d", "LISTSTATUS")).json()["FileStatuses"]["FileStatus"]

    assert [each["pathSuffix"] for each in listed] == ["d"]


async def test_a_large_folder_is_listed_whole_and_in_pages(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "root" / "d").mkdir()
    expected = [f"{number:05}" for number in range(10_050)]
    for name in expected:
        (tmp_path / "root" / "d" / name).touch()

    whole = await gateway.ask("GET", "/d", "LISTSTATUS")
    page = (await gateway.ask("GET", "/d", "LISTSTATUS_BATCH")).json()["DirectoryListing"]

    listed = [each["pathSuffix"] for each in whole.json()["FileStatuses"]["FileStatus"]]
    assert listed == expected
    assert len(page["partialListing"]["FileStatuses"]["FileStatus"]) == 1000
    assert page["remainingEntries"] == 9_050


async def test_what_lies_below_is_counted(gateway: Gateway) -> None:
    await gateway.put("/d/e/f", b"123")

    answer = (await gateway.ask("GET", "/d", "GETCONTENTSUMMARY")).json()["ContentSummary"]

    assert (answer["directoryCount"], answer["fileCount"], answer["length"]) == (2, 1, 3)
    assert (answer["quota"], answer["spaceQuota"]) == (-1, -1)


async def test_a_checksum_is_given(gateway: Gateway) -> None:
    await gateway.put("/f", b"")

    first = await gateway.ask("GET", "/f", "GETFILECHECKSUM")
    second = await gateway.ask("GET", "/f", "GETFILECHECKSUM", step="data")

    # A client for Hadoop takes no other answer: the checksum is the DataNodes' to give.
    assert (first.status_code, first.content) == (307, b"")
    assert first.headers["location"].endswith("/webhdfs/v1/f?op=GETFILECHECKSUM&step=data")
    assert second.json()["FileChecksum"] == {
        "algorithm": "MD5-of-0MD5-of-0CRC32",
        "bytes": "00000000000000000000000070bc8f4b72a86921468bf8e8441dce51",
        "length": 28,
    }


async def test_everybody_has_a_home(gateway: Gateway) -> None:
    answer = await gateway.ask("GET", "/", "GETHOMEDIRECTORY", token="alice-token")

    assert answer.json() == {"Path": "/user/alice"}


async def test_files_are_renamed(gateway: Gateway) -> None:
    await gateway.put("/a")
    await gateway.put("/b")

    async def rename(source: str, target: str, **query: str) -> httpx.Response:
        return await gateway.ask("PUT", source, "RENAME", destination=target, **query)

    assert (await rename("/a", "/c")).json() == {"boolean": True}
    assert (await rename("/a", "/c")).json() == {"boolean": False}
    assert (await rename("/b", "/c")).json() == {"boolean": False}
    assert refusal(await rename("/a", "/d", renameoptions="NONE"))[:2] == (
        404,
        "FileNotFoundException",
    )
    assert refusal(await rename("/b", "/c", renameoptions="NONE"))[:2] == (
        403,
        "FileAlreadyExistsException",
    )
    overwritten = await rename("/b", "/c", renameoptions="overwrite")
    assert (overwritten.status_code, overwritten.content) == (200, b"")
    assert refusal(await rename("/c", "relative")) == (
        400,
        "IllegalArgumentException",
        (
            'Invalid value for webhdfs parameter "destination": '
            'Invalid parameter value: destination = "relative" is not an absolute path.'
        ),
    )
    assert refusal(await rename("/c", "/d", renameoptions="TO_TRASH"))[0] == 400


async def test_overwriting_never_takes_away_what_the_source_lies_in(gateway: Gateway) -> None:
    await gateway.ask("PUT", "/d/e", "MKDIRS")

    answer = await gateway.ask("PUT", "/d/e", "RENAME", destination="/d", renameoptions="OVERWRITE")

    assert refusal(answer)[:2] == (403, "FileAlreadyExistsException")
    assert (await gateway.ask("GET", "/d/e", "GETFILESTATUS")).status_code == 200


async def test_files_and_folders_are_removed(gateway: Gateway) -> None:
    await gateway.put("/d/f")

    async def remove(path: str, **query: str) -> httpx.Response:
        return await gateway.ask("DELETE", path, "DELETE", **query)

    assert refusal(await remove("/d"))[:2] == (403, "PathIsNotEmptyDirectoryException")
    assert (await remove("/d/nothing", recursive="true")).json() == {"boolean": False}
    assert (await remove("/d", recursive="true")).json() == {"boolean": True}
    assert (await remove("/d", recursive="true")).json() == {"boolean": False}


async def test_permissions_are_set(gateway: Gateway) -> None:
    await gateway.put("/user/alice/f", token="alice-token")

    done = await gateway.ask(
        "PUT", "/user/alice/f", "SETPERMISSION", token="alice-token", permission="600"
    )
    status = (await gateway.ask("GET", "/user/alice/f", "GETFILESTATUS")).json()["FileStatus"]

    assert (done.status_code, done.content, status["permission"]) == (200, b"", "600")
    denied = await gateway.ask("PUT", "/user/alice/f", "SETPERMISSION", token="bob-token")
    assert refusal(denied) == (
        403,
        "AccessControlException",
        "Permission denied. user=bob is not the owner of inode=/user/alice/f",
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/../../../b", "b"),
        ("/%2e%2e/%2E%2E/b", "b"),
        ("//b//", "b"),
        ("/./b/.", "b"),
        ("/b%20c%2B%25%C3%A9", "b c+%é"),
        ("/b+c", "b+c"),
        ("/%252e%252e", "%2e%2e"),
    ],
)
async def test_every_name_is_decoded_once_and_stays_below_the_root(
    gateway: Gateway, tmp_path: Path, path: str, expected: str
) -> None:
    answer = await gateway.send_raw("PUT", f"/webhdfs/v1{path}".encode(), b"op=MKDIRS")

    assert answer is not None
    assert answer.status_code == 200
    assert tree(tmp_path / "root") == {expected: None}


@given(
    path=st.text(st.sampled_from("./%2eEfF0aé\\ ;&+:\0"), max_size=20),
    operation=st.sampled_from([(m, o) for m, each in OPERATIONS.items() for o in each]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leads_out_or_breaks_the_form_of_errors(
    tmp_path_factory: pytest.TempPathFactory, path: str, operation: tuple[str, str]
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").write_text("kept")

    async def ask() -> httpx.Response | None:
        async with open_backend(outside / "root", Later()) as storage:
            raw = path.replace(" ", "%20").replace("\0", "%00").encode()
            query = f"op={operation[1]}&step=data&recursive=true&destination=/x".encode()
            return await Gateway(storage).send_raw(operation[0], b"/webhdfs/v1/" + raw, query)

    answer = anyio.run(ask)

    assert {each.name for each in outside.iterdir()} == {"kept", "root"}
    assert answer is not None
    if answer.status_code >= 400:
        assert refusal(answer)[0] in (400, 403, 404)
