"""Answers: every field of the contract, always, and as the published schemas say."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it has no stubs

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import ExecutionType, FrameworkState, TaskState
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
from jobyard.domain.virtual_cluster import (
    ResourcesUsed,
    VirtualCluster,
    VirtualClusterShare,
    VirtualClusterState,
    VirtualClusterUsage,
)
from jobyard.wire import answer_schemas, answers
from jobyard.wire.schema import Schema

SUMMARY = JobSummary(
    name=FrameworkName("alice", "fit"),
    submission=None,
    username="alice",
    framework_state=FrameworkState.FRAMEWORK_COMPLETED,
    exit_code=0,
    retries=RetryCounts(1, 2, 3),
    created_at=1,
    completed_at=2,
    virtual_cluster="default",
    total_gpus=0,
    total_tasks=2,
    total_roles=1,
)


@attrs.frozen
class Messages:
    container: str | None = None
    runtime: object = None
    launcher: str | None = None


@attrs.frozen
class Spec:
    code: int = 1
    phrase: str = "p"
    issuer: str = "i"
    causer: str = "c"
    type: str = "t"
    stage: str = "s"
    behavior: str = "b"
    reaction: str = "r"
    reason: str = "r"
    repro: tuple[str, ...] = ("one",)
    solution: tuple[str, ...] = ("two",)


def sent(document: object) -> Any:
    return orjson.loads(orjson.dumps(document))


def conforms(cls: type, document: object) -> Any:
    plain = sent(document)
    schema: dict[str, Any] = Schema(cls).answer_schema()
    Draft202012Validator(schema).validate(plain)
    if "properties" in schema:
        assert set(plain) <= set(schema["properties"])
    return plain


def detail(status: JobStatus, spec: object = None, messages: object = None) -> Any:
    made: Any = answers.job_detail
    document = made(
        status,
        messages=messages or Messages(),
        spec=spec,
        log_link=lambda role, index: f"/logs/{role}/{index}",
    )
    return conforms(answer_schemas.JobDetail, document)


def test_an_item_has_every_field_of_the_contract() -> None:
    assert conforms(answer_schemas.JobItem, answers.job_item(SUMMARY)) == {
        "name": "fit",
        "username": "alice",
        "state": "SUCCEEDED",
        "subState": "FRAMEWORK_COMPLETED",
        "executionType": "START",
        "retries": 6,
        "retryDetails": {"user": 1, "platform": 2, "resource": 3},
        "createdTime": 1,
        "completedTime": 2,
        "appExitCode": 0,
        "virtualCluster": "default",
        "totalGpuNumber": 0,
        "totalTaskNumber": 2,
        "totalTaskRoleNumber": 1,
    }


def test_a_namespace_is_told_where_it_is_not_the_submitter() -> None:
    other = attrs.evolve(SUMMARY, username="bob")
    legacy = attrs.evolve(SUMMARY, name=FrameworkName(None, "fit"))

    assert conforms(answer_schemas.JobItem, answers.job_item(other))["namespace"] == "alice"
    item = conforms(answer_schemas.JobItem, answers.job_item(legacy))
    assert item["legacy"] is True
    assert "namespace" not in item


def test_what_is_not_known_is_null() -> None:
    sparse = JobSummary(FrameworkName("a", "b"), None, None, framework_state=None)
    item = conforms(answer_schemas.JobItem, answers.job_item(sparse))
    status = detail(JobStatus(sparse))["jobStatus"]

    assert item["state"] == status["state"] == "UNKNOWN"
    unknown = {"username", "subState", "createdTime", "completedTime", "appExitCode"}
    assert all(item[name] is None and status[name] is None for name in unknown)
    assert set(status) == FIELDS


FIELDS = {
    "name",
    "username",
    "virtualCluster",
    "state",
    "subState",
    "createdTime",
    "completedTime",
    "executionType",
    "retries",
    "retryDetails",
    "appId",
    "appProgress",
    "appTrackingUrl",
    "appLaunchedTime",
    "appCompletedTime",
    "appExitCode",
    "appExitSpec",
    "appExitDiagnostics",
    "appExitMessages",
    "appExitTriggerMessage",
    "appExitTriggerTaskRoleName",
    "appExitTriggerTaskIndex",
    "appExitType",
    "waitingReason",
}


def test_a_detail_tells_the_end_and_the_tasks() -> None:
    task = TaskStatus(
        index=1,
        container_state=TaskState.TASK_COMPLETED,
        container_id="c",
        container_ip="127.0.0.1",
        ports=(TaskPorts("http", (80,)), TaskPorts("web", (1, 2))),
        gpus=3,
        exit_code=0,
    )
    status = JobStatus(
        SUMMARY,
        app_id="local_1_0",
        progress=1.0,
        exit=AttemptExit(ExitType.SUCCEEDED, "said", "trigger", "worker", 1),
        task_roles=(TaskRoleStatus("worker", (task, attrs.evolve(task, log_url="http://log"))),),
        waiting=WaitingReason(WaitingCode.NO_CAPACITY, "wait"),
    )

    document = detail(status, Spec(), Messages("c", {"a": 1}, "l"))

    job = document["jobStatus"]
    assert document["name"] == "fit"
    assert job["appExitSpec"]["solution"] == ["two"]
    assert job["appExitMessages"] == {"container": "c", "runtime": {"a": 1}, "launcher": "l"}
    assert (job["appExitType"], job["appExitTriggerTaskIndex"]) == ("SUCCEEDED", 1)
    assert job["waitingReason"] is None, "it does not wait"
    role = document["taskRoles"]["worker"]
    assert role["taskRoleStatus"] == {"name": "worker"}
    assert role["taskStatuses"][0] == {
        "taskIndex": 1,
        "taskState": "SUCCEEDED",
        "containerId": "c",
        "containerIp": "127.0.0.1",
        "containerPorts": {"http": "80", "web": "1,2"},
        "containerGpus": 3,
        "containerLog": "/logs/worker/1",
        "containerExitCode": 0,
    }
    assert role["taskStatuses"][1]["containerLog"] == "http://log"


def test_a_waiting_job_says_why() -> None:
    waiting = attrs.evolve(SUMMARY, framework_state=FrameworkState.FRAMEWORK_WAITING)
    status = JobStatus(waiting, waiting=WaitingReason(WaitingCode.NO_CAPACITY, "wait", 2))

    assert detail(status)["jobStatus"]["waitingReason"] == {
        "code": "NoCapacity",
        "message": "wait",
        "queuePosition": 2,
    }


@pytest.mark.parametrize(
    ("capacity", "shown"), [(10.000002, 10), (9.99999, 10), (0.5, 1), (0, 0), (100.0, 100)]
)
def test_capacities_are_rounded_and_use_is_not(capacity: float, shown: int) -> None:
    cluster = VirtualCluster(
        VirtualClusterShare("vc1", capacity, capacity, VirtualClusterState.STOPPED),
        VirtualClusterUsage(12.25, 1, 2, ResourcesUsed(3, 4, 5)),
    )

    assert conforms(answer_schemas.VirtualCluster, answers.virtual_cluster(cluster)) == {
        "capacity": shown,
        "maxCapacity": shown,
        "usedCapacity": 12.25,
        "numActiveJobs": 1,
        "numJobs": 3,
        "numPendingJobs": 2,
        "resourcesUsed": {"memory": 3, "vCores": 4, "GPUs": 5},
        "state": "stopped",
        "status": "STOPPED",
    }


def test_a_users_admin_flag_is_a_text_and_a_tokens_is_not() -> None:
    user = answers.user("alice", admin=True, virtual_clusters=["vc1", "default"])
    token = answers.token("t", username="alice", admin=False)

    assert conforms(answer_schemas.User, user) == {
        "username": "alice",
        "admin": "true",
        "virtualCluster": "default,vc1",
        "hasGithubPAT": False,
    }
    assert conforms(answer_schemas.Token, token) == {
        "token": "t",
        "user": "alice",
        "admin": False,
        "hasGitHubPAT": False,
    }


def test_an_ssh_port_is_a_text() -> None:
    document = answers.ssh(
        [SshContainer("c", "127.0.0.1", 2222)], folder="/keys", name="alice~fit", link=None
    )

    assert conforms(answer_schemas.SshInfo, document) == {
        "containers": [{"id": "c", "sshIp": "127.0.0.1", "sshPort": "2222"}],
        "keyPair": {
            "folderPath": "/keys",
            "publicKeyFileName": "alice~fit.pub",
            "privateKeyFileName": "alice~fit",
            "privateKeyDirectDownloadLink": None,
        },
    }


times = st.none() | st.integers(0, 2**53)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
summaries = st.builds(
    JobSummary,
    name=st.builds(FrameworkName, st.none() | texts, texts),
    submission=st.none(),
    username=st.none() | texts,
    execution_type=st.sampled_from(ExecutionType),
    framework_state=st.none() | st.sampled_from(FrameworkState),
    exit_code=st.none() | st.integers(-9000, 300),
    created_at=times,
    completed_at=times,
    virtual_cluster=st.none() | texts,
    total_gpus=st.none() | st.integers(0, 9),
    total_tasks=st.none() | st.integers(0, 9),
    total_roles=st.none() | st.integers(0, 9),
)


@given(summaries)
def test_any_job_is_answered_as_published(summary: JobSummary) -> None:
    conforms(answer_schemas.JobItem, answers.job_item(summary))
    assert set(detail(JobStatus(summary))["jobStatus"]) == FIELDS
