"""What goes wrong with an attempt is its end, with its own code, and is retried by its kind."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.lowlevel
import pytest
from attrs import evolve, frozen

from jobyard.domain.identity import SYSTEM
from jobyard.domain.job import JobSubmission, PortRequest
from jobyard.domain.states import ENDED, JobState
from jobyard.domain.status import ExitType, JobStatus, WaitingCode
from jobyard.errors import NotFound, Unavailable
from jobyard.seams.context import Context
from jobyard.seams.provider import scheduling_provider
from jobyard.testing.jobs import OWNER, operation, role, submission
from jobyard.testing.scheduling_suite import working
from jobyard.testing.subject import opened
from jobyard_backends.scheduling.yarn.services import ServiceSettings
from jobyard_backends.scheduling.yarn.services.opening import assembled
from jobyard_backends.scheduling.yarn.services.scheduler import ServicesScheduler
from tests.backends.scheduling.yarn.services.processes import ProcessYarn, front_door
from tests.gateways import NoSettings

pytestmark = pytest.mark.anyio

_SETTINGS: Final = ServiceSettings(
    ports=range(30_000, 30_040), look=0.02, gang=0.5, lost=0.3, retry_backoff=0.01
)
_PATIENCE: Final = 60.0


@frozen
class World:
    """Be a scheduler whose loop runs, over a cluster of processes."""

    scheduler: ServicesScheduler
    yarn: ProcessYarn
    context: Context

    async def reaching(self, job: JobSubmission, enough: Callable[[JobStatus], bool]) -> JobStatus:
        with anyio.fail_after(_PATIENCE):
            while True:
                status = await self.scheduler.job(job.name)
                if enough(status):
                    return status
                await anyio.sleep(0.01)

    async def ended(self, job: JobSubmission) -> JobStatus:
        return await self.reaching(job, lambda status: status.summary.state in ENDED)

    async def running(self, job: JobSubmission) -> JobStatus:
        await self.scheduler.submit(job)
        return await self.reaching(job, lambda it: it.summary.state is JobState.RUNNING)

    async def stop(self, job: JobSubmission) -> None:
        await self.scheduler.stop(job.ref, OWNER, operation())


@pytest.fixture
def yarn(tmp_path: Path) -> Iterator[ProcessYarn]:
    folder = tmp_path / "containers"
    folder.mkdir()
    yarn = ProcessYarn(folder)
    yield yarn
    yarn.close()


@pytest.fixture
async def world(yarn: ProcessYarn, tmp_path: Path) -> AsyncIterator[World]:
    contexts: list[Context] = []

    @asynccontextmanager
    async def begun(_: NoSettings, context: Context) -> AsyncIterator[ServicesScheduler]:
        async with front_door(context.storage) as address:
            contexts.append(evolve(context, public_url=address))
            yield await assembled(yarn, yarn, _SETTINGS, contexts[0])

    provider = scheduling_provider(
        name="services", api=1, summary="Processes.", config=NoSettings, open=begun
    )
    async with opened(provider, {}, tmp_path) as subject:
        scheduler = subject.backend
        assert isinstance(scheduler, ServicesScheduler)
        async with working(scheduler, contexts[0]):
            yield World(scheduler, yarn, contexts[0])


async def test_what_yarn_refuses_is_told_in_its_words(world: World, yarn: ProcessYarn) -> None:
    yarn.refuses = "Failed to submit: unknown queue"
    job = submission(role("true"))
    await world.scheduler.submit(job)
    status = await world.ended(job)

    assert (status.summary.exit_code, status.exit.diagnostics) == (-7300, yarn.refuses)


async def test_a_container_that_says_nothing_is_lost(world: World, yarn: ProcessYarn) -> None:
    job = submission(role("exec sleep 1000", tasks=2))
    await world.running(job)
    (held,) = yarn.held.values()
    held.containers[1].kill()
    status = await world.ended(job)

    assert status.summary.exit_code == -7101
    assert (status.exit.trigger_role, status.exit.trigger_index) == ("worker", 1)
    codes = [task.exit_code for task in status.task_roles[0].tasks]
    assert codes == [-7400, -7101]
    assert yarn.held == {}


async def test_a_service_that_vanishes_before_its_tasks_begin_is_killed(
    world: World, yarn: ProcessYarn
) -> None:
    job = submission(role("true", cpus=1000))
    await world.scheduler.submit(job)
    await world.reaching(job, lambda status: status.app_id is not None)
    yarn.held.clear()

    assert (await world.ended(job)).summary.exit_code == -7303


async def test_a_gang_that_is_never_whole_is_tried_again(world: World, yarn: ProcessYarn) -> None:
    yarn.room = 1
    job = submission(role("exec sleep 1000", tasks=2))
    await world.scheduler.submit(job)
    status = await world.reaching(job, lambda status: status.attempt > 0)

    assert status.summary.retries.resource >= 1
    assert status.summary.retries.total == status.summary.retries.resource
    first = await world.scheduler.job(job.name, 0)
    assert (first.summary.exit_code, first.exit.exit_type) == (
        -7252,
        ExitType.TRANSIENT_CONFLICT,
    )
    await world.stop(job)


async def test_code_that_is_not_there_ends_a_job_for_good(world: World) -> None:
    job = submission(role("true"), retry_count=3)
    config = evolve(job.config, code_dir="/user/conformance/nothing")
    job = evolve(job, config=config)
    await world.scheduler.submit(job)
    status = await world.ended(job)

    assert (status.summary.exit_code, status.attempt) == (-7251, 0)
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert "/user/conformance/nothing" in (status.exit.diagnostics or "")


async def test_code_is_brought_to_every_task(world: World) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"exit 5\n"

    path = "/user/conformance/code/below/main.sh"
    await world.context.storage.write(path, content(), overwrite=True, as_user=OWNER)
    job = submission(role("sh code/below/main.sh", tasks=2, min_failed=2))
    job = evolve(job, config=evolve(job.config, code_dir="/user/conformance/code/"))
    await world.scheduler.submit(job)

    assert (await world.ended(job)).summary.exit_code == 5


async def test_notes_that_are_nonsense_are_a_lost_task(world: World) -> None:
    async def nonsense() -> AsyncIterator[bytes]:
        yield b"\xff\x00 " * 5000

    job = submission(role("exec sleep 1000"))
    await world.running(job)
    path = f"/Container/{OWNER.account}/{job.name}/{job.submission}/0/ended.r0-0"
    await world.context.storage.write(path, nonsense(), overwrite=True, as_user=OWNER)

    assert (await world.ended(job)).summary.exit_code == -7101


async def test_a_cluster_that_is_down_holds_nothing_up_for_ever(
    world: World, yarn: ProcessYarn
) -> None:
    yarn.down = True
    job = submission(role("true"))
    await world.scheduler.submit(job)
    status = await world.reaching(job, lambda status: status.attempt == 0)
    assert status.summary.state is JobState.WAITING
    with pytest.raises(Unavailable):
        await world.scheduler.ping()
    yarn.down = False

    assert (await world.ended(job)).summary.state is JobState.SUCCEEDED


async def test_without_ports_a_job_waits_until_others_have_ended(world: World) -> None:
    many = PortRequest("many", 0, 30)
    wait, ready = role("exec sleep 1000"), role("true")
    first = submission(evolve(wait, ports=(many,)))
    second = submission(evolve(ready, ports=(many,)))
    await world.running(first)
    await world.scheduler.submit(second)
    status = await world.scheduler.job(second.name)
    assert status.waiting is not None
    assert status.waiting.code is WaitingCode.STARTING
    await world.stop(first)

    assert (await world.ended(second)).summary.state is JobState.SUCCEEDED


async def test_a_port_that_others_have_is_not_given_for_ever(world: World) -> None:
    # Always from the first one on, every attempt would be given this port.
    with socket.create_server(("127.0.0.1", _SETTINGS.ports[0])):
        job = submission(role("true"))
        await world.scheduler.submit(job)
        status = await world.ended(job)

    assert status.summary.state is JobState.SUCCEEDED
    assert status.summary.retries.total == status.summary.retries.resource


async def test_a_deleted_job_leaves_no_file(world: World) -> None:
    job = submission(role("exec sleep 1000"))
    await world.running(job)
    await world.scheduler.delete(job.ref, OWNER, operation())
    folder = f"/Container/{OWNER.account}/{job.name}/{job.submission}"
    with anyio.fail_after(_PATIENCE):
        while True:
            try:
                await world.context.storage.stat(folder, as_user=SYSTEM)
            except NotFound:
                break
            await anyio.sleep(0.01)
