"""What the launcher's manual says and no transcript shows: gangs, capacity, versions, faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from jobyard.testing.launcher import (
    Canned,
    ClusterOptions,
    ContainerOrder,
    LauncherDouble,
    LauncherOptions,
    Play,
)
from tests.core.testing.launcher.frameworks import (
    Caller,
    all_in,
    descriptor,
    is_over,
    role,
    tasks_of,
)

FOR_EVER = 10_000.0


def script(order: ContainerOrder) -> Play:
    """Read what a task does off its command: ``run`` runs for ever, a number is its exit code."""
    if order.entry_point == "run":
        return Play(FOR_EVER)
    return Play(0, int(order.entry_point))


@asynccontextmanager
async def calling(options: LauncherOptions | None = None) -> AsyncIterator[Caller]:
    async with (
        LauncherDouble(options or LauncherOptions(interval=0.005), script=script) as double,
        httpx.AsyncClient(base_url=double.url, timeout=30) as client,
    ):
        yield Caller(double, client)


async def test_a_gang_gets_its_places_together_or_waits() -> None:
    cluster = ClusterOptions(gpus=2, hosts=("127.0.0.1", "127.0.0.2"))
    async with calling(LauncherOptions(cluster=cluster, interval=0.005)) as caller:
        gpu = {"resource": {"gpuNumber": 2}}
        await caller.put("alice~first", descriptor(worker=role("run", 1, **gpu)))
        await caller.until("alice~first", all_in("CONTAINER_RUNNING"))

        await caller.put("alice~gang", descriptor(worker=role("run", 2, **gpu)))
        await caller.until("alice~gang", all_in("CONTAINER_REQUESTED", 2))
        await caller.put("alice~small", descriptor(worker=role("0", 1, **gpu)))
        await caller.ended("alice~small")
        waiting = await caller.status("alice~gang")
        assert all_in("CONTAINER_REQUESTED", 2)(waiting)

        await caller.execute("alice~first", "STOP")
        status = await caller.until("alice~gang", all_in("CONTAINER_RUNNING", 2))
        assert {task["containerIp"] for task in tasks_of(status)} == {"127.0.0.1", "127.0.0.2"}
        assert {task["containerGpus"] for task in tasks_of(status)} == {3}


async def test_a_gang_that_waits_too_long_is_a_conflict_and_comes_again() -> None:
    options = LauncherOptions(
        cluster=ClusterOptions(gpus=0), interval=0.005, gang_timeout=0.05, conflict_delay=0.01
    )
    async with calling(options) as caller:
        body = descriptor(worker=role("run", resource={"gpuNumber": 1}))
        await caller.put("alice~once", body)
        status = (await caller.ended("alice~once"))["frameworkStatus"]
        assert status["applicationExitCode"] == -7252
        assert status["applicationExitType"] == "TRANSIENT_CONFLICT"

        fancy = {**body, "retryPolicy": {"fancyRetryPolicy": True, "maxRetryCount": 0}}
        await caller.put("alice~again", fancy)
        counts = "frameworkRetryPolicyState"
        status = await caller.until(
            "alice~again",
            lambda each: each["frameworkStatus"][counts]["transientConflictRetriedCount"] > 1,
        )
        assert status["frameworkStatus"][counts]["retriedCount"] == 0


async def test_places_are_given_back() -> None:
    options = LauncherOptions(cluster=ClusterOptions(gpus=1), interval=0.005)
    async with calling(options) as caller:
        for number in range(3):
            body = descriptor(worker=role("0", resource={"gpuNumber": 1}))
            await caller.put(f"alice~{number}", body)
            await caller.ended(f"alice~{number}")


async def test_ports_are_those_asked_for_and_nobody_elses() -> None:
    async with calling() as caller:
        fixed = {"portDefinitions": {"http": {"start": 23456, "count": 2}}}
        await caller.put("alice~ports", descriptor(worker=role("run", resource=fixed)))
        status = await caller.until("alice~ports", all_in("CONTAINER_RUNNING"))
        assert tasks_of(status)[0]["containerPorts"] == "http:23456,23457;"

        await caller.put("alice~same", descriptor(worker=role("0", resource=fixed)))
        await caller.until("alice~same", all_in("CONTAINER_REQUESTED"))
        await caller.execute("alice~ports", "STOP")
        assert (await caller.ended("alice~same"))["frameworkStatus"]["applicationExitCode"] == 0


async def test_another_version_is_another_run_and_the_same_one_is_none() -> None:
    async with calling() as caller:
        await caller.put("alice~v", descriptor(version=7, worker=role("run")))
        first = await caller.until("alice~v", all_in("CONTAINER_RUNNING"))
        application = first["frameworkStatus"]["applicationId"]

        await caller.put("alice~v", descriptor(version=7, worker=role("run", 2)))
        scaled = await caller.until("alice~v", all_in("CONTAINER_RUNNING", 2))
        assert scaled["frameworkStatus"]["applicationId"] == application

        await caller.put("alice~v", descriptor(version=3, worker=role("0")))
        ended = (await caller.ended("alice~v"))["frameworkStatus"]
        assert ended["frameworkVersion"] == 3
        assert ended["applicationId"] != application


async def test_transient_ends_are_repeated_uncounted_and_the_users_as_often_as_allowed() -> None:
    fancy = {"fancyRetryPolicy": True, "maxRetryCount": 1}
    async with calling() as caller:
        await caller.put("alice~user", {**descriptor(worker=role("1")), "retryPolicy": fancy})
        counts = (await caller.ended("alice~user"))["frameworkStatus"]["frameworkRetryPolicyState"]
        assert (counts["retriedCount"], counts["unKnownRetriedCount"]) == (1, 1)

        await caller.put("alice~node", {**descriptor(worker=role("193")), "retryPolicy": fancy})
        status = await caller.until(
            "alice~node",
            lambda each: (
                each["frameworkStatus"]["frameworkRetryPolicyState"]["transientNormalRetriedCount"]
                > 2
            ),
        )
        assert not is_over(status)
        assert status["frameworkStatus"]["frameworkRetryPolicyState"]["retriedCount"] == 0


async def test_too_many_tasks_in_all_are_refused() -> None:
    async with calling(LauncherOptions(interval=0.005, most_tasks=3)) as caller:
        assert (await caller.put("alice~a", descriptor(worker=role("run", 2)))).status_code == 202
        assert (await caller.put("alice~b", descriptor(worker=role("run", 2)))).status_code == 429


async def test_a_status_can_be_absent_at_first() -> None:
    async with calling(LauncherOptions(interval=0.005, status_delay=FOR_EVER)) as caller:
        await caller.put("alice~late", descriptor(worker=role("0")))

        whole = (await caller.client.get("/v1/Frameworks/alice~late")).json()
        assert whole["aggregatedFrameworkStatus"] is None
        assert whole["summarizedFrameworkInfo"]["frameworkState"] == "FRAMEWORK_WAITING"
        part = await caller.client.get("/v1/Frameworks/alice~late/FrameworkStatus")
        assert part.status_code == 404


async def test_answers_can_be_made_up_before_and_after_the_deed() -> None:
    async with calling() as caller:
        faults = caller.double.faults
        faults.refuse("^PUT /v1/Frameworks/", 503, times=1)
        refused = await caller.put("alice~x", descriptor(worker=role("run")))
        assert refused.status_code == 503
        assert refused.json()["exception"] == "MadeUp"
        assert (await caller.client.get("/v1/Frameworks/alice~x")).status_code == 404

        faults.canned.append(Canned("^PUT ", 500, b"garbage", times=1, afterwards=True))
        answer = await caller.put("alice~x", descriptor(worker=role("run")))
        assert (answer.status_code, answer.content) == (500, b"garbage")
        assert (await caller.client.get("/v1/Frameworks/alice~x")).status_code == 200
        assert faults.requests.count("PUT /v1/Frameworks/alice~x") == 2

        faults.latency = 0.01
        faults.refuse("", 429)
        assert (await caller.client.get("/v1/Frameworks")).status_code == 429
        faults.clear()
        assert (await caller.client.get("/v1/Frameworks")).status_code == 200


async def test_an_application_can_be_killed_behind_the_launchers_back() -> None:
    async with calling() as caller:
        await caller.put("alice~k", descriptor(worker=role("run")))
        await caller.until("alice~k", all_in("CONTAINER_RUNNING"))
        caller.double.kill_application("alice~k")
        assert (await caller.ended("alice~k"))["frameworkStatus"]["applicationExitCode"] == -7303


async def test_a_list_can_be_made_long() -> None:
    async with calling() as caller:
        caller.double.add_ended(15_000)
        await caller.put("alice~one", descriptor(worker=role("0")))
        answer = (await caller.client.get("/v1/Frameworks?UserName=alice")).json()
        infos = answer["summarizedFrameworkInfos"]

        assert len(infos) == 15_001
        assert {each["applicationExitCode"] for each in infos[:-1]} == {0, 1}
        status = await caller.status("alice~job000001")
        assert status["frameworkStatus"]["frameworkState"] == "FRAMEWORK_COMPLETED"
