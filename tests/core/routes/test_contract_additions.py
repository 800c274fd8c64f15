"""Sections 6 and 7 of the contract, where no other test holds them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import httpx
import pytest

from jobyard.domain.status import WaitingCode, WaitingReason
from jobyard.errors import Unavailable
from jobyard.seams.scheduling import LogStream, OutcomeUnknown
from tests.core.routes.contract_cluster import DOWN, Cluster, job, served
from tests.gateways import Caller, Gateway, Told, told

KEY = {"Idempotency-Key": "a key of printable characters ~!"}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def gateway(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> AsyncIterator[Gateway]:
    async with served(tmp_path_factory.mktemp("more"), cluster) as gateway:
        yield gateway


async def submitted(gateway: Gateway, name: str = "one", **headers: str) -> httpx.Response:
    named = {each.replace("_", "-"): value for each, value in headers.items()}
    return await gateway.admin.call("POST", "/user/admin/jobs", job(name), headers=KEY | named)


# ------------------------------------------------------------------------------- idempotency


async def test_a_key_is_answered_alike_while_the_first_is_still_running(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.gates["submit"] = anyio.Event()
    answers: list[httpx.Response] = []

    async def submit() -> None:
        answers.append(await submitted(gateway))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        await cluster.reached("submit")
        tasks.start_soon(submit)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        cluster.gates["submit"].set()

    assert [each.status_code for each in answers] == [202, 202]
    assert [each.json() for each in answers] == [{"message": "update job one successfully"}] * 2
    replayed = [each.headers.get("idempotency-replayed") for each in answers]
    assert replayed == [None, "true"]
    assert cluster.calls["submit"] == 1


async def test_a_refusal_is_replayed_and_a_failure_is_not(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.refused = WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, "The largest has 1 CPU.")
    first, again = await submitted(gateway), await submitted(gateway)
    expected = Told(400, "InvalidParametersError", "The largest has 1 CPU.")
    assert told(first) == told(again) == expected
    assert again.headers["idempotency-replayed"] == "true"

    cluster.refused = None
    other = {"Idempotency-Key": "other"}
    cluster.before["submit"] = [Unavailable(DOWN)]
    cluster.before["find_submission"] = [Unavailable(DOWN)]
    failed = await submitted(gateway, **other)
    assert told(failed) == Told(500, "UnknownError", DOWN)
    assert failed.headers["retry-after"]


async def test_an_uncertain_outcome_stays_a_failure_until_it_is_known(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.before["submit"] = [OutcomeUnknown("The answer was lost.")]
    cluster.always["find_submission"] = lambda: Unavailable(DOWN)

    for _ in range(2):
        answer = await submitted(gateway)
        assert told(answer).status == 500
        assert answer.headers["retry-after"]
        assert "idempotency-replayed" not in answer.headers
    assert cluster.calls["submit"] == 1


async def test_a_key_belongs_to_user_body_and_method_alike(gateway: Gateway) -> None:
    await submitted(gateway)

    other_body = await submitted(gateway, "two")
    assert told(other_body) == Told(
        422, "IdempotencyKeyError", "The Idempotency-Key was used for another request."
    )
    alice = await gateway.user("alice")
    hers = await alice.call("POST", "/user/alice/jobs", job(), headers=KEY)
    assert (hers.status_code, hers.headers.get("idempotency-replayed")) == (202, None)


@pytest.mark.parametrize("key", ["", "x" * 256, "é".encode().decode("latin-1"), "a\tb"])
async def test_a_key_that_is_none_is_invalid(gateway: Gateway, key: str) -> None:
    answer = await gateway.http.request(
        "POST",
        "/api/v1/user/admin/jobs",
        json=job(),
        headers=[
            (b"authorization", f"Bearer {gateway.admin.token}".encode()),
            (b"idempotency-key", key.encode("latin-1")),
        ],
    )

    said = told(answer)
    assert (said.status, said.code) == (400, "InvalidParametersError")
    assert said.message.startswith("Idempotency-Key: ")
    assert (await gateway.guest.get("/jobs")).json() == []


# ------------------------------------------------------------------- dry runs, unsatisfiable


async def test_a_dry_run_asks_and_changes_nothing(gateway: Gateway, cluster: Cluster) -> None:
    for method, path in (("POST", "/user/admin/jobs"), ("PUT", "/user/admin/jobs/one")):
        answer = await gateway.admin.call(method, f"{path}?dryRun=true", job(), headers=KEY)
        assert answer.status_code == 200
        assert answer.json().keys() == {
            *("jobName", "image", "authFile", "dataDir", "outputDir", "codeDir"),
            *("virtualCluster", "taskRoles", "gpuType", "retryCount", "jobEnvs", "extras"),
        }
        assert "location" not in answer.headers
    assert "submit" not in cluster.calls
    assert (await gateway.guest.get("/jobs")).json() == []
    assert (await submitted(gateway, "two")).status_code == 202
    wrong = told(await gateway.admin.call("POST", "/user/admin/jobs?dryRun=1", job()))
    assert wrong.message.startswith("dryRun: ")


async def test_what_can_never_run_is_queued_where_the_site_wants_that(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> None:
    cluster.refused = WaitingReason(WaitingCode.LARGER_THAN_ANY_NODE, "The largest has 1 CPU.")
    folder = tmp_path_factory.mktemp("queue")
    async with served(folder, cluster, server=", accept-unsatisfiable: true") as gateway:
        assert (await submitted(gateway)).status_code == 202


# -------------------------------------------------------------------------------- every answer


async def test_every_answer_carries_an_id(gateway: Gateway) -> None:
    for method, path in (
        *(("GET", "/jobs"), ("GET", "/nothing"), ("GET", "/user/%zz/jobs"), ("POST", "/token")),
        *(("OPTIONS", "/jobs"), ("HEAD", "/jobs"), ("GET", "//healthz"), ("GET", "//webhdfs/v1/")),
    ):
        own = await gateway.guest.call(method, path, headers={"X-Request-ID": "a.B_c-1"})
        assert own.headers["x-request-id"] == "a.B_c-1"
        made = await gateway.guest.call(method, path)
        assert re.fullmatch("[A-Za-z0-9._-]{1,128}", made.headers["x-request-id"])
    longest = await gateway.guest.call("GET", "/jobs", headers={"X-Request-ID": "x" * 128})
    assert longest.headers["x-request-id"] == "x" * 128
    for bad in ("x" * 129, "a b", "a/b", ""):
        answer = await gateway.guest.call("GET", "/jobs", headers={"X-Request-ID": bad})
        assert answer.headers["x-request-id"] != bad


async def test_without_the_additions_lists_are_whole(gateway: Gateway) -> None:
    for name in ("one", "two"):
        await gateway.admin.good("POST", "/user/admin/jobs", job(name))

    items = cast("list[dict[str, Any]]", (await gateway.guest.get("/jobs")).json())
    assert [each["name"] for each in items] == ["two", "one"]


# --------------------------------------------------------------------------------------- logs

LOG = "/user/alice/jobs/one/tasks/main/0/logs"


async def logging(gateway: Gateway, cluster: Cluster) -> Caller:
    alice = await gateway.user("alice")
    await alice.good("POST", "/user/alice/jobs", job())
    cluster.output = {LogStream.STDOUT: b"0123456789", LogStream.STDERR: b"errors"}
    return alice


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ("0123456789", "0", "10")),
        ("?stream=stderr", ("errors", "0", "6")),
        ("?offset=4", ("456789", "4", "10")),
        ("?offset=4&limit=2", ("45", "4", "10")),
        ("?limit=3", ("012", "0", "10")),
        ("?tail=3", ("789", "7", "10")),
        ("?tail=30", ("0123456789", "0", "10")),
        ("?attempt=1&follow=true", ("0123456789", "0", "10")),
    ],
)
async def test_a_range_of_a_log_is_plain_text(
    gateway: Gateway, cluster: Cluster, query: str, expected: tuple[str, str, str]
) -> None:
    alice = await logging(gateway, cluster)

    for path in (LOG, LOG.replace("/user/alice/jobs/one", "/jobs/alice~one")):
        answer = await alice.get(f"{path}{query}")
        place = (answer.headers["x-log-start"], answer.headers["x-log-size"])
        assert (answer.status_code, (answer.text, *place)) == (200, expected)
        assert answer.headers["content-type"].startswith("text/plain")
    asked = "1 True" if "follow" in query else "None False"
    assert cluster.done[-1] == ("log", asked)


async def test_a_log_is_its_owners_unless_the_site_shows_it_to_all(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    guest = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")
    other = "User bob is not allowed to read the logs of job one."
    for setting, shown_to_guests, shown_to_others in (
        ("", False, False),
        (", anonymous-logs: true", True, True),
        (", anonymous-logs: true, anonymous-read: false", False, True),
    ):
        cluster = Cluster()
        async with served(tmp_path_factory.mktemp("logs"), cluster, server=setting) as gateway:
            alice = await logging(gateway, cluster)
            bob = await gateway.user("bob")

            assert (await alice.get(LOG)).text == "0123456789"
            assert (await gateway.admin.get(LOG)).text == "0123456789"
            if shown_to_guests:
                assert (await gateway.guest.get(LOG)).text == "0123456789"
            else:
                assert told(await gateway.guest.get(LOG)) == guest
            if shown_to_others:
                assert (await bob.get(LOG)).text == "0123456789"
            else:
                assert told(await bob.get(LOG)) == Told(403, "ForbiddenUserError", other)


# ---------------------------------------------------------------------------------- section 6


async def test_the_index_is_the_references_in_every_spelling(gateway: Gateway) -> None:
    for path in ("//api/v1", "//api/v1/", "//rest-server/api/v1", "//rest-server/api/v1/"):
        for accept in ("*/*", "text/html", ""):
            answer = await gateway.guest.get(path, Accept=accept)
            assert (answer.status_code, answer.text) == (200, "<pre>PAI RESTful API</pre>")
        answer = await gateway.guest.get(path, Accept="application/json")
        assert answer.json().keys() == {"name", "version", "links"}
        for link in answer.json()["links"].values():
            assert (await gateway.guest.get(f"/{link}")).status_code == 200


async def test_the_process_is_healthy_and_not_ready_while_the_scheduler_is_down(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.fail(message="connect to rm.example.org failed")

    assert (await gateway.guest.get("//healthz")).status_code == 200
    answer = await gateway.guest.get("//readyz")
    document = answer.json()
    assert answer.status_code == 503
    down = [each for each in document["backends"] if not each["up"]]
    assert [(each["name"], "why" in each) for each in down] == [("scheduling.double", False)]
    assert "rm.example.org" not in answer.text
    told_all = (await gateway.admin.get("//readyz")).json()
    whys = [each.get("why") for each in told_all["backends"] if not each["up"]]
    assert whys == ["connect to rm.example.org failed"]
    assert (await gateway.guest.get("/info")).status_code == 200


async def test_a_client_learns_the_capabilities_and_no_secret(gateway: Gateway) -> None:
    document = (await gateway.guest.get("/info")).json()

    assert document["scheduling"] == {"name": "double", "capabilities": ["legacy", "ssh"]}
    assert document["limits"]["bodyBytes"] == 1024 * 1024
    assert "secret" not in str(document)


async def test_plugins_are_told_to_administrators(gateway: Gateway) -> None:
    document = cast("list[dict[str, Any]]", await gateway.admin.good("GET", "/plugins"))

    chosen = {(each["seam"], each["name"]) for each in document if each["state"] == "chosen"}
    assert chosen >= {("auth", "local"), ("scheduling", "double"), ("storage", "local")}
