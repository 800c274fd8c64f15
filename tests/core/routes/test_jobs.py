"""The rows of section 4 of the contract, on a gateway with the embedded backends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import yaml

from tests.gateways import ADDRESS, Caller, Gateway, Told, running, told

SLEEPS = "exec sleep 600"
GUEST = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")


def job(name: str = "one", command: str = "true", **changes: object) -> dict[str, Any]:
    role = {"name": "main", "command": command}
    return {"jobName": name, "image": "none", "taskRoles": [role], **changes}


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    configuration = """
rest-server: {default-pai-admin-password: secret of the admin}
scheduling: {local: {cpus: 4, cpu-overcommit: 1, memory-mb: 4000, gpus: 0, grace-seconds: 1}}
"""
    async with running(tmp_path_factory.mktemp("jobs"), configuration) as gateway:
        yield gateway
        for each in cast("list[dict[str, str]]", await gateway.admin.good("GET", "/jobs")):
            path = f"/user/{each['username']}/jobs/{each['name']}"
            await gateway.admin.good("DELETE", path)


@pytest.fixture(scope="module")
async def alice(gateway: Gateway) -> Caller:
    return await gateway.user("alice")


@pytest.fixture(scope="module")
async def bob(gateway: Gateway) -> Caller:
    return await gateway.user("bob")


@pytest.fixture(scope="module")
async def running_job(alice: Caller, gateway: Gateway) -> str:
    await alice.good("POST", "/user/alice/jobs", job("runs", SLEEPS))
    await gateway.state("alice", "runs", "RUNNING")
    return "runs"


# ------------------------------------------------------------------------------- submission


async def test_a_submission_is_accepted(alice: Caller) -> None:
    response = await alice.call("POST", "/user/alice/jobs", job("accepted"))

    assert response.status_code == 202
    assert response.json() == {"message": "update job accepted successfully"}
    assert response.headers["location"] == f"{ADDRESS}/api/v1/user/alice/jobs/accepted"


async def test_a_put_submits_under_the_name_of_its_path(alice: Caller) -> None:
    document = job("put")
    del document["jobName"]
    response = await alice.call("PUT", "/user/alice/jobs/put", document)

    assert response.status_code == 202
    assert response.json() == {"message": "update job put successfully"}
    assert response.headers["location"] == f"{ADDRESS}/api/v1/user/alice/jobs/put"


async def test_a_put_that_names_another_job_is_refused(alice: Caller) -> None:
    response = await alice.call("PUT", "/user/alice/jobs/this", job("other"))

    message = "jobName: 'other' is not the name in the path, 'this'"
    assert told(response) == Told(400, "InvalidParametersError", message)


async def test_a_form_is_a_submission_too(alice: Caller) -> None:
    form = {
        "jobName": "form",
        "image": "none",
        "taskRoles[0][name]": "main",
        "taskRoles[0][taskNumber]": "2",
        "taskRoles[0][command]": "true",
    }
    response = await alice.call("POST", "/user/alice/jobs", data=form)

    assert response.json() == {"message": "update job form successfully"}
    config = await alice.good("GET", "/user/alice/jobs/form/config")
    assert cast("dict[str, Any]", config)["jobName"] == "form"


async def test_the_location_is_made_from_the_host(alice: Caller) -> None:
    response = await alice.call(
        "POST", "/user/alice/jobs", job("hosted"), headers={"Host": "pai.example.org:8080"}
    )

    expected = "http://pai.example.org:8080/api/v1/user/alice/jobs/hosted"
    assert response.headers["location"] == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/user/alice/jobs"),
        ("PUT", "/user/alice/jobs/x"),
        ("PUT", "/user/alice/jobs/x/executionType"),
        ("PUT", "/jobs/alice~x/executionType"),
        ("DELETE", "/user/alice/jobs/x"),
        ("DELETE", "/jobs/alice~x"),
        ("GET", "/user/alice/jobs/x/tasks/main/0/logs"),
    ],
)
async def test_a_guest_is_refused_before_the_body_is_read(
    gateway: Gateway, method: str, path: str
) -> None:
    response = await gateway.guest.call(
        method, path, content=b"{no json", headers={"Content-Type": "application/json"}
    )
    assert told(response) == GUEST


async def test_every_failing_field_is_named_by_its_path(alice: Caller) -> None:
    document = job("bad name", taskRoles=[{"name": "a/b", "taskNumber": 0, "command": ""}])
    response = await alice.call("POST", "/user/alice/jobs", {**document, "wrong": 1})

    answer = told(response)
    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    for path in ("jobName", "taskRoles[0].name", "taskRoles[0].taskNumber"):
        assert f"{path}: " in answer.message
    assert "taskRoles[0].command: " in answer.message
    assert "wrong: " in answer.message


async def test_a_name_that_is_taken_conflicts(alice: Caller, running_job: str) -> None:
    response = await alice.call("POST", "/user/alice/jobs", job(running_job))

    assert told(response) == Told(409, "ConflictJobError", "Job name runs already exists.")


async def test_two_users_may_have_jobs_of_one_name(bob: Caller, running_job: str) -> None:
    response = await bob.call("POST", "/user/bob/jobs", job(running_job))

    assert response.status_code == 202


async def test_an_unknown_virtual_cluster_is_not_found(alice: Caller) -> None:
    response = await alice.call("POST", "/user/alice/jobs", job("vc", virtualCluster="vc9"))

    message = "Virtual cluster vc9 is not found."
    assert told(response) == Told(400, "NoVirtualClusterError", message)


async def test_a_virtual_cluster_that_was_not_granted_is_refused(
    gateway: Gateway, alice: Caller
) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc1", {"vcCapacity": 25})
    response = await alice.call("POST", "/user/alice/jobs", job("vc", virtualCluster="vc1"))

    message = "User alice is not allowed to add job to vc1"
    assert told(response) == Told(403, "ForbiddenUserError", message)


async def test_a_granted_one_runs_the_job_and_a_stopped_one_refuses_it(gateway: Gateway) -> None:
    await gateway.admin.good("PUT", "/virtual-clusters/vc2", {"vcCapacity": 25})
    carol = await gateway.user("carol", "vc2")
    await carol.good("POST", "/user/carol/jobs", job("vc", virtualCluster="vc2"))
    status = await gateway.state("carol", "vc", "SUCCEEDED")
    assert status["virtualCluster"] == "vc2"

    await gateway.admin.good("PUT", "/virtual-clusters/vc2/status", {"vcStatus": "stopped"})
    response = await carol.call("POST", "/user/carol/jobs", job("vc3", virtualCluster="vc2"))

    message = "Virtual cluster vc2 is stopped and accepts no new jobs."
    assert told(response) == Told(403, "ForbiddenUserError", message)


async def test_anothers_namespace_is_refused_to_administrators_too(
    gateway: Gateway, bob: Caller
) -> None:
    response = await bob.call("POST", "/user/alice/jobs", job("x"))
    message = "User bob is not allowed to add job for user alice"
    assert told(response) == Told(403, "ForbiddenUserError", message)

    response = await gateway.admin.call("POST", "/user/alice/jobs", job("x"))
    message = "User admin is not allowed to add job for user alice"
    assert told(response) == Told(403, "ForbiddenUserError", message)


async def test_a_legacy_job_cannot_be_created(alice: Caller) -> None:
    for method, path in (("POST", "/jobs"), ("PUT", "/jobs/x"), ("PUT", "/jobs/alice~x")):
        response = await alice.call(method, path, job("x"))
        message = f"API /api/v1{path} is not found."
        assert told(response) == Told(404, "NoApiError", message)


async def test_an_obsolete_field_is_warned_of(alice: Caller) -> None:
    document = job("obsolete", killAllOnCompletedTaskNumber=1)
    response = await alice.call("POST", "/user/alice/jobs", document)

    assert response.status_code == 202
    assert "killAllOnCompletedTaskNumber" in response.headers["x-warning"]


async def test_a_name_that_is_too_long_with_its_users_is_refused(alice: Caller) -> None:
    at_most = "x" * (251 - len("alice~"))
    good = await alice.call("POST", "/user/alice/jobs", job(at_most))
    bad = await alice.call("POST", "/user/alice/jobs", job(f"{at_most}x"))

    assert good.status_code == 202
    assert (bad.status_code, bad.json()["code"]) == (400, "InvalidParametersError")
    assert bad.json()["message"].startswith("jobName: ")
    assert "252" in bad.json()["message"]


@pytest.mark.parametrize(
    ("role", "what"),
    [({"memoryMB": 5000}, "5000 MB"), ({"cpuNumber": 5}, "5 CPUs"), ({"gpuNumber": 1}, "1 GPUs")],
)
async def test_what_no_node_can_hold_is_refused_with_the_largest(
    alice: Caller, role: dict[str, int], what: str
) -> None:
    document = job("huge", taskRoles=[{"name": "main", "command": "true", **role}])
    answer = told(await alice.call("POST", "/user/alice/jobs", document))

    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    assert what in answer.message
    assert "4 CPUs, 4000 MB of memory and 0 GPUs" in answer.message


# -------------------------------------------------------------------------- dry run and keys


async def test_a_dry_run_answers_the_defaults_and_leaves_nothing(
    gateway: Gateway, alice: Caller
) -> None:
    response = await alice.call("POST", "/user/alice/jobs?dryRun=true", job("dry"))

    assert response.status_code == 200
    document = response.json()
    assert document["virtualCluster"] == "default"
    assert document["outputDir"].endswith("/webhdfs/v1/Output/alice/dry")
    assert document["taskRoles"][0]["memoryMB"] == 100
    gone = await gateway.admin.call("GET", "/user/alice/jobs/dry")
    assert told(gone) == Told(404, "NoJobError", "Job dry is not found.")


async def test_a_dry_run_tells_the_errors_of_a_submission(alice: Caller, running_job: str) -> None:
    for document in (job(running_job), job("x", virtualCluster="vc9"), job("a b")):
        dry = await alice.call("POST", "/user/alice/jobs?dryRun=true", document)
        real = await alice.call("POST", "/user/alice/jobs", document)
        assert told(dry) == told(real)


async def test_a_key_makes_a_submission_repeatable(alice: Caller) -> None:
    key = {"Idempotency-Key": "once"}
    first = await alice.call("POST", "/user/alice/jobs", job("keyed"), headers=key)
    again = await alice.call("POST", "/user/alice/jobs", job("keyed"), headers=key)

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers["location"] == again.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_key_of_another_body_is_refused(alice: Caller) -> None:
    key = {"Idempotency-Key": "other"}
    await alice.call("POST", "/user/alice/jobs", job("key1"), headers=key)
    answer = told(await alice.call("POST", "/user/alice/jobs", job("key2"), headers=key))

    assert (answer.status, answer.code) == (422, "IdempotencyKeyError")


# ------------------------------------------------------------------------------ looking at it


@pytest.mark.parametrize("suffix", ["", "/config", "/ssh"])
async def test_an_unknown_job_is_not_found(gateway: Gateway, suffix: str) -> None:
    for path in ("/user/alice/jobs/none", "/jobs/alice~none"):
        shown = path.rpartition("/")[2]
        response = await gateway.guest.get(f"{path}{suffix}")
        assert told(response) == Told(404, "NoJobError", f"Job {shown} is not found.")


async def test_a_name_that_can_be_nobodys_is_not_found(gateway: Gateway) -> None:
    response = await gateway.guest.get("/user/alice/jobs/a%2Fb")
    assert told(response) == Told(404, "NoJobError", "Job a/b is not found.")

    response = await gateway.guest.get("/jobs/none")
    assert told(response) == Told(404, "NoJobError", "Job none is not found.")


async def test_a_user_name_out_of_its_pattern_is_invalid(gateway: Gateway) -> None:
    for path in ("/user/a.b/jobs", "/user/a.b/jobs/x", "/jobs?username=a.b", "/jobs/a.b~x"):
        answer = told(await gateway.guest.get(path))
        assert (answer.status, answer.code) == (400, "InvalidParametersError")
        assert answer.message.startswith("username: ")


async def test_a_query_parameter_given_twice_is_invalid(gateway: Gateway) -> None:
    answer = told(await gateway.guest.get("/jobs?username=alice&username=bob"))

    assert answer == Told(
        400, "InvalidParametersError", "username: is given more than once; once is expected"
    )


async def test_a_job_without_ssh_says_so(gateway: Gateway, running_job: str) -> None:
    response = await gateway.guest.get(f"/user/alice/jobs/{running_job}/ssh")

    message = "SSH info of job runs is not found."
    assert told(response) == Told(404, "NoJobSshInfoError", message)


async def test_the_configuration_is_what_was_sent(gateway: Gateway, running_job: str) -> None:
    path = f"/user/alice/jobs/{running_job}/config"
    response = await gateway.guest.get(path)
    text = await gateway.guest.get(path, Accept="application/yaml")

    assert response.json() == job("runs", SLEEPS)
    assert text.headers["content-type"].startswith("text/yaml")
    assert yaml.safe_load(text.text) == job("runs", SLEEPS)


async def test_the_detail_has_every_field(gateway: Gateway, running_job: str) -> None:
    document = cast("dict[str, Any]", await gateway.admin.good("GET", "/jobs/alice~runs"))
    status = document["jobStatus"]

    assert document["name"] == "runs"
    assert (status["username"], status["state"], status["subState"]) == (
        "alice",
        "RUNNING",
        "APPLICATION_RUNNING",
    )
    assert status["waitingReason"] is None
    assert status["appId"].startswith("local_")
    task = document["taskRoles"]["main"]["taskStatuses"][0]
    assert (task["taskIndex"], task["taskState"]) == (0, "RUNNING")
    assert set(task["containerPorts"]) == {"http", "ssh"}
    assert task["containerPorts"]["http"].isdecimal()
    log = f"{ADDRESS}/api/v1/user/alice/jobs/{running_job}/tasks/main/0/logs"
    assert task["containerLog"] == log


async def test_lists_select_by_submitter(gateway: Gateway, running_job: str) -> None:
    by_query = await gateway.guest.get("/jobs?username=alice")
    by_path = await gateway.guest.get("/user/alice/jobs")
    everybody = await gateway.guest.get("/jobs")
    nobody = await gateway.guest.get("/user/alice/jobs?username=bob")

    assert nobody.json() == []
    names = [each["name"] for each in by_path.json()]
    assert running_job in names
    assert by_query.json() == by_path.json()
    assert {each["username"] for each in by_path.json()} == {"alice"}
    assert set(names) <= {each["name"] for each in everybody.json()}
    times = [each["createdTime"] for each in everybody.json()]
    assert times == sorted(times, reverse=True)


async def test_a_list_that_has_not_changed_is_not_sent_again(
    gateway: Gateway, running_job: str
) -> None:
    path = f"/user/alice/jobs/{running_job}"
    first = await gateway.guest.get(path)
    again = await gateway.guest.get(path, If_None_Match=first.headers["etag"])

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


async def test_head_answers_the_head_of_get(gateway: Gateway, running_job: str) -> None:
    path = f"/user/alice/jobs/{running_job}/config"
    get, head = await gateway.guest.get(path), await gateway.guest.call("HEAD", path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


# -------------------------------------------------------------------- start, stop and delete


async def test_a_stop_is_final(gateway: Gateway, alice: Caller) -> None:
    await alice.good("POST", "/user/alice/jobs", job("stopped", SLEEPS))
    await gateway.state("alice", "stopped", "RUNNING")
    path = "/user/alice/jobs/stopped/executionType"

    response = await alice.call("PUT", path, {"value": "STOP"})
    assert response.status_code == 200
    assert response.json() == {"message": "execute job stopped successfully"}
    status = await gateway.state("alice", "stopped", "STOPPED")
    assert (status["appExitCode"], status["executionType"]) == (-7351, "STOP")

    response = await alice.call("PUT", path, {"value": "START"})
    assert response.json() == {"message": "execute job stopped successfully"}
    status = await gateway.state("alice", "stopped", "STOPPED")
    assert status["executionType"] == "START"


async def test_a_bad_execution_type_is_refused(alice: Caller, running_job: str) -> None:
    response = await alice.call(
        "PUT", f"/user/alice/jobs/{running_job}/executionType", {"value": "PAUSE"}
    )
    message = 'value: expected "START" or "STOP", got "PAUSE"'
    assert told(response) == Told(400, "InvalidParametersError", message)


async def test_anothers_job_is_neither_stopped_nor_removed(bob: Caller, running_job: str) -> None:
    stop = await bob.call("PUT", "/user/alice/jobs/runs/executionType", {"value": "STOP"})
    delete = await bob.call("DELETE", "/jobs/alice~runs")

    message = "User bob is not allowed to execute job runs."
    assert told(stop) == Told(403, "ForbiddenUserError", message)
    message = "User bob is not allowed to remove job alice~runs."
    assert told(delete) == Told(403, "ForbiddenUserError", message)


async def test_an_unknown_job_can_neither_be_stopped_nor_removed(alice: Caller) -> None:
    unknown = Told(404, "NoJobError", "Job none is not found.")
    path = "/user/alice/jobs/none"
    assert told(await alice.call("DELETE", path)) == unknown
    response = await alice.call("PUT", f"{path}/executionType", {"value": "STOP"})
    assert told(response) == unknown


async def test_a_deleted_job_is_gone_and_its_name_free_at_once(
    gateway: Gateway, alice: Caller
) -> None:
    await alice.good("POST", "/user/alice/jobs", job("again", SLEEPS))
    await gateway.state("alice", "again", "RUNNING")

    response = await alice.call("DELETE", "/user/alice/jobs/again")
    assert response.status_code == 202
    assert response.json() == {"message": "deleted job again successfully"}
    gone = await alice.get("/user/alice/jobs/again")
    assert told(gone) == Told(404, "NoJobError", "Job again is not found.")

    await alice.good("POST", "/user/alice/jobs", job("again"))
    assert (await gateway.state("alice", "again", "SUCCEEDED"))["appExitCode"] == 0


# -------------------------------------------------------------------------------------- logs


async def test_a_log_is_its_owners_and_the_administrators(
    gateway: Gateway, alice: Caller, bob: Caller
) -> None:
    await alice.good("POST", "/user/alice/jobs", job("speaks", "echo one; echo two >&2"))
    await gateway.state("alice", "speaks", "SUCCEEDED")
    path = "/user/alice/jobs/speaks/tasks/main/0/logs"

    assert (await alice.get(path)).text == "one\n"
    assert (await gateway.admin.get(f"{path}?stream=stderr")).text == "two\n"
    assert (await alice.get(f"{path}?offset=1&limit=2")).text == "ne"
    assert (await alice.get(f"{path}?tail=2")).text == "e\n"
    assert (await alice.get(f"{path}?follow=true")).text == "one\n"
    message = "User bob is not allowed to read the logs of job speaks."
    assert told(await bob.get(path)) == Told(403, "ForbiddenUserError", message)


@pytest.mark.parametrize("task", ["main/7", "other/0"])
async def test_a_task_that_is_not_there_has_no_log(
    alice: Caller, running_job: str, task: str
) -> None:
    response = await alice.get(f"/user/alice/jobs/{running_job}/tasks/{task}/logs")

    message = f"Log of task {task} is not found."
    assert told(response) == Told(404, "NoTaskLogError", message)


async def test_every_wrong_part_of_a_log_query_is_named(alice: Caller, running_job: str) -> None:
    query = "stream=both&offset=-1&follow=maybe"
    answer = told(await alice.get(f"/user/alice/jobs/{running_job}/tasks/main/0/logs?{query}"))

    assert answer.status == 400
    assert all(f"{name}: " in answer.message for name in ("stream", "offset", "follow"))
