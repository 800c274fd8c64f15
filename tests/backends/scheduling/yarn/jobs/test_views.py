"""What the launcher shows, in the seam's words: whole, sparse, or strange."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import FrameworkName
from jobyard.domain.states import ExecutionType, FrameworkState, JobState, TaskState
from jobyard.domain.status import (
    ExitType,
    JobStatus,
    RetryCounts,
    TaskPorts,
    WaitingCode,
)
from jobyard_backends.scheduling.yarn import fitness, views
from jobyard_backends.scheduling.yarn.launcher import Fields
from tests.backends.scheduling.yarn.jobs.shelf import FIRST, Framework, task

ID = "01936a2e-9d3c-7abc-8def-0123456789ab"


def framework(**more: Any) -> Framework:
    descriptor = {
        "version": 10,
        "description": f"jobyard:{ID}",
        "user": {"name": "alice"},
        "taskRoles": {
            "worker": {"taskNumber": 2, "taskService": {"resource": {"gpuNumber": 1}}},
            "ps": {"taskNumber": 1, "taskService": {"resource": {}}},
        },
        "platformSpecificParameters": {"queue": "vc1"},
    }
    return Framework("alice~job", descriptor, FIRST, **more)


def status_of(one: Framework) -> JobStatus:
    said = Fields.of(one.whole())
    return views.status(said, views.summary(said.inner("summarizedFrameworkInfo")))


def test_a_summary_is_read() -> None:
    one = framework(execution_type="STOP")
    one.end(-7351, "NON_TRANSIENT")
    one.retries |= {"unKnownRetriedCount": 1, "transientNormalRetriedCount": 2}
    one.retries |= {"transientConflictRetriedCount": 3, "succeededRetriedCount": 4}
    job = views.summary(Fields(one.summary()))

    assert job.name == FrameworkName("alice", "job")
    assert (job.submission, job.username, job.virtual_cluster) == (ID, "alice", "vc1")
    assert job.execution_type is ExecutionType.STOP
    assert (job.state, job.exit_code, job.completed_at) == (JobState.STOPPED, -7351, FIRST + 9000)
    assert job.retries == RetryCounts(user=5, platform=2, resource=3)
    assert (job.total_roles, job.total_tasks, job.total_gpus) == (2, 3, 2)


def test_a_job_of_ours_was_created_when_it_was_reserved() -> None:
    job = views.summary(Fields(framework().summary()))

    assert job.created_at == int(ID.replace("-", "")[:12], 16)


@pytest.mark.parametrize(
    "description", [None, "", "jobyard:", f"x jobyard:{ID}", f"jobyard:{ID} ", "jobyard:legacy"]
)
def test_a_job_of_others_has_no_submission(description: str | None) -> None:
    one = framework()
    one.descriptor["description"] = description
    job = views.summary(Fields(one.summary()))

    assert (job.submission, job.created_at) == (None, FIRST)


def test_what_is_missing_is_not_known() -> None:
    job = views.summary(Fields({"frameworkName": "old", "userName": "", "queue": None}))

    assert job.name == FrameworkName(None, "old")
    assert (job.username, job.virtual_cluster, job.created_at, job.total_tasks) == (None,) * 4
    assert (job.framework_state, job.state) == (None, JobState.UNKNOWN)


def test_a_state_that_is_not_known_is_unknown() -> None:
    one = framework(state="FRAMEWORK_DREAMING", execution_type="PAUSE")
    job = views.summary(Fields(one.summary()))

    assert (job.state, job.execution_type) == (JobState.UNKNOWN, ExecutionType.START)


def test_tasks_are_in_the_descriptors_order_and_there_before_the_launcher_shows_them() -> None:
    status = status_of(framework())

    assert [(role.name, [each.index for each in role.tasks]) for role in status.task_roles] == [
        ("worker", [0, 1]),
        ("ps", [0]),
    ]
    assert {each.state for role in status.task_roles for each in role.tasks} == {JobState.WAITING}


def test_a_running_task_is_read() -> None:
    one = framework()
    one.run()
    one.tasks["worker"].reverse()
    [first, second] = status_of(one).task_roles[0].tasks

    assert (first.index, second.index) == (0, 1)
    assert first.container_state is TaskState.CONTAINER_RUNNING
    assert (first.container_id, first.container_ip) == ("container_worker_0", "10.0.0.7")
    assert first.ports == (TaskPorts("http", (2000,)), TaskPorts("ssh", (2001,)))
    assert first.gpus == 3
    assert first.log_url == "http://node:8042/node/containerlogs/container_worker_0/alice/"


def test_what_the_gateway_leased_fills_in_where_the_launcher_gives_no_ports() -> None:
    one = framework()
    one.tasks["ps"] = [task("ps", 0, "c", containerPorts="")]
    said = Fields.of(one.whole())
    ports = {("ps", 0): (TaskPorts("http", (20000,)),)}
    status = views.status(said, views.summary(said.inner("summarizedFrameworkInfo")), ports)

    assert status.task_roles[1].tasks[0].ports == ports["ps", 0]


def test_an_end_is_told_with_what_triggered_it() -> None:
    message = "FailedTaskCount 1 has reached MinFailedTaskCount 1 in TaskRole [worker]"
    one = framework(
        more={
            "applicationExitDiagnostics": "boom",
            "applicationExitTriggerMessage": message,
            "applicationExitTriggerTaskRoleName": "worker",
            "applicationExitTriggerTaskIndex": 1,
            "applicationProgress": 0.5,
            "applicationTrackingUrl": "http://rm/proxy/1",
            "applicationLaunchedTimestamp": FIRST + 1,
            "applicationCompletedTimestamp": FIRST + 2,
        }
    )
    one.run("application_1_0007")
    one.end(3, "UNKNOWN")
    one.retries["unKnownRetriedCount"] = 2
    status = status_of(one)

    assert status.exit.exit_type is ExitType.UNKNOWN
    assert (status.exit.diagnostics, status.exit.trigger_message) == ("boom", message)
    assert (status.exit.trigger_role, status.exit.trigger_index) == ("worker", 1)
    assert (status.app_id, status.attempt, status.progress) == ("application_1_0007", 2, 0.5)
    assert (status.launched_at, status.app_completed_at) == (FIRST + 1, FIRST + 2)
    assert status.tracking_url == "http://rm/proxy/1"


def test_what_had_not_ended_when_the_job_did_was_stopped() -> None:
    one = framework()
    one.run()
    one.tasks["worker"][0] |= {"taskState": "TASK_COMPLETED", "containerExitCode": 0}
    one.tasks["ps"] = []
    one.end()
    roles = status_of(one).task_roles

    assert [each.exit_code for role in roles for each in role.tasks] == [0, -7400, -7400]
    assert {each.container_state for role in roles for each in role.tasks} == {
        TaskState.TASK_COMPLETED
    }


def test_an_attempt_whose_tasks_have_run_waits_no_more() -> None:
    one = framework(state="APPLICATION_WAITING")
    assert status_of(one).summary.state is JobState.WAITING
    one.run()
    one.state = "APPLICATION_WAITING"

    assert status_of(one).summary.framework_state is FrameworkState.APPLICATION_RUNNING


def test_a_status_that_is_absent_is_a_job_that_waits() -> None:
    whole = framework().whole()
    whole["aggregatedFrameworkStatus"] = None
    said = Fields.of(whole)
    status = views.status(said, views.summary(said.inner("summarizedFrameworkInfo")))

    assert status.summary.state is JobState.WAITING
    assert [len(role.tasks) for role in status.task_roles] == [2, 1]
    assert status.app_id is None


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        (None, ()),
        ("", ()),
        (";;", ()),
        ("http:80", (TaskPorts("http", (80,)),)),
        ("a.b~c:1,2,3;ssh:4;", (TaskPorts("a.b~c", (1, 2, 3)), TaskPorts("ssh", (4,)))),
        ("http:;ssh:x;:5;web:6,", (TaskPorts("web", (6,)),)),
    ],
)
def test_ports_are_read(text: str | None, ports: tuple[TaskPorts, ...]) -> None:
    assert views.read_ports(text) == ports


@given(st.text())
def test_whatever_is_in_the_place_of_ports_breaks_nothing(text: str) -> None:
    views.read_ports(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
PATHS = [
    (),
    ("summarizedFrameworkInfo",),
    ("summarizedFrameworkInfo", "frameworkRetryPolicyState"),
    ("summarizedFrameworkInfo", "firstRequestTimestamp"),
    ("aggregatedFrameworkRequest", "frameworkRequest", "frameworkDescriptor"),
    ("aggregatedFrameworkRequest", "frameworkRequest", "frameworkDescriptor", "taskRoles"),
    ("aggregatedFrameworkStatus",),
    ("aggregatedFrameworkStatus", "frameworkStatus"),
    ("aggregatedFrameworkStatus", "aggregatedTaskRoleStatuses", "worker"),
    ("aggregatedFrameworkStatus", "aggregatedTaskRoleStatuses", "worker", "taskStatuses"),
]


@given(st.sampled_from(PATHS), JSON)
def test_anything_at_all_in_any_place_can_be_read(path: tuple[str, ...], value: object) -> None:
    one = framework()
    one.run()
    whole: Any = {"whole": one.whole()}
    place, last = whole, "whole"
    for name in path:
        place, last = place[last], name
    place[last] = value
    said = Fields.of(whole["whole"])
    status = views.status(said, views.summary(said.inner("summarizedFrameworkInfo")))

    fitness.waiting(status)
    views.has_run(said)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("FRAMEWORK_WAITING", WaitingCode.STARTING),
        ("APPLICATION_CREATED", WaitingCode.STARTING),
        ("APPLICATION_LAUNCHED", WaitingCode.NO_CAPACITY),
        ("APPLICATION_WAITING", WaitingCode.NO_CAPACITY),
        ("APPLICATION_RETRIEVING_DIAGNOSTICS", WaitingCode.STARTING),
    ],
)
def test_a_waiting_job_says_why(state: str, code: WaitingCode) -> None:
    reason = fitness.waiting(status_of(framework(state=state)))

    assert reason is not None
    assert reason.code is code
    assert reason.message


@pytest.mark.parametrize("state", ["APPLICATION_RUNNING", "FRAMEWORK_COMPLETED", "NEW"])
def test_a_job_that_does_not_wait_has_no_reason(state: str) -> None:
    assert fitness.waiting(status_of(framework(state=state))) is None
