"""Lists in pages, filtered and ordered, and the tasks of a detail (contract, section 7)."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import anyio
import httpx
import pytest
from attrs import evolve

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import FrameworkState, TaskState
from jobyard.domain.status import JobStatus, JobSummary, TaskRoleStatus, TaskStatus
from tests.core.routes.contract_cluster import Cluster, served
from tests.gateways import ADDRESS, Gateway, Told, told

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STALE: Final = '110 - "Response is Stale"'
JOBS: Final = (
    JobSummary(
        FrameworkName("alice", "train-1"),
        None,
        "alice",
        framework_state=FrameworkState.APPLICATION_RUNNING,
        created_at=1000,
        virtual_cluster="default",
    ),
    JobSummary(
        FrameworkName("alice", "eval"),
        None,
        "alice",
        framework_state=FrameworkState.FRAMEWORK_COMPLETED,
        exit_code=0,
        created_at=3000,
        virtual_cluster="vc1",
    ),
    JobSummary(
        FrameworkName("bob", "train-2"), None, "bob", created_at=2000, virtual_cluster="vc1"
    ),
    JobSummary(FrameworkName(None, "old"), None, "bob", virtual_cluster="default"),
)
DETAIL: Final = JobStatus(
    JOBS[0],
    task_roles=(
        TaskRoleStatus(
            "worker", tuple(TaskStatus(at, TaskState.CONTAINER_RUNNING) for at in range(5))
        ),
        TaskRoleStatus("ps", (TaskStatus(0), TaskStatus(1, TaskState.CONTAINER_RUNNING))),
    ),
)


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    cluster = Cluster()
    cluster.holds(*JOBS)
    cluster.shows(DETAIL)
    return cluster


@pytest.fixture(scope="module")
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> AsyncIterator[Gateway]:
    async with served(tmp_path_factory.mktemp("lists"), cluster) as gateway:
        yield gateway


async def names(gateway: Gateway, query: str, path: str = "/jobs") -> list[str]:
    response = await gateway.guest.get(f"{path}?{query}")
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()]


def following(response: httpx.Response) -> str | None:
    """Give the address of what follows, below the gateway's own."""
    link = response.headers.get("link")
    if link is None:
        return None
    found = re.fullmatch(r'<(http://gateway\.test)(/[^<>]+)>; rel="next"', link)
    assert found is not None
    assert found[1] == ADDRESS
    return f"/{found[2]}"


async def walked(gateway: Gateway, path: str) -> list[Any]:
    """Give what the pages hold, from the first on."""
    pages, following_path = list[Any](), path
    while following_path:
        response = await gateway.guest.get(following_path)
        assert response.status_code == 200, response.text
        pages.append(response.json())
        following_path = following(response) or ""
    return pages


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["eval", "train-2", "train-1", "old"]),
        ("username=alice", ["eval", "train-1"]),
        ("vc=vc1", ["eval", "train-2"]),
        ("vc=unknown", []),
        ("state=RUNNING", ["train-1"]),
        ("state=RUNNING&state=SUCCEEDED", ["eval", "train-1"]),
        ("state=UNKNOWN", []),
        ("keyword=train", ["train-2", "train-1"]),
        ("keyword=TRAIN", []),
        ("keyword=", ["eval", "train-2", "train-1", "old"]),
        ("submittedAfter=1000", ["eval", "train-2"]),
        ("submittedBefore=3000", ["train-2", "train-1"]),
        ("submittedAfter=1000&submittedBefore=3000", ["train-2"]),
        ("order=createdTime", ["old", "train-1", "train-2", "eval"]),
        ("order=-createdTime", ["eval", "train-2", "train-1", "old"]),
        ("order=name", ["eval", "old", "train-1", "train-2"]),
        ("order=-name", ["train-2", "train-1", "old", "eval"]),
        ("order=state", ["train-1", "eval", "train-2", "old"]),
        ("order=-state", ["old", "train-2", "eval", "train-1"]),
        ("vc=vc1&state=WAITING&keyword=2&username=bob&submittedAfter=5&order=name", ["train-2"]),
        ("limit=2", ["eval", "train-2"]),
        ("limit=1000", ["eval", "train-2", "train-1", "old"]),
        ("offset=2&page=7&whatever=", ["eval", "train-2", "train-1", "old"]),
    ],
)
async def test_a_list_is_what_was_asked_for(
    gateway: Gateway, query: str, expected: list[str]
) -> None:
    assert await names(gateway, query) == expected


async def test_the_list_of_a_user_takes_the_same_parameters(gateway: Gateway) -> None:
    path = "/user/alice/jobs"

    assert await names(gateway, "order=name", path) == ["eval", "train-1"]
    assert await names(gateway, "username=alice&keyword=train", path) == ["train-1"]
    assert await names(gateway, "username=bob&limit=5", path) == []


