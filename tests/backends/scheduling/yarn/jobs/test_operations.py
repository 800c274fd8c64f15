"""Starts, stops and deletes: final, once, and on behalf of whom the launcher lets."""

from __future__ import annotations

import logging

import pytest
from attrs import evolve

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef, JobSubmission
from jobyard.domain.states import ExecutionType, JobState
from jobyard.errors import NotFound, Rejected, Unavailable
from jobyard.seams.scheduling import Presence, Removal
from jobyard.testing.jobs import another, operation, role
from tests.backends.scheduling.yarn.jobs.shelf import Framework, always, header, refused
from tests.backends.scheduling.yarn.jobs.world import ALICE, World, job
from tests.backends.storage.hdfs.scripted import Heard, Said

ROOT = Actor("root", admin=True)


def framework(world: World, made: JobSubmission) -> Framework:
    return world.shelf[str(made.name)]


def sent(world: World) -> list[str]:
    """Give the execution types that the launcher was told."""
    told = [each for each in world.shelf.heard("PUT") if each.path.endswith("ExecutionType")]
    return [each.body.decode() for each in told]


async def shown(world: World, made: JobSubmission) -> tuple[JobState, ExecutionType, int | None]:
    summary = (await world.scheduler.job(made.name)).summary
    [listed] = [each for each in (await world.scheduler.jobs()).items if each.name == made.name]
    assert listed == summary
    return summary.state, summary.execution_type, summary.exit_code


async def test_a_waiting_job_is_stopped_at_once_and_stays_so(world: World) -> None:
    made = await world.submitted(role("true", tasks=2))
    await world.scheduler.stop(made.ref, ALICE, operation())

    assert await shown(world, made) == (JobState.STOPPED, ExecutionType.STOP, -7351)
    # It was being started when it was told to stop.
    framework(world, made).run()
    assert await shown(world, made) == (JobState.STOPPED, ExecutionType.STOP, -7351)
    status = await world.scheduler.job(made.name)
    assert [task.exit_code for task in status.task_roles[0].tasks] == [-7400, -7400]
    framework(world, made).end(0)
    assert await shown(world, made) == (JobState.STOPPED, ExecutionType.STOP, -7351)


async def test_a_running_job_is_stopped_when_the_launcher_says_so(world: World) -> None:
    made = await world.submitted()
    framework(world, made).run()
    await world.scheduler.stop(made.ref, ALICE, operation())

    assert await shown(world, made) == (JobState.RUNNING, ExecutionType.STOP, None)
    framework(world, made).end(-7351, "NON_TRANSIENT")
    assert await shown(world, made) == (JobState.STOPPED, ExecutionType.STOP, -7351)


async def test_a_start_after_a_stop_runs_nothing(world: World) -> None:
    made = await world.submitted()
    framework(world, made).run()
    await world.scheduler.stop(made.ref, ALICE, operation())
    await world.scheduler.start(made.ref, ALICE, operation())

    # The launcher is told when it can do no harm any more.
    assert sent(world) == ['{"executionType":"STOP"}']
    assert await shown(world, made) == (JobState.RUNNING, ExecutionType.START, None)
    framework(world, made).end(-7351, "NON_TRANSIENT")
    await world.scheduler.start(made.ref, ALICE, operation())
    assert sent(world) == ['{"executionType":"STOP"}', '{"executionType":"START"}']
    assert await shown(world, made) == (JobState.STOPPED, ExecutionType.START, -7351)


async def test_on_an_ended_job_the_execution_type_alone_changes(world: World) -> None:
    made = await world.submitted()
    framework(world, made).end(3, "UNKNOWN")
    await world.scheduler.stop(made.ref, ALICE, operation())

    assert await shown(world, made) == (JobState.FAILED, ExecutionType.STOP, 3)
    await world.scheduler.start(made.ref, ALICE, operation())
    assert await shown(world, made) == (JobState.FAILED, ExecutionType.START, 3)


async def test_an_operation_that_comes_again_changes_nothing(world: World) -> None:
    made = await world.submitted()
    framework(world, made).end()
    first = operation()
    await world.scheduler.stop(made.ref, ALICE, first)
    await world.scheduler.start(made.ref, ALICE, operation())
    await world.scheduler.stop(made.ref, ALICE, first)

    assert await shown(world, made) == (JobState.SUCCEEDED, ExecutionType.START, 0)


async def test_another_submission_of_the_name_is_not_meant(world: World) -> None:
    made = await world.submitted()
    other = another(made).ref
    with pytest.raises(NotFound):
        await world.scheduler.stop(other, ALICE, operation())

    assert await world.scheduler.delete(other, ALICE, operation()) is Removal.DONE
    assert await world.scheduler.find_submission(made.ref) is Presence.OURS
    assert world.shelf.heard("DELETE") == []


