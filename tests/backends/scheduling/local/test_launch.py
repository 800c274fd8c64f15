"""What a task finds when its command starts."""

from __future__ import annotations

from jobyard.domain.environment import GangPlacement, TaskPlace, task_environment
from jobyard.domain.job import PortRequest
from jobyard.domain.states import JobState
from jobyard.domain.status import ExitType, RetryCounts

from .world import (
    FS_URI,
    World,
    ended,
    role,
    variables,
)


async def test_a_gang_of_two_roles_and_forty_tasks_sees_all_of_itself(world: World) -> None:
    command = 'env | grep -c "^PAI_HOST_IP_"'
    job = world.job(role(command, "ps", task_number=8), role(command, "worker", task_number=32))
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job, within=40)

    assert status.summary.state is JobState.SUCCEEDED
    assert {world.output(job, "worker", index) for index in range(32)} == {"40\n"}
    numbers = [
        number
        for each in status.task_roles
        for task in each.tasks
        for port in task.ports
        for number in port.numbers
    ]
    assert len(set(numbers)) == len(numbers) == 80


async def test_the_environment_is_the_contracts(world: World) -> None:
    asked = role("env", "w", gpu_number=2, ports=(PortRequest("data", 0, 3),))
    job = world.job(asked, job_envs={"MINE": "a b$c"})
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    seen = variables(world.output(job, "w"))
    task = status.task_roles[0].tasks[0]
    data = next(port.numbers for port in task.ports if port.label == "data")
    assert seen["PAI_PORT_LIST_w_0_data"] == ",".join(map(str, data))
    assert data == tuple(range(data[0], data[0] + 3))
    assert seen["PAI_HOST_IP_w_0"] == "127.0.0.1"
    assert seen["PAI_CONTAINER_ID"] == task.container_id
    assert seen["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert task.gpus == 0b11
    assert seen["MINE"] == "a b$c"
    assert seen["PAI_STORAGE_TOKEN"] == "token-of-alice"
    assert FS_URI in seen["PAI_OUTPUT_DIR"]


async def test_every_variable_arrives_as_it_was_made_whatever_its_name(world: World) -> None:
    odd = role("tr '\\0' '\\n' < /proc/$$/environ", "w.x~1", task_number=2)
    job = world.job(odd, job_envs={"MINE": "\t a=b $c", "FLAG": True})
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    tasks = status.task_roles[0].tasks
    gang = GangPlacement(
        {("w.x~1", task.index): TaskPlace("127.0.0.1", task.ports) for task in tasks},
        status.app_id or "",
    )
    wanted = task_environment(job, gang, "w.x~1", 1, tasks[1].container_id or "")
    seen = variables(world.output(job, "w.x~1", 1))
    assert wanted.items() <= seen.items()
    rest = {name for name in seen if name.startswith("PAI_")} - set(wanted)
    assert rest == {"PAI_STORAGE_TOKEN"}


async def test_the_code_folder_is_in_place_for_every_task(world: World) -> None:
    world.storage.files = {"/code/mine/run.sh": b"echo ran\n", "/code/mine/lib/x": b"1"}
    job = world.job(
        role("bash mine/run.sh; cat mine/lib/x; rm -r mine", task_number=2),
        code_dir=f"{FS_URI}/code/mine",
    )
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.SUCCEEDED
    assert [world.output(job, index=index) for index in (0, 1)] == ["ran\n1"] * 2
    assert world.storage.asked_as == {"alice"}


async def test_a_missing_code_folder_fails_the_job_and_says_so(world: World) -> None:
    job = world.job(code_dir=f"{FS_URI}/nowhere", retry_count=3)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.exit_code == -7251
    assert status.summary.retries == RetryCounts()
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert "nowhere does not exist" in (status.exit.diagnostics or "")


async def test_a_registry_login_that_cannot_be_read_fails_the_job_and_says_so(world: World) -> None:
    world.storage.files = {"/login": b"registry.example.org\nalice\n"}
    job = world.job(role("true"), auth_file=f"{FS_URI}/login", retry_count=3)
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.exit_code == -7251
    assert status.summary.retries == RetryCounts()
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert f"authFile {FS_URI}/login has to have three lines" in (status.exit.diagnostics or "")


async def test_a_good_registry_login_is_read_as_the_submitter_and_told_to_no_task(
    world: World,
) -> None:
    world.storage.files = {"/login": b"registry.example.org\nalice\nhunter2\n"}
    job = world.job(role("env; grep -r hunter2 .. && exit 1; true"), auth_file="/login")
    async with world.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job)

    assert status.summary.state is JobState.SUCCEEDED
    assert "hunter2" not in world.output(job)
    assert world.storage.asked_as == {"alice"}
