"""Section 1 of the contract, sentence by sentence, where no other test holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import httpx
import pytest

from jobyard.breaker import OPEN_FOR
from jobyard.clock import SystemClock
from jobyard.domain.job import FrameworkName
from jobyard.domain.status import JobSummary
from jobyard.errors import Rejected, Unavailable
from jobyard.seams.scheduling import Refused
from tests.core.routes.contract_cluster import DOWN, Cluster, job, served
from tests.databases import HandClock
from tests.gateways import ADDRESS, Gateway, Told, told

BODY_ROUTES = [
    ("POST", "/token", ("username", "password")),
    ("PUT", "/user", ("username",)),
    ("DELETE", "/user", ("username",)),
    ("PUT", "/user/admin/virtualClusters", ("virtualClusters",)),
    ("POST", "/user/admin/jobs", ("jobName", "image", "taskRoles")),
    ("PUT", "/user/admin/jobs/x", ("image", "taskRoles")),
    ("PUT", "/user/admin/jobs/x/executionType", ("value",)),
    ("PUT", "/virtual-clusters/vc1", ("vcCapacity",)),
    ("PUT", "/virtual-clusters/vc1/status", ("vcStatus",)),
]
STALE = '110 - "Response is Stale"'


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(SystemClock().now() / 1000)


@pytest.fixture
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, clock: HandClock
) -> AsyncIterator[Gateway]:
    async with served(tmp_path_factory.mktemp("rules"), cluster, clock=clock) as gateway:
        yield gateway


def failed(response: httpx.Response) -> Told:
    """Read the failure of an upstream that nobody reaches, which says when to come again."""
    assert int(response.headers["retry-after"]) >= 1
    return told(response)


# ------------------------------------------------------------------------------------ bodies


@pytest.mark.parametrize("kind", ["application/xml", "multipart/form-data; boundary=x", None])
async def test_a_body_of_another_type_is_empty_on_every_route(
    gateway: Gateway, kind: str | None
) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for method, path, fields in BODY_ROUTES:
        sent = await gateway.admin.call(method, path, content=b'{"x": 1}', headers=headers)
        answer = told(sent)

        assert (answer.status, answer.code) == (400, "InvalidParametersError"), path
        assert all(f"{field}: missing" in answer.message for field in fields), answer
        assert "x: " not in answer.message


async def test_texts_are_read_as_numbers_and_booleans_in_json(gateway: Gateway) -> None:
    user = {"username": "texts", "password": "long enough", "admin": "true", "modify": "false"}
    made = await gateway.admin.call("PUT", "/user", user)
    assert made.status_code == 201
    shown = cast("dict[str, str]", await gateway.admin.good("GET", "/user/texts"))
    assert shown["admin"] == "true"

    role = {"name": "main", "command": "true", "taskNumber": "2", "memoryMB": "200"}
    document = job("texts", taskRoles=[role], retryCount="-1")
    dry = await gateway.admin.call("POST", "/user/admin/jobs?dryRun=true", document)
    assert dry.json()["retryCount"] == -1
    assert dry.json()["taskRoles"][0]["taskNumber"] == 2
    assert dry.json()["taskRoles"][0]["memoryMB"] == 200

    changed = await gateway.admin.call("PUT", "/virtual-clusters/vc1", {"vcCapacity": "20"})
    assert changed.json() == {"message": "Update vc: vc1 to capacity: 20 successfully."}


async def test_a_form_is_accepted_on_every_route(gateway: Gateway) -> None:
    forms = [
        ("PUT", "/user", {"username": "former", "password": "long enough", "admin": "false"}, 201),
        ("POST", "/token", {"username": "former", "password": "long enough"}, 200),
        ("PUT", "/virtual-clusters/vc1", {"vcCapacity": "10", "vcMaxCapacity": "20"}, 201),
        ("PUT", "/virtual-clusters/vc1/status", {"vcStatus": "stopped"}, 201),
        ("PUT", "/user/former/virtualClusters", {"virtualClusters": "vc1"}, 201),
        (
            "PUT",
            "/user/admin/jobs/formed",
            {"image": "i", "taskRoles[0][name]": "a", "taskRoles[0][command]": "c"},
            202,
        ),
        ("PUT", "/user/admin/jobs/formed/executionType", {"value": "STOP"}, 200),
        ("DELETE", "/user", {"username": "former"}, 200),
    ]
    for method, path, form, status in forms:
        answer = await gateway.admin.call(method, path, data=form)
        assert answer.status_code == status, (path, answer.text)


@pytest.mark.parametrize("path", ["/jobs", "/virtual-clusters", "/user", "/user/admin", "/info"])
async def test_an_empty_object_on_a_read_is_ignored(gateway: Gateway, path: str) -> None:
    answer = await gateway.admin.call("GET", path, {})

    assert answer.status_code == 200


# ------------------------------------------------------------------------------- the request


@pytest.mark.parametrize(
    "path",
    [
        "/user/%/jobs",
        "/user/admin/jobs/%zz",
        "/jobs/admin~x%f",
        "/jobs/%C3%28",
        "/virtual-clusters/%9",
        "/nothing/%zz",
        "/jobs?username=%zz",
        "/jobs?other=%zz",
        "/jobs?other=%ff",
    ],
)
async def test_a_malformed_percent_sequence_is_invalid_anywhere(
    gateway: Gateway, path: str
) -> None:
    answer = await gateway.http.get(_raw(path))

    assert (answer.status_code, told(answer).code) == (400, "InvalidParametersError")


async def test_an_encoded_slash_splits_no_segment(gateway: Gateway) -> None:
    answer = told(await gateway.http.get(_raw("/user/admin%2Fjobs/jobs")))
    assert answer.message.startswith("username: ")

    answer = told(await gateway.http.get(_raw("/virtual-clusters/a%2Fb")))
    assert answer.message.startswith("vcName: ")

    answer = told(await gateway.http.get(_raw("/user/admin/jobs/x%2Fconfig")))
    assert answer == Told(404, "NoJobError", "Job x/config is not found.")


async def test_only_the_state_may_be_asked_for_more_than_once(gateway: Gateway) -> None:
    for path in ("/jobs", "/user/admin/jobs", "/virtual-clusters", "/jobs/admin~x", "/user"):
        answer = told(await gateway.admin.get(f"{path}?any=1&any=2"))
        message = "any: is given more than once; once is expected"
        assert answer == Told(400, "InvalidParametersError", message)
    repeated = await gateway.guest.get("/jobs?state=RUNNING&state=WAITING")
    assert repeated.status_code == 200


async def test_an_unknown_query_parameter_is_ignored(gateway: Gateway) -> None:
    for path in ("/jobs?x=1", "/virtual-clusters?x=1", "/info?x=1"):
        assert (await gateway.guest.get(path)).status_code == 200


async def test_reads_have_heads_everywhere(gateway: Gateway) -> None:
    paths = ("/jobs", "/virtual-clusters", "/virtual-clusters/default", "/user/admin", "/", "/info")
    for path in (*paths, "/openapi.json", "//", "//healthz", "//docs"):
        get = await gateway.admin.get(path)
        head = await gateway.admin.call("HEAD", path)

        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-length"] == get.headers["content-length"]
    missing = await gateway.guest.call("HEAD", "/jobs/none")
    assert (missing.status_code, missing.content) == (404, b"")


async def test_options_is_answered_on_every_path_to_everybody(gateway: Gateway) -> None:
    for path in ("/jobs", "/user/admin/jobs", "/token", "/nothing", "//", "//webhdfs/v1/x"):
        answer = await gateway.guest.call("OPTIONS", path)
        assert (answer.status_code, answer.content) == (204, b"")


async def test_a_preflight_allows_what_it_asks_for(gateway: Gateway) -> None:
    asked = {
        "Origin": "https://portal.example.org",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = await gateway.guest.call("OPTIONS", "/user/admin/jobs/x", headers=asked)

    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type"


async def test_errors_may_be_read_by_any_origin_too(gateway: Gateway) -> None:
    answer = await gateway.guest.get("/jobs/none", Origin="https://portal.example.org")

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, "*")
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/admin~one", "/virtual-clusters"])
async def test_an_answer_that_is_known_is_not_sent_again(gateway: Gateway, path: str) -> None:
    await gateway.admin.good("POST", "/user/admin/jobs", job())
    first = await gateway.guest.get(path)
    tag = first.headers["etag"]

    for header in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = await gateway.guest.get(path, If_None_Match=header)
        assert (again.status_code, again.content) == (304, b"")
    other = await gateway.guest.get(path, If_None_Match='"other"')
    assert (other.status_code, other.content) == (200, first.content)


# ----------------------------------------------------------------------------- the upstreams


async def test_while_the_scheduler_is_down_what_is_remembered_is_answered_with_a_warning(
    gateway: Gateway, cluster: Cluster, clock: HandClock
) -> None:
    await gateway.admin.good("POST", "/user/admin/jobs", job())
    paths = ("/jobs", "/user/admin/jobs", "/user/admin/jobs/one", "/jobs/admin~one")
    clusters = ("/virtual-clusters", "/virtual-clusters/default")
    before = {path: await gateway.guest.get(path) for path in (*paths, *clusters)}
    assert all("warning" not in answer.headers for answer in before.values())
    cluster.fail()

    for path, answer in before.items():
        again = await gateway.guest.get(path)
        assert (again.status_code, again.json()) == (200, answer.json()), path
        assert again.headers["warning"] == STALE
        known = await gateway.guest.get(path, If_None_Match=answer.headers["etag"])
        assert (known.status_code, known.headers["warning"]) == (304, STALE)

    clock.seconds += 61
    for path in before:
        assert failed(await gateway.guest.get(path)) == Told(500, "UnknownError", DOWN)

    cluster.answer()
    clock.seconds += OPEN_FOR
    for path, answer in before.items():
        again = await gateway.guest.get(path)
        assert again.json() == answer.json()
        assert "warning" not in again.headers


async def test_where_nothing_is_remembered_the_failure_is_told(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.fail()
    for path in ("/jobs", "/user/admin/jobs", "/jobs/admin~one", "/virtual-clusters"):
        assert failed(await gateway.guest.get(path)) == Told(500, "UnknownError", DOWN)


async def test_whoever_says_nothing_is_named_with_what_failed(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.fail(message="")

    answer = failed(await gateway.guest.get("/virtual-clusters"))
    assert answer == Told(500, "UnknownError", "scheduling.double failed (quotas).")
    answer = failed(await gateway.guest.get("/jobs"))
    assert answer == Told(500, "UnknownError", "scheduling.double failed (jobs).")


async def test_a_refusal_without_words_is_named_too(gateway: Gateway, cluster: Cluster) -> None:
    cluster.always["quotas"] = lambda: Rejected("")

    answer = told(await gateway.guest.get("/virtual-clusters"))
    assert answer == Told(500, "UnknownError", "scheduling.double failed (quotas).")


async def test_an_open_breaker_answers_at_once_as_the_failure_that_opened_it(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.fail(message="The connection was refused.")
    for _ in range(2):
        failed(await gateway.guest.get("/virtual-clusters"))
    asked = cluster.calls["quotas"]

    answer = failed(await gateway.guest.get("/virtual-clusters"))
    assert answer == Told(500, "UnknownError", "The connection was refused.")
    assert cluster.calls["quotas"] == asked


async def test_an_upstream_that_never_answers_is_given_up_and_not_asked_again(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> None:
    calls = {
        "/jobs": "jobs",
        "/jobs/admin~x": "job",
        "/virtual-clusters": "quotas",
        "/user/admin": "quotas",
    }
    cluster.gates = {call: anyio.Event() for call in calls.values()}
    folder = tmp_path_factory.mktemp("slow")
    async with served(folder, cluster, server=", upstream-timeout: 1") as gateway:
        for path, call in calls.items():
            message = f"scheduling.double did not answer in time ({call})."
            answer = failed(await gateway.admin.get(path))
            assert answer == Told(500, "UnknownError", message)
        assert (await gateway.guest.get("//healthz")).status_code == 200
    assert cluster.calls == {"jobs": 1, "job": 1, "quotas": 2}


@pytest.mark.parametrize("status", [429, 503])
async def test_the_launchers_429_and_503_pass_through_and_are_not_repeated(
    gateway: Gateway, cluster: Cluster, status: int
) -> None:
    cluster.always["submit"] = lambda: Refused("Too busy.", status=status, retry_after=7)

    answer = await gateway.admin.call("POST", "/user/admin/jobs", job())
    assert told(answer) == Told(status, "UnknownError", "Too busy.")
    assert answer.headers["retry-after"] == "7"
    assert cluster.calls["submit"] == 1
    assert told(await gateway.guest.get("/jobs/admin~one")).status == 404

    cluster.answer()
    await gateway.admin.good("POST", "/user/admin/jobs", job())
    for call, method, path, body in (
        ("stop", "PUT", "/user/admin/jobs/one/executionType", {"value": "STOP"}),
        ("delete", "DELETE", "/user/admin/jobs/one", None),
    ):
        cluster.always[call] = lambda: Rejected("Too busy.", status=status)
        answer = await gateway.admin.call(method, path, body)
        assert told(answer) == Told(status, "UnknownError", "Too busy.")
        assert cluster.calls[call] == 1


async def test_a_launchers_own_error_shows_nothing_but_its_message(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.always["quotas"] = lambda: RuntimeError("Traceback: /opt/secret")

    answer = told(await gateway.guest.get("/virtual-clusters"))
    assert (answer.status, answer.code) == (500, "UnknownError")
    assert answer.message.startswith("scheduling.double failed (quotas); incident ")
    assert "secret" not in answer.message


async def test_what_changes_something_fails_with_the_time_to_come_again(
    gateway: Gateway, cluster: Cluster
) -> None:
    await gateway.admin.good("POST", "/user/admin/jobs", job())
    cluster.always["stop"] = lambda: Unavailable(DOWN)

    path = "/user/admin/jobs/one/executionType"
    answer = await gateway.admin.call("PUT", path, {"value": "STOP"})
    assert failed(answer) == Told(500, "UnknownError", DOWN)


async def test_sparse_summaries_are_read(gateway: Gateway, cluster: Cluster) -> None:
    cluster.holds(
        JobSummary(FrameworkName(None, "bare"), None, None, framework_state=None),
        JobSummary(FrameworkName("bob", "bare"), None, "", virtual_cluster=""),
    )
    items = {each.get("legacy", False): each for each in (await gateway.guest.get("/jobs")).json()}
    detail: dict[str, Any] = (await gateway.guest.get("/jobs/bare")).json()

    assert items[True]["username"] is None
    assert (items[True]["state"], items[True]["subState"]) == ("UNKNOWN", None)
    assert items[True]["createdTime"] is None
    assert (items[False]["username"], items[False]["namespace"]) == ("", "bob")
    assert detail["taskRoles"] == {}
    assert detail["jobStatus"]["appExitMessages"] == {
        "container": None,
        "runtime": None,
        "launcher": None,
    }


def _raw(path: str) -> httpx.URL:
    """Make an address without touching its percent sequences."""
    plain, _, query = path.partition("?")
    target = f"/api/v1{plain}{'?' if query else ''}{query}".encode()
    return httpx.URL(ADDRESS).copy_with(raw_path=target)
