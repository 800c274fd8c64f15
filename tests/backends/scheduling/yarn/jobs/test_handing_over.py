"""A submission is looked for, its files are written, and it is put: once, or not at all."""

from __future__ import annotations

import json

import anyio
import pytest
from attrs import evolve

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, PortRequest, TaskRole
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.scheduling import JobExists, NotSent, OutcomeUnknown, Presence, Refused
from jobyard.seams.storage import NotPermitted
from jobyard.testing.jobs import another, role
from tests.backends.scheduling.yarn.jobs.shelf import always, header, refused
from tests.backends.scheduling.yarn.jobs.world import World, job
from tests.backends.storage.hdfs.scripted import Said


def files(world: World) -> dict[str, bytes]:
    return {path: each for path, each in world.storage.files().items() if each is not None}


async def test_the_launcher_gets_the_descriptor_of_the_job(world: World) -> None:
    wanted = TaskRole(
        name="a.b~c",
        command="run",
        task_number=3,
        cpu_number=4,
        memory_mb=2048,
        gpu_number=2,
        ports=(PortRequest("web", 8080, 2),),
        min_failed_task_count=None,
        min_succeeded_task_count=2,
    )
    made = job(role("true"), wanted)
    made = evolve(made, config=evolve(made.config, retry_count=-2, gpu_type="K80"))
    await world.scheduler.submit(made)

    [put] = world.shelf.heard("PUT")
    body = json.loads(put.body)
    folder = f"/Container/conformance/{made.name}"
    assert put.path == f"/v1/Frameworks/{made.name}"
    assert header(put, "UserName") == "conformance"
    assert body["description"] == f"jobyard:{made.submission}"
    assert body["user"] == {"name": "conformance"}
    assert body["retryPolicy"] == {"fancyRetryPolicy": False, "maxRetryCount": -2}
    assert body["platformSpecificParameters"] == {
        "queue": "default",
        "taskNodeGpuType": "K80",
        "gangAllocation": True,
    }
    sent = body["taskRoles"]["a.b~c"]
    assert sent["taskNumber"] == 3
    assert sent["applicationCompletionPolicy"] == {
        "minFailedTaskCount": None,
        "minSucceededTaskCount": 2,
    }
    assert sent["taskService"]["entryPoint"] == "source YarnContainerScripts/1.sh"
    assert sent["taskService"]["sourceLocations"] == [f"{folder}/YarnContainerScripts"]
    assert sent["taskService"]["resource"] == {
        "cpuNumber": 4,
        "memoryMB": 2048,
        "gpuNumber": 2,
        "portDefinitions": {
            "web": {"start": 8080, "count": 2},
            "http": {"start": 0, "count": 1},
            "ssh": {"start": 0, "count": 1},
        },
    }


async def test_the_files_are_where_openpai_leaves_them(world: World) -> None:
    made = await world.submitted(role("first"), role("second", "other"))

    folder = f"/Container/conformance/{made.name}"
    written = files(world)
    assert set(written) == {
        f"{folder}/FrameworkDescription.json",
        f"{folder}/JobConfig.json",
        f"{folder}/YarnContainerScripts/0.sh",
        f"{folder}/YarnContainerScripts/1.sh",
        f"{folder}/ssh/keyFiles/{made.name}",
        f"{folder}/ssh/keyFiles/{made.name}.pub",
    }
    assert written[f"{folder}/JobConfig.json"] == made.document
    assert written[f"{folder}/ssh/keyFiles/{made.name}"] == b"secret"
    assert {f"{folder}/log", f"{folder}/tmp"} <= set(world.storage.files())
    key = await world.storage.stat(
        f"{folder}/ssh/keyFiles/{made.name}", as_user=Actor(made.submitter)
    )
    assert (key.owner, key.mode) == ("conformance", 0o600)


async def test_everything_is_written_before_the_job_is_put(world: World) -> None:
    seen: list[set[str]] = []

    def look(heard: object) -> Said | None:
        if getattr(heard, "method", "") == "PUT":
            seen.append({path.rpartition("/")[2] for path in files(world)})
        return None

    world.shelf.rules.append(look)
    await world.submitted()

    assert len(seen) == 1
    assert {"FrameworkDescription.json", "JobConfig.json", "0.sh"} <= seen[0]


async def test_what_is_there_already_is_not_put_again(world: World) -> None:
    made = await world.submitted()
    await world.scheduler.submit(made)

    assert len(world.shelf.heard("PUT")) == 1


async def test_a_name_that_another_has_is_refused_and_left_alone(world: World) -> None:
    made = job()
    world.shelf.add(str(made.name), "conformance")
    with pytest.raises(JobExists):
        await world.scheduler.submit(made)

    assert world.shelf.heard("PUT") == []
    assert files(world) == {}


async def test_of_submissions_of_one_name_at_once_one_is_taken(world: World) -> None:
    made = job()
    taken: list[str] = []

    async def submit(each: object) -> None:
        try:
            await world.scheduler.submit(each)  # type: ignore[arg-type]
        except JobExists:
            return
        taken.append("taken")

    async with anyio.create_task_group() as group:
        for each in [made, *(another(made) for _ in range(7))]:
            group.start_soon(submit, each)

    assert taken == ["taken"]
    assert len(world.shelf.heard("PUT")) == 1


