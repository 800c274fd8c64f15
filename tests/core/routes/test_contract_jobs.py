"""Section 4 of the contract, on a cluster that has what only some clusters have."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, cast

import anyio
import httpx
import pytest
from attrs import evolve

from jobyard.clock import SystemClock
from jobyard.domain.job import FrameworkName
from jobyard.domain.states import FrameworkState, TaskState
from jobyard.domain.status import (
    AttemptExit,
    ExitType,
    JobStatus,
    JobSummary,
    RetryCounts,
    SshContainer,
    TaskPorts,
    TaskRoleStatus,
    TaskStatus,
    WaitingCode,
    WaitingReason,
)
from jobyard.errors import Conflict, NotFound, NotSupported, Rejected, Unavailable
from tests.core.routes.contract_cluster import DOWN, Cluster, job, served
from tests.databases import HandClock
from tests.gateways import ADDRESS, Caller, Gateway, Told, told

OLD = FrameworkName(None, "old")
LEGACY = JobSummary(OLD, None, "alice", created_at=1_000, virtual_cluster="default")
ITEM = {
    *("name", "username", "state", "subState", "executionType", "retries", "retryDetails"),
    *("createdTime", "completedTime", "appExitCode", "virtualCluster", "totalGpuNumber"),
    *("totalTaskNumber", "totalTaskRoleNumber"),
}
STATUS = {
    *("name", "username", "virtualCluster", "state", "subState", "createdTime", "completedTime"),
    *("executionType", "retries", "retryDetails", "appId", "appProgress", "appTrackingUrl"),
    *("appLaunchedTime", "appCompletedTime", "appExitCode", "appExitSpec", "appExitDiagnostics"),
    *("appExitMessages", "appExitTriggerMessage", "appExitTriggerTaskRoleName"),
    *("appExitTriggerTaskIndex", "appExitType", "waitingReason"),
}
TASK = {
    *("taskIndex", "taskState", "containerId", "containerIp", "containerPorts", "containerGpus"),
    *("containerLog", "containerExitCode"),
}
BROKEN = (
    "[PAI_RUNTIME_ERROR_START]!!bool maybe[PAI_RUNTIME_ERROR_END]",
    "[PAI_RUNTIME_ERROR_START]" + "[" * 300 + "]" * 300 + "[PAI_RUNTIME_ERROR_END]",
    "[PAI_RUNTIME_ERROR_START]a: \ud800[PAI_RUNTIME_ERROR_END]",
    "[PAI_RUNTIME_ERROR_START]",
    "\0\ud800 ExitCodeException exitCode=",
)


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
    async with served(tmp_path_factory.mktemp("jobs"), cluster, clock=clock) as gateway:
        yield gateway


@pytest.fixture
async def alice(gateway: Gateway) -> Caller:
    return await gateway.user("alice")


@pytest.fixture
async def bob(gateway: Gateway) -> Caller:
    return await gateway.user("bob")


async def listed(gateway: Gateway, path: str = "/jobs") -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", (await gateway.guest.get(path)).json())


async def detail(gateway: Gateway, path: str) -> dict[str, Any]:
    answer = await gateway.guest.get(path)
    assert answer.status_code == 200, answer.text
    return cast("dict[str, Any]", answer.json())


# ------------------------------------------------------------------------------- legacy jobs


async def test_a_legacy_job_is_listed_as_one(gateway: Gateway, cluster: Cluster) -> None:
    cluster.holds(LEGACY)

    for path in ("/jobs", "/jobs?username=alice", "/user/alice/jobs"):
        (item,) = await listed(gateway, path)
        assert item.keys() == {*ITEM, "legacy"}
        assert (item["name"], item["username"], item["legacy"]) == ("old", "alice", True)
    assert await listed(gateway, "/user/bob/jobs") == []


async def test_a_legacy_job_is_read_stopped_and_deleted_by_its_submitter(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    cluster.holds(LEGACY)

    shown = await detail(gateway, "/jobs/old")
    assert (shown["name"], shown["jobStatus"]["username"]) == ("old", "alice")
    stopped = await alice.call("PUT", "/jobs/old/executionType", {"value": "STOP"})
    assert stopped.status_code == 200
    assert stopped.json() == {"message": "execute job old successfully"}
    assert (await detail(gateway, "/jobs/old"))["jobStatus"]["executionType"] == "STOP"
    deleted = await alice.call("DELETE", "/jobs/old")
    assert deleted.status_code == 202
    assert deleted.json() == {"message": "deleted job old successfully"}
    assert cluster.done == [("stop", "old"), ("delete", "old")]
    gone = Told(404, "NoJobError", "Job old is not found.")
    assert told(await gateway.guest.get("/jobs/old")) == gone
    assert told(await alice.call("DELETE", "/jobs/old")) == gone


async def test_a_later_legacy_job_of_a_deleted_ones_name_is_seen(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    cluster.holds(LEGACY)
    await alice.good("DELETE", "/jobs/old")
    cluster.holds(LEGACY)  # a launcher may still list for a while what is going
    assert await listed(gateway) == []
    assert told(await gateway.guest.get("/jobs/old")).status == 404

    cluster.holds(evolve(LEGACY, created_at=2_000))
    assert [each["createdTime"] for each in await listed(gateway)] == [2_000]
    assert (await detail(gateway, "/jobs/old"))["jobStatus"]["createdTime"] == 2_000


async def test_a_legacy_job_is_nobody_elses(
    gateway: Gateway, cluster: Cluster, bob: Caller
) -> None:
    cluster.holds(LEGACY)

    answer = await bob.call("PUT", "/jobs/old/executionType", {"value": "STOP"})
    message = "User bob is not allowed to execute job old."
    assert told(answer) == Told(403, "ForbiddenUserError", message)
    answer = await bob.call("DELETE", "/jobs/old")
    message = "User bob is not allowed to remove job old."
    assert told(answer) == Told(403, "ForbiddenUserError", message)
    assert (await gateway.admin.call("DELETE", "/jobs/old")).status_code == 202


async def test_a_legacy_job_has_neither_configuration_nor_ssh(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.holds(LEGACY)

    answer = told(await gateway.guest.get("/jobs/old/config"))
    assert answer == Told(404, "NoJobConfigError", "Config of job old is not found.")
    answer = told(await gateway.guest.get("/jobs/old/ssh"))
    assert answer == Told(404, "NoJobSshInfoError", "SSH info of job old is not found.")


async def test_a_legacy_job_that_the_launcher_protects_is_forbidden(
    cluster: Cluster, alice: Caller
) -> None:
    cluster.holds(LEGACY)
    cluster.always["stop"] = lambda: Rejected("webServer.aclEnable forbids it.", status=403)

    answer = told(await alice.call("PUT", "/jobs/old/executionType", {"value": "STOP"}))
    assert answer == Told(403, "ForbiddenUserError", "webServer.aclEnable forbids it.")


async def test_where_there_are_no_legacy_jobs_their_names_are_nobodys(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> None:
    cluster.holds(LEGACY)
    folder = tmp_path_factory.mktemp("new")
    gone = Told(404, "NoJobError", "Job old is not found.")
    async with served(folder, cluster, capabilities=()) as gateway:
        for suffix in ("", "/config", "/ssh", "/tasks/main/0/logs"):
            assert told(await gateway.admin.get(f"/jobs/old{suffix}")) == gone
        stop = await gateway.admin.call("PUT", "/jobs/old/executionType", {"value": "STOP"})
        assert told(stop) == gone
        assert told(await gateway.admin.call("DELETE", "/jobs/old")) == gone


async def test_a_name_with_its_namespace_works_on_every_route_but_creation(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    await alice.good("POST", "/user/alice/jobs", job())
    cluster.containers[FrameworkName("alice", "one")] = [SshContainer("c0", "192.0.2.1", 22022)]

    for suffix in ("", "/config", "/ssh"):
        full = await gateway.guest.get(f"/jobs/alice~one{suffix}")
        usual = await gateway.guest.get(f"/user/alice/jobs/one{suffix}")
        assert (full.status_code, full.json()) == (200, usual.json())
    logs = await alice.get("/jobs/alice~one/tasks/main/0/logs")
    message = "Log of task main/0 is not found."
    assert told(logs) == Told(404, "NoTaskLogError", message)
    stopped = await alice.call("PUT", "/jobs/alice~one/executionType", {"value": "STOP"})
    assert stopped.json() == {"message": "execute job alice~one successfully"}
    deleted = await alice.call("DELETE", "/jobs/alice~one")
    assert (deleted.status_code, deleted.json()) == (
        202,
        {"message": "deleted job alice~one successfully"},
    )
    answer = told(await gateway.guest.get("/jobs/alice~one"))
    assert answer == Told(404, "NoJobError", "Job alice~one is not found.")


# ------------------------------------------------------------------ namespaces and submitters


async def test_lists_select_and_permission_follows_the_submitter(
    gateway: Gateway, cluster: Cluster, alice: Caller, bob: Caller
) -> None:
    cluster.holds(JobSummary(FrameworkName("alice", "lent"), None, "bob"))

    assert await listed(gateway, "/user/alice/jobs") == []
    (item,) = await listed(gateway, "/user/bob/jobs")
    assert (item["name"], item["username"], item["namespace"]) == ("lent", "bob", "alice")
    path = "/user/alice/jobs/lent"
    answer = told(await alice.call("PUT", f"{path}/executionType", {"value": "STOP"}))
    message = "User alice is not allowed to execute job lent."
    assert answer == Told(403, "ForbiddenUserError", message)
    answer = told(await alice.call("DELETE", path))
    message = "User alice is not allowed to remove job lent."
    assert answer == Told(403, "ForbiddenUserError", message)
    assert (await bob.call("DELETE", path)).status_code == 202


async def test_lists_are_newest_first_and_then_by_name(gateway: Gateway, cluster: Cluster) -> None:
    names = [("b", "x", 5), ("a", "y", 5), ("a", "z", 9), ("c", "w", None)]
    cluster.holds(
        *(
            JobSummary(FrameworkName(user, name), None, user, created_at=at)
            for user, name, at in names
        )
    )

    assert [each["name"] for each in await listed(gateway)] == ["z", "y", "x", "w"]


# ------------------------------------------------------------------------------- the document


async def test_a_job_that_only_the_cluster_knows_has_no_configuration(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.holds(JobSummary(FrameworkName("alice", "foreign"), None, "alice"))

    for path in ("/user/alice/jobs/foreign", "/jobs/alice~foreign"):
        shown = path.rpartition("/")[2]
        answer = told(await gateway.guest.get(f"{path}/config"))
        message = f"Config of job {shown} is not found."
        assert answer == Told(404, "NoJobConfigError", message)


async def test_a_configuration_is_read_while_the_scheduler_is_down(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    await alice.good("POST", "/user/alice/jobs", job())
    cluster.fail()

    answer = await gateway.guest.get("/user/alice/jobs/one/config")
    assert answer.json() == job()


@pytest.mark.parametrize(
    "accept", ["application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"]
)
async def test_a_configuration_is_yaml_for_those_who_prefer_it(
    gateway: Gateway, alice: Caller, accept: str
) -> None:
    await alice.good("POST", "/user/alice/jobs", job())
    path = "/user/alice/jobs/one/config"

    preferred = await gateway.guest.get(path, Accept=f"{accept}, application/json;q=0.5")
    assert preferred.headers["content-type"].startswith("text/yaml")
    other = await gateway.guest.get(path, Accept=f"application/json, {accept};q=0.5")
    assert other.json() == job()


async def test_a_put_that_names_its_own_job_is_accepted_and_a_form_too(alice: Caller) -> None:
    answer = await alice.call("PUT", "/user/alice/jobs/one", job("one"))
    assert (answer.status_code, answer.headers["location"]) == (
        202,
        f"{ADDRESS}/api/v1/user/alice/jobs/one",
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("", ADDRESS),
        (", trusted-proxies: [198.51.100.0/24]", ADDRESS),
        (", trusted-proxies: [192.0.2.0/24]", "https://jobs.example.org"),
        (", public-url: 'https://pai.example.org/'", "https://pai.example.org"),
    ],
)
async def test_addresses_are_a_proxys_word_only_where_it_is_trusted(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, setting: str, expected: str
) -> None:
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "jobs.example.org, inner"}
    async with served(tmp_path_factory.mktemp("proxy"), cluster, server=setting) as gateway:
        answer = await gateway.admin.call("POST", "/user/admin/jobs", job(), headers=headers)
        assert answer.headers["location"] == f"{expected}/api/v1/user/admin/jobs/one"

        cluster.containers[FrameworkName("admin", "one")] = [SshContainer("c", "192.0.2.1", 22)]
        path = "/user/admin/jobs/one/ssh"
        ssh = (await gateway.admin.call("GET", path, headers=headers)).json()
        link = ssh["keyPair"]["privateKeyDirectDownloadLink"]
        assert link.startswith(f"{expected}/api/v1{path}/key?token=")


@pytest.mark.parametrize("host", ["evil.example.org/x", "a b", "<x>", "", "x@y"])
async def test_a_host_that_is_none_is_in_no_address(
    gateway: Gateway, alice: Caller, host: str
) -> None:
    answer = await alice.call("POST", "/user/alice/jobs", job(), headers={"Host": host})

    assert answer.headers["location"] == f"{ADDRESS}/api/v1/user/alice/jobs/one"


# ----------------------------------------------------------------------------------- the rows


@pytest.mark.parametrize(
    "error", [NotSupported, Unavailable, NotFound, Conflict, Rejected, RuntimeError]
)
async def test_into_default_jobs_are_taken_while_the_scheduler_cannot_be_asked(
    gateway: Gateway, cluster: Cluster, alice: Caller, error: type[Exception]
) -> None:
    for call in ("quotas", "refusal"):
        cluster.always[call] = lambda: error("Not now.")
    for virtual_cluster in ("", "default"):
        name = f"in{virtual_cluster}"
        document = job(name, virtualCluster=virtual_cluster)
        assert (await alice.call("POST", "/user/alice/jobs", document)).status_code == 202

    answer = told(await alice.call("POST", "/user/alice/jobs", job("x", virtualCluster="vc1")))
    assert (answer.status, answer.code) == (500, "UnknownError")
    assert answer.message == "Not now." or error is RuntimeError
    assert {each["name"] for each in await listed(gateway)} == {"in", "indefault"}


async def test_checks_that_never_answer_leave_time_for_the_submission(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> None:
    cluster.gates = {call: anyio.Event() for call in ("quotas", "refusal")}
    folder = tmp_path_factory.mktemp("slow")
    async with served(folder, cluster, server=", upstream-timeout: 2") as gateway:
        answer = await gateway.admin.call("POST", "/user/admin/jobs", job())

    assert (answer.status_code, cluster.calls["submit"]) == (202, 1)


async def test_a_submission_that_nobody_takes_leaves_nothing(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    cluster.fail(message=DOWN)

    answer = await alice.call("POST", "/user/alice/jobs", job())
    assert told(answer).message == DOWN
    assert answer.headers["retry-after"]


async def test_the_owner_of_a_job_is_not_the_administrator_who_changes_it(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    await alice.good("POST", "/user/alice/jobs", job())
    path = "/user/alice/jobs/one"

    stop = await gateway.admin.call("PUT", f"{path}/executionType", {"value": "STOP"})
    assert stop.json() == {"message": "execute job one successfully"}
    assert (await detail(gateway, path))["jobStatus"]["username"] == "alice"
    again = await alice.call("PUT", f"{path}/executionType", {"value": "START"})
    assert again.status_code == 200
    assert (await detail(gateway, path))["jobStatus"]["executionType"] == "START"


# ------------------------------------------------------------------------------------ details


def ended(name: str = "one", code: int = 1, **exit_: Any) -> JobStatus:
    summary = JobSummary(
        FrameworkName("alice", name),
        None,
        "alice",
        framework_state=FrameworkState.FRAMEWORK_COMPLETED,
        exit_code=code,
        retries=RetryCounts(1, 2, 3),
        created_at=1_000,
        completed_at=9_000,
    )
    return JobStatus(summary, exit=AttemptExit(**exit_))


async def test_every_field_is_there_and_null_where_nothing_is_known(
    gateway: Gateway, cluster: Cluster
) -> None:
    task = TaskStatus(0, container_state=None)
    bare = JobStatus(
        JobSummary(FrameworkName("alice", "bare"), None, None),
        task_roles=(TaskRoleStatus("main", (task,)),),
    )
    cluster.shows(bare)

    (item,) = await listed(gateway)
    assert item.keys() == {*ITEM, "namespace"}
    shown = await detail(gateway, "/user/alice/jobs/bare")
    assert shown.keys() == {"name", "jobStatus", "taskRoles"}
    assert shown["jobStatus"].keys() == STATUS
    assert shown["jobStatus"]["appId"] is None
    assert shown["jobStatus"]["retryDetails"] == {"user": 0, "platform": 0, "resource": 0}
    assert shown["taskRoles"]["main"]["taskRoleStatus"] == {"name": "main"}
    (only,) = shown["taskRoles"]["main"]["taskStatuses"]
    assert only.keys() == TASK
    assert (only["taskState"], only["containerPorts"]) == ("UNKNOWN", {})


async def test_ports_are_texts_and_gpus_a_mask(gateway: Gateway, cluster: Cluster) -> None:
    task = TaskStatus(
        3,
        container_state=TaskState.CONTAINER_LAUNCHED,
        ports=(TaskPorts("http", (8001, 8002)), TaskPorts("ssh", (22022,))),
        gpus=5,
        log_url="http://node:8042/logs",
    )
    status = evolve(ended(), task_roles=(TaskRoleStatus("main", (task,)),))
    cluster.shows(status)

    shown = (await detail(gateway, "/user/alice/jobs/one"))["taskRoles"]["main"]["taskStatuses"]
    assert shown == [
        {
            "taskIndex": 3,
            "taskState": "WAITING",
            "containerId": None,
            "containerIp": None,
            "containerPorts": {"http": "8001,8002", "ssh": "22022"},
            "containerGpus": 5,
            "containerLog": "http://node:8042/logs",
            "containerExitCode": None,
        }
    ]


@pytest.mark.parametrize(
    ("framework", "code", "state"),
    [
        *((each, None, "WAITING") for each in ("FRAMEWORK_WAITING", "APPLICATION_COMPLETED")),
        ("APPLICATION_RUNNING", None, "RUNNING"),
        ("FRAMEWORK_COMPLETED", 0, "SUCCEEDED"),
        ("FRAMEWORK_COMPLETED", -7351, "STOPPED"),
        ("FRAMEWORK_COMPLETED", 7, "FAILED"),
        (None, None, "UNKNOWN"),
    ],
)
async def test_lists_and_details_tell_the_same_state(
    gateway: Gateway, cluster: Cluster, framework: str | None, code: int | None, state: str
) -> None:
    known = None if framework is None else FrameworkState(framework)
    status = ended()
    summary = evolve(status.summary, framework_state=known, exit_code=code)
    cluster.shows(evolve(status, summary=summary))

    (item,) = await listed(gateway)
    shown = (await detail(gateway, "/user/alice/jobs/one"))["jobStatus"]
    for each in (item, shown):
        assert (each["state"], each["subState"], each["appExitCode"]) == (state, framework, code)
        assert (each["retries"], each["retryDetails"]["resource"]) == (6, 3)


async def test_the_three_messages_and_the_explanation_of_an_end(
    gateway: Gateway, cluster: Cluster
) -> None:
    diagnostics = (
        "[ExitStatus]: LAUNCHER_EXIT_STATUS_UNDEFINED\n"
        "ExitCodeException exitCode=1: no such image\n at org.apache.hadoop.util.Shell.runCommand"
        "\n[PAI_RUNTIME_ERROR_START]\nexitcode: 250\nname: x\n[PAI_RUNTIME_ERROR_END]\n"
    )
    cluster.shows(
        ended(
            code=-7300,
            diagnostics=diagnostics,
            exit_type=ExitType.UNKNOWN,
            trigger_message="task main-0",
            trigger_role="main",
            trigger_index=0,
        )
    )

    status = (await detail(gateway, "/user/alice/jobs/one"))["jobStatus"]
    assert status["appExitMessages"] == {
        "container": "no such image",
        "runtime": {"exitcode": 250, "name": "x"},
        "launcher": "[ExitStatus]: LAUNCHER_EXIT_STATUS_UNDEFINED",
    }
    assert status["appExitDiagnostics"] == diagnostics
    assert status["appExitSpec"].keys() == {
        *("code", "phrase", "issuer", "causer", "type", "stage", "behavior", "reaction"),
        *("reason", "repro", "solution"),
    }
    assert status["appExitSpec"]["code"] == -7300
    assert (status["appExitTriggerMessage"], status["appExitType"]) == ("task main-0", "UNKNOWN")
    assert (status["appExitTriggerTaskRoleName"], status["appExitTriggerTaskIndex"]) == ("main", 0)


async def test_an_end_that_nobody_explains_has_no_explanation(
    gateway: Gateway, cluster: Cluster
) -> None:
    cluster.shows(ended(code=-7999))

    assert (await detail(gateway, "/user/alice/jobs/one"))["jobStatus"]["appExitSpec"] is None


@pytest.mark.parametrize("diagnostics", BROKEN, ids=range(len(BROKEN)))
async def test_broken_diagnostics_keep_no_job_from_being_read_stopped_or_deleted(
    gateway: Gateway, cluster: Cluster, alice: Caller, diagnostics: str
) -> None:
    cluster.shows(ended(diagnostics=diagnostics, trigger_message=diagnostics))
    path = "/user/alice/jobs/one"

    assert (await detail(gateway, path))["jobStatus"]["state"] == "FAILED"
    stop = await alice.call("PUT", f"{path}/executionType", {"value": "STOP"})
    assert stop.status_code == 200
    assert (await alice.call("DELETE", path)).status_code == 202


async def test_an_older_attempt_can_be_asked_for(gateway: Gateway, cluster: Cluster) -> None:
    first = evolve(ended(code=1), app_id="application_1", attempt=0)
    last = evolve(ended(code=0), app_id="application_2", attempt=1)
    cluster.shows(first, last)
    path = "/user/alice/jobs/one"

    for query, app in (("", "2"), ("?attempt=1", "2"), ("?attempt=0", "1")):
        status = (await detail(gateway, f"{path}{query}"))["jobStatus"]
        assert status["appId"] == f"application_{app}"
    answer = told(await gateway.guest.get(f"{path}?attempt=2"))
    assert answer == Told(404, "NoJobError", "Job one is not found.")
    for bad in ("-1", "x", "1.0", "", "99999999999999"):
        answer = told(await gateway.guest.get(f"{path}?attempt={bad}"))
        assert (answer.status, answer.code) == (400, "InvalidParametersError")
        assert answer.message.startswith("attempt: ")


async def test_a_waiting_job_says_why_and_no_other_does(gateway: Gateway, cluster: Cluster) -> None:
    waiting = WaitingReason(WaitingCode.NO_CAPACITY, "No node has room.", 4)
    status = ended()
    summary = evolve(status.summary, framework_state=FrameworkState.FRAMEWORK_WAITING)
    cluster.shows(evolve(status, summary=summary, waiting=waiting))
    path = "/user/alice/jobs/one"

    shown = (await detail(gateway, path))["jobStatus"]["waitingReason"]
    assert shown == {"code": "NoCapacity", "message": "No node has room.", "queuePosition": 4}
    cluster.shows(evolve(status, waiting=waiting))
    assert (await detail(gateway, path))["jobStatus"]["waitingReason"] is None


# ---------------------------------------------------------------------------------------- ssh


async def reachable(cluster: Cluster, alice: Caller) -> str:
    await alice.good("POST", "/user/alice/jobs", job())
    cluster.containers[FrameworkName("alice", "one")] = [
        SshContainer("container_1", "192.0.2.1", 22022),
        SshContainer("container_2", "192.0.2.2", 22023),
    ]
    return "/user/alice/jobs/one/ssh"


async def test_daemons_are_told_to_all_and_the_key_to_owner_and_administrators(
    gateway: Gateway, cluster: Cluster, alice: Caller, bob: Caller
) -> None:
    path = await reachable(cluster, alice)

    answers = {
        caller: cast("dict[str, Any]", (await caller.get(path)).json())
        for caller in (gateway.guest, bob, alice, gateway.admin)
    }
    for caller, shown in answers.items():
        assert shown["containers"] == [
            {"id": "container_1", "sshIp": "192.0.2.1", "sshPort": "22022"},
            {"id": "container_2", "sshIp": "192.0.2.2", "sshPort": "22023"},
        ]
        pair = shown["keyPair"]
        assert pair.keys() == {
            *("folderPath", "publicKeyFileName", "privateKeyFileName"),
            "privateKeyDirectDownloadLink",
        }
        assert pair["folderPath"].startswith("/Container/alice/alice~one")
        assert (pair["publicKeyFileName"], pair["privateKeyFileName"]) == (
            "alice~one.pub",
            "alice~one",
        )
        link = pair["privateKeyDirectDownloadLink"]
        if caller in (alice, gateway.admin):
            assert re.fullmatch(rf"{ADDRESS}/api/v1{path}/key\?token=[A-Za-z0-9._-]+", link)
        else:
            assert link is None


async def link_of(caller: Caller, path: str) -> httpx.URL:
    shown = cast("dict[str, Any]", await caller.good("GET", path))
    return httpx.URL(shown["keyPair"]["privateKeyDirectDownloadLink"])


async def test_the_link_gives_the_key_for_300_seconds_and_to_nobody_without_it(
    gateway: Gateway, cluster: Cluster, clock: HandClock, alice: Caller
) -> None:
    path = await reachable(cluster, alice)
    link = await link_of(alice, path)

    fetched = await gateway.http.get(link)
    assert fetched.status_code == 200
    assert fetched.headers["content-type"] == "application/octet-stream"
    assert fetched.content.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----")

    token = link.params["token"]
    for forged in ("", "x", token[:-2], f"{token}x", token.swapcase()):
        answer = told(await gateway.http.get(link.copy_set_param("token", forged)))
        assert (answer.status, answer.code) == (403, "ForbiddenUserError")
    bare = told(await gateway.http.get(link.copy_remove_param("token")))
    assert (bare.status, bare.code) == (403, "ForbiddenUserError")
    await alice.good("POST", "/user/alice/jobs", job("two"))
    other = told(await gateway.guest.get(f"/user/alice/jobs/two/ssh/key?token={token}"))
    assert (other.status, other.code) == (403, "ForbiddenUserError")
    user_token = told(await gateway.guest.get(f"{path}/key?token={alice.token}"))
    assert (user_token.status, user_token.code) == (403, "ForbiddenUserError")

    clock.seconds += 299
    assert (await gateway.http.get(link)).status_code == 200
    clock.seconds += 2
    answer = told(await gateway.http.get(link))
    assert (answer.status, answer.code) == (403, "ForbiddenUserError")


async def test_the_link_of_a_namesake_is_another(
    gateway: Gateway, cluster: Cluster, alice: Caller
) -> None:
    path = await reachable(cluster, alice)
    link = await link_of(alice, path)
    await alice.good("DELETE", "/user/alice/jobs/one")
    assert told(await gateway.http.get(link)).status == 403
    await alice.good("POST", "/user/alice/jobs", job())

    answer = told(await gateway.http.get(link))
    assert (answer.status, answer.code) == (403, "ForbiddenUserError")


async def test_a_job_without_daemons_has_no_ssh(gateway: Gateway, alice: Caller) -> None:
    await alice.good("POST", "/user/alice/jobs", job())

    answer = told(await gateway.guest.get("/jobs/alice~one/ssh"))
    assert answer == Told(404, "NoJobSshInfoError", "SSH info of job alice~one is not found.")