async def test_the_launcher_is_told_the_namespaces_owner_and_the_log_who_asked(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = await world.submitted()
    await world.scheduler.stop(made.ref, ROOT, operation())
    await world.scheduler.delete(made.ref, ROOT, operation())

    told = [*world.shelf.heard("PUT")[1:], *world.shelf.heard("DELETE")]
    assert {header(each, "UserName") for each in told} == {"conformance"}
    lines = [each.getMessage() for each in caplog.records if each.name == "jobyard.scheduling.yarn"]
    assert [line.rpartition(" (")[0] for line in lines] == [
        f"STOP of {made.name} by root, as conformance",
        f"DELETE of {made.name} by root, as conformance",
    ]


async def test_a_deleted_job_is_gone_with_its_folder(world: World) -> None:
    made = await world.submitted()
    await world.scheduler.stop(made.ref, ALICE, operation())
    assert await world.scheduler.delete(made.ref, ALICE, operation()) is Removal.DONE

    assert await world.scheduler.find_submission(made.ref) is Presence.ABSENT
    assert [path for path in world.storage.files() if str(made.name) in path] == []
    again = another(made)
    await world.scheduler.submit(again)
    assert await shown(world, again) == (JobState.WAITING, ExecutionType.START, None)


async def test_a_delete_that_was_done_does_not_hit_a_successor(world: World) -> None:
    foreign = world.shelf.add("alice~old", "alice")
    ref = JobRef(FrameworkName.parse(foreign.name), None)
    number = operation()
    await world.scheduler.delete(ref, ALICE, number)
    world.shelf.add("alice~old", "alice")
    await world.scheduler.delete(ref, ALICE, number)

    assert len(world.shelf.heard("DELETE")) == 1


async def test_the_delete_of_what_never_arrived_is_told_to_the_launcher(world: World) -> None:
    made = job()
    assert await world.scheduler.delete(made.ref, ALICE, operation()) is Removal.DONE

    [told] = world.shelf.heard("DELETE")
    assert (told.path, header(told, "UserName")) == (f"/v1/Frameworks/{made.name}", "conformance")


async def test_a_delete_whose_folder_is_left_comes_again(world: World) -> None:
    made = await world.submitted()
    world.storage.down = True
    number = operation()
    with pytest.raises(Unavailable) as caught:
        await world.scheduler.delete(made.ref, ALICE, number)
    assert caught.value.elsewhere
    world.storage.down = False
    await world.scheduler.delete(made.ref, ALICE, number)

    assert [path for path in world.storage.files() if str(made.name) in path] == []


async def test_a_stop_that_nobody_answers_may_come_again(world: World) -> None:
    made = await world.submitted()
    lost: list[Heard] = []

    def losing(heard: Heard) -> Said | None:
        if heard.path.endswith("ExecutionType") and not lost:
            lost.append(heard)
            return Said(504)
        return None

    world.shelf.rules.append(losing)
    number = operation()
    with pytest.raises(Unavailable):
        await world.scheduler.stop(made.ref, ALICE, number)
    assert await shown(world, made) == (JobState.WAITING, ExecutionType.START, None)
    await world.scheduler.stop(made.ref, ALICE, number)

    assert await shown(world, made) == (JobState.STOPPED, ExecutionType.STOP, -7351)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_launcher_that_does_not_let_the_gateway_says_so(world: World, status: int) -> None:
    made = await world.submitted()
    said = refused(status, "AuthorizationException", "User [conformance] may not")
    world.shelf.rules.append(always("ExecutionType", said, method="PUT"))
    with pytest.raises(Rejected, match=r"^User \[conformance\] may not$") as caught:
        await world.scheduler.stop(made.ref, ALICE, operation())

    assert caught.value.status is None


async def test_a_legacy_job_is_changed_as_its_submitter(world: World) -> None:
    world.shelf.add("old-job", "bob")
    ref = JobRef(FrameworkName(None, "old-job"), None)
    await world.scheduler.stop(ref, ROOT, operation())
    await world.scheduler.delete(ref, ROOT, operation())

    told = [*world.shelf.heard("PUT"), *world.shelf.heard("DELETE")]
    assert [header(each, "UserName") for each in told] == ["bob", "bob"]


async def test_a_legacy_job_that_the_launcher_protects_is_403_with_the_settings_name(
    world: World,
) -> None:
    world.shelf.add("old-job", "bob")
    said = refused(400, "BadRequestException", "Name [old-job] is not matched with naming")
    world.shelf.rules.append(always("ExecutionType", said, method="PUT"))
    ref = JobRef(FrameworkName(None, "old-job"), None)
    with pytest.raises(Rejected, match="webServerAclIgnoreWithoutNamespace") as caught:
        await world.scheduler.stop(ref, ROOT, operation())

    assert caught.value.status == 403


async def test_what_is_not_there_is_not_found(world: World) -> None:
    unknown = job()
    for act in (world.scheduler.start, world.scheduler.stop):
        with pytest.raises(NotFound):
            await act(unknown.ref, ALICE, operation())
    with pytest.raises(NotFound):
        await world.scheduler.job(unknown.name)
    foreign = evolve(unknown.ref, submission=None)
    assert await world.scheduler.delete(foreign, ALICE, operation()) is Removal.DONE
    assert world.shelf.heard("DELETE") == []