@pytest.mark.parametrize(("name", "status"), [("nowhere", 400), ("stopped", 403)])
async def test_a_virtual_cluster_that_takes_no_jobs_refuses(
    world: World, name: str, status: int
) -> None:
    made = job()
    made = evolve(made, config=evolve(made.config, virtual_cluster=name))
    with pytest.raises(Refused) as caught:
        await world.scheduler.submit(made)

    assert caught.value.status == status
    assert world.shelf.heard("PUT") == []


async def test_a_resource_manager_that_is_down_refuses_nothing(world: World) -> None:
    world.queues.down = True
    made = await world.submitted()

    assert await world.scheduler.find_submission(made.ref) is Presence.OURS


async def test_many_submissions_look_at_the_virtual_clusters_once(world: World) -> None:
    for _ in range(5):
        await world.submitted()

    assert world.queues.looks == 1


REFUSALS = [
    (refused(429, "ThrottledRequestException", "Too many tasks", retry_after="7"), 429, 7.0),
    (refused(503, "ServiceNotAvailableException", "ZooKeeper"), 503, None),
    (refused(400, "BadRequestException", "taskRoles: may not be empty"), 400, None),
    (refused(401, "NotAuthenticatedException", "who are you"), None, None),
    (refused(403, "AuthorizationException", "User [x] may not"), None, None),
]


@pytest.mark.parametrize(("said", "status", "after"), REFUSALS)
async def test_what_the_launcher_refuses_leaves_nothing(
    world: World, said: Said, status: int | None, after: float | None
) -> None:
    made = job()
    world.shelf.rules.append(always(str(made.name), said, method="PUT"))
    with pytest.raises(Refused) as caught:
        await world.scheduler.submit(made)

    assert (caught.value.status, caught.value.retry_after) == (status, after)
    assert "\n" not in caught.value.message
    assert "Exception" not in caught.value.message
    assert files(world) == {}
    assert len(world.shelf.heard("PUT")) == 1


UNPATCHED = [
    ("GpuNumber is large than zero, but local hadoop library", 400, "gpuNumber"),
    ("PortDefinitions is not empty, but local hadoop library", None, "ports: gateway"),
]


@pytest.mark.parametrize(("message", "status", "told"), UNPATCHED)
async def test_what_an_unpatched_hadoop_lacks_is_said_to_who_can_help(
    world: World, message: str, status: int | None, told: str
) -> None:
    said = refused(400, "BadRequestException", message)
    world.shelf.rules.append(lambda heard: said if heard.method == "PUT" else None)
    with pytest.raises(Refused, match=told) as caught:
        await world.scheduler.submit(job())

    assert caught.value.status == status


async def test_a_server_error_leaves_open_whether_it_arrived(world: World) -> None:
    world.shelf.rules.append(lambda heard: Said(502) if heard.method == "PUT" else None)
    with pytest.raises(OutcomeUnknown):
        await world.scheduler.submit(job())

    assert files(world) != {}


async def test_a_look_that_fails_has_handed_nothing_over(world: World) -> None:
    for said in (Said(502), Said(200, b"garbage"), Said(404, b"<html>a proxy's</html>")):
        world.shelf.rules[:] = [always("FrameworkRequest", said)]
        with pytest.raises(NotSent):
            await world.scheduler.submit(job())

    assert world.shelf.heard("PUT") == []


async def test_a_storage_that_is_down_is_not_the_launchers_fault(world: World) -> None:
    world.storage.down = True
    with pytest.raises(NotSent) as caught:
        await world.scheduler.submit(job())

    assert caught.value.elsewhere
    assert world.shelf.heard("PUT") == []


async def test_a_folder_that_cannot_be_written_is_told_of(world: World) -> None:
    world.storage.fail_next(NotPermitted("/Container is root's"))
    with pytest.raises(Refused, match="files of the job cannot be written: /Container is root's"):
        await world.scheduler.submit(job())

    assert world.shelf.heard("PUT") == []


@pytest.mark.parametrize("fails", range(1, 6))
async def test_any_file_that_cannot_be_written_keeps_the_job_from_the_launcher(
    world: World, fails: int
) -> None:
    count = 0
    write = world.storage.write

    async def failing(*given: object, **named: object) -> None:
        nonlocal count
        count += 1
        if count == fails:
            raise Unavailable("gone")
        await write(*given, **named)  # type: ignore[arg-type]

    world.storage.write = failing  # type: ignore[method-assign]
    with pytest.raises(NotSent):
        await world.scheduler.submit(job())

    assert world.shelf.heard("PUT") == []
    assert files(world) == {}


async def test_a_submission_without_an_id_is_nobodys(world: World) -> None:
    made = await world.submitted()
    unknown = evolve(made.ref, submission=None)

    assert await world.scheduler.find_submission(unknown) is Presence.OTHER


async def test_a_name_of_dots_is_no_job(world: World) -> None:
    for name in (".", ".."):
        with pytest.raises(NotFound):
            await world.scheduler.job(FrameworkName(None, name))