@pytest.mark.parametrize(
    "path",
    [
        "/jobs?limit=1",
        "/jobs?limit=2&order=name",
        "/jobs?limit=3&order=-state&keyword=a",
        "/user/alice/jobs?limit=1&fields=name",
        "//rest-server/api/v1/jobs?limit=1&state=RUNNING&state=WAITING",
    ],
)
async def test_pages_joined_are_the_list(gateway: Gateway, path: str) -> None:
    pages = await walked(gateway, path)
    whole = await gateway.guest.get(re.sub(r"limit=\d&?", "", path))

    assert [item for page in pages for item in page] == whole.json()
    assert "link" not in whole.headers
    assert all(pages)


async def test_a_link_repeats_the_question_and_leads_to_the_public_address(
    tmp_path: Path, cluster: Cluster
) -> None:
    server = ", public-url: https://pai.example.org/jobyard/"
    async with served(tmp_path, cluster, server=server) as gateway:
        response = await gateway.guest.get(
            "/jobs?state=RUNNING&state=WAITING&limit=1&keyword=tr%61"
        )

    link = response.headers["link"]
    begin = "https://pai.example.org/jobyard/api/v1/jobs?state=RUNNING&state=WAITING&limit=1&"
    assert re.fullmatch(rf'<{re.escape(begin)}keyword=tra&cursor=[\w-]+>; rel="next"', link)


async def test_of_each_job_the_wanted_fields_alone_are_told(gateway: Gateway) -> None:
    response = await gateway.guest.get("/jobs?fields=state,name&limit=1")
    assert response.json() == [{"name": "eval", "state": "SUCCEEDED"}]

    whole = await gateway.guest.get("/jobs?fields=legacy,name")
    assert whole.json()[-1] == {"name": "old", "legacy": True}


BAD: Final = {
    "username": "a/b",
    "vc": "a b",
    "state": "running",
    "submittedAfter": "yesterday",
    "submittedBefore": "-1",
    "order": "size",
    "fields": "name,size",
    "limit": "1001",
    "cursor": "AAAA",
    "keyword": "x" * 252,
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_value_is_named_with_what_was_expected(gateway: Gateway, name: str) -> None:
    answer = told(await gateway.guest.get(f"/jobs?{urlencode({name: BAD[name]})}"))

    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    assert answer.message.startswith(f"{name}: ")
    assert answer.message.endswith(" is expected")


@pytest.mark.parametrize("path", ["/jobs", "/user/alice/jobs"])
async def test_all_bad_values_are_named_at_once(gateway: Gateway, path: str) -> None:
    answer = told(await gateway.guest.get(f"{path}?{urlencode({**BAD, 'limit': ''})}&vc=a"))

    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    assert [name for name in BAD if f"{name}: " not in answer.message] == []
    assert "vc: is given more than once" in answer.message


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=1.5", "limit=x", "limit=", "limit=%D9%A1", "fields="]
)
async def test_a_number_is_a_number(gateway: Gateway, query: str) -> None:
    assert (await gateway.guest.get(f"/jobs?{query}")).status_code == 400


async def test_a_cursor_is_good_for_its_own_order_alone(gateway: Gateway) -> None:
    link = following(await gateway.guest.get("/jobs?limit=1&order=name"))
    assert link is not None

    for order in ("-name", "state", "createdTime"):
        response = await gateway.guest.get(link.replace("order=name", f"order={order}"))
        assert told(response).message.startswith("cursor: ")


async def test_a_cursor_is_good_without_a_limit_too(gateway: Gateway) -> None:
    link = following(await gateway.guest.get("/jobs?order=name&limit=1"))
    assert link is not None

    rest = await gateway.guest.get(link.replace("limit=1&", ""))
    assert [item["name"] for item in rest.json()] == ["old", "train-1", "train-2"]


@pytest.mark.parametrize(
    "path",
    [
        "/jobs",
        "/jobs?username=alice",
        "/jobs?fields=name",
        "/jobs?limit=2",
        "/user/alice/jobs?limit=1",
        "/user/alice/jobs/train-1?taskLimit=2",
        "/user/alice/jobs/train-1?role=ps",
    ],
)
async def test_who_has_a_list_is_not_sent_it_again(gateway: Gateway, path: str) -> None:
    first = await gateway.guest.get(path)
    tag = first.headers["etag"]
    again = await gateway.guest.get(path, If_None_Match=tag)

    assert not tag.startswith("W/")
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers.get("link") == first.headers.get("link")


async def test_lists_of_other_questions_have_other_names(gateway: Gateway) -> None:
    paths = ("/jobs", "/jobs?username=alice", "/jobs?username=bob", "/jobs?order=name")
    tags = {(await gateway.guest.get(path)).headers["etag"] for path in paths}

    assert len(tags) == len(paths)


async def test_a_page_is_the_same_while_others_change(gateway: Gateway, cluster: Cluster) -> None:
    path = "/jobs?limit=2"
    first = await gateway.guest.get(path)
    whole = await gateway.guest.get("/jobs")
    cluster.holds(evolve(JOBS[0], exit_code=7))
    try:
        page = await gateway.guest.get(path, If_None_Match=first.headers["etag"])
        other = await gateway.guest.get("/jobs", If_None_Match=whole.headers["etag"])
    finally:
        cluster.holds(JOBS[0])

    assert page.status_code == 304
    assert other.status_code == 200


async def test_the_last_page_is_another_from_when_something_follows(
    tmp_path: Path,
) -> None:
    cluster = Cluster()
    cluster.holds(JOBS[1])
    async with served(tmp_path, cluster) as gateway:
        last = await gateway.guest.get("/jobs?limit=1")
        cluster.holds(*JOBS)
        page = await gateway.guest.get("/jobs?limit=1", If_None_Match=last.headers["etag"])

    assert "link" not in last.headers
    assert (page.status_code, page.content) == (200, last.content)
    assert "link" in page.headers


async def test_a_list_comes_in_the_coding_that_was_asked_for(gateway: Gateway) -> None:
    plain = await gateway.guest.get("/jobs", Accept_Encoding="identity")
    gzipped = await gateway.guest.get("/jobs", Accept_Encoding="gzip;q=0.5, identity;q=0.1")
    packed = await gateway.guest.get("/jobs", Accept_Encoding="gzip;q=0.5, zstd")

    assert gzipped.headers["content-encoding"] == "gzip"
    assert packed.headers["content-encoding"] == "zstd"
    # httpx undoes gzip alone.
    assert (gzipped.content, zstd.decompress(packed.content)) == (plain.content, plain.content)
    assert len({each.headers["etag"] for each in (plain, gzipped, packed)}) == 3


# ------------------------------------------------------------------------------------- tasks


async def shown(gateway: Gateway, query: str) -> dict[str, list[int]]:
    response = await gateway.guest.get(f"/user/alice/jobs/train-1?{query}")
    assert response.status_code == 200, response.text
    roles: dict[str, Any] = response.json()["taskRoles"]
    return {
        name: [task["taskIndex"] for task in role["taskStatuses"]] for name, role in roles.items()
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"worker": [0, 1, 2, 3, 4], "ps": [0, 1]}),
        ("role=ps", {"ps": [0, 1]}),
        ("role=nobody", {}),
        ("taskState=WAITING", {"worker": [], "ps": [0]}),
        ("role=ps&taskState=RUNNING", {"ps": [1]}),
        ("taskLimit=3", {"ps": [0, 1], "worker": [0]}),
        ("attempt=0&taskLimit=1&taskState=RUNNING", {"ps": [1], "worker": []}),
    ],
)
async def test_the_tasks_of_a_detail_are_those_that_were_asked_for(
    gateway: Gateway, query: str, expected: dict[str, list[int]]
) -> None:
    assert await shown(gateway, query) == expected


@pytest.mark.parametrize("place", ["/user/alice/jobs/train-1", "/jobs/alice~train-1"])
async def test_pages_of_tasks_have_each_task_once(gateway: Gateway, place: str) -> None:
    pages = await walked(gateway, f"{place}?taskLimit=2&attempt=0")
    told = [
        (name, task["taskIndex"])
        for page in pages
        for name, role in page["taskRoles"].items()
        for task in role["taskStatuses"]
    ]

    assert len(pages) == 4
    assert sorted(told) == [("ps", 0), ("ps", 1), *(("worker", at) for at in range(5))]


async def test_all_that_is_wrong_with_a_detail_is_named_at_once(gateway: Gateway) -> None:
    bad = {"attempt": "x", "role": "a/b", "taskState": "x", "taskLimit": "0", "taskCursor": "x"}
    answer = told(await gateway.guest.get(f"/user/alice/jobs/train-1?{urlencode(bad)}"))

    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    assert [name for name in bad if f"{name}: " not in answer.message] == []


# ----------------------------------------------------------------------------- the upstream


READ: Final = (
    "/jobs",
    "/jobs?state=RUNNING",
    "/jobs?limit=1",
    "/jobs?fields=name",
    "/user/alice/jobs?limit=1",
    "/user/alice/jobs/train-1",
    "/user/alice/jobs/train-1?taskLimit=1",
)


async def test_while_the_cluster_hangs_readers_get_what_there_is_with_a_warning(
    tmp_path: Path, cluster: Cluster
) -> None:
    async with served(tmp_path, cluster, server=", upstream-timeout: 0.3") as gateway:
        before = {path: await gateway.guest.get(path) for path in READ}
        cluster.gates = {call: anyio.Event() for call in ("jobs", "job")}
        try:
            for path, answer in before.items():
                again = await gateway.guest.get(path)
                assert (again.status_code, again.json()) == (200, answer.json()), path
                assert again.headers["warning"] == STALE
                assert again.headers.get("link") == answer.headers.get("link")
        finally:
            for gate in cluster.gates.values():
                gate.set()
            cluster.gates = {}
    assert all("warning" not in answer.headers for answer in before.values())


async def test_where_nothing_is_remembered_a_page_fails_as_a_list_does(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.fail(message="The connection was refused.")
    async with served(tmp_path, cluster) as gateway:
        for path in READ[:5]:
            answer = told(await gateway.guest.get(path))
            assert answer == Told(500, "UnknownError", "The connection was refused.")
