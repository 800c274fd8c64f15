"""Ports that the gateway gives: one task's each, until its job is over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from jobyard.domain.job import JobSubmission, PortRequest
from jobyard.domain.status import TaskPorts
from jobyard.seams.scheduling import Refused
from jobyard.testing.jobs import operation, role
from tests.backends.scheduling.yarn.jobs.shelf import refused
from tests.backends.scheduling.yarn.jobs.world import ALICE, World, job, on_shelf

RANGE = range(30000, 30006)


def numbers(ports: tuple[TaskPorts, ...]) -> list[int]:
    return [number for each in ports for number in each.numbers]


async def ports_of(world: World, made: JobSubmission) -> list[tuple[TaskPorts, ...]]:
    status = await world.scheduler.job(made.name)
    return [task.ports for each in status.task_roles for task in each.tasks]


async def test_every_task_gets_ports_of_its_own_and_the_launcher_is_asked_for_none(
    tmp_path: Path,
) -> None:
    async with on_shelf(tmp_path, ports=RANGE) as world:
        made = await world.submitted(role("true", tasks=3))
        given = await ports_of(world, made)

        assert [[each.label for each in ports] for ports in given] == [["http", "ssh"]] * 3
        assert sorted(number for ports in given for number in numbers(ports)) == [*RANGE]
        [put] = world.shelf.heard("PUT")
        resource = json.loads(put.body)["taskRoles"]["worker"]["taskService"]["resource"]
        assert resource["portDefinitions"] == {}


async def test_a_fixed_port_is_every_tasks_own_affair(tmp_path: Path) -> None:
    async with on_shelf(tmp_path, ports=RANGE) as world:
        wanted = evolve(role("true", tasks=2), ports=(PortRequest("web", 80, 2),))
        given = await ports_of(world, await world.submitted(wanted))

        assert [ports[0] for ports in given] == [TaskPorts("web", (80, 81))] * 2


async def test_a_job_for_which_there_are_not_enough_is_refused_and_may_come_later(
    tmp_path: Path,
) -> None:
    async with on_shelf(tmp_path, ports=RANGE) as world:
        first = await world.submitted(role("true", tasks=2))
        second = job(role("true", tasks=2))
        with pytest.raises(Refused, match="need 4 ports") as caught:
            await world.scheduler.submit(second)
        assert caught.value.status == 503
        assert caught.value.retry_after
        world.shelf[str(first.name)].end()
        await world.scheduler.jobs()
        await world.scheduler.submit(second)

        assert len({n for ports in await ports_of(world, second) for n in numbers(ports)}) == 4


async def test_a_deleted_job_gives_its_ports_back(tmp_path: Path) -> None:
    async with on_shelf(tmp_path, ports=RANGE) as world:
        made = await world.submitted(role("true", tasks=3))
        await world.scheduler.delete(made.ref, ALICE, operation())

        assert await world.context.ports.held("yarn") == frozenset()


async def test_a_refused_job_gives_its_ports_back(tmp_path: Path) -> None:
    async with on_shelf(tmp_path, ports=RANGE) as world:
        said = refused(400, "BadRequestException", "no")
        world.shelf.rules.append(lambda heard: said if heard.method == "PUT" else None)
        with pytest.raises(Refused):
            await world.submitted(role("true", tasks=3))

        assert await world.context.ports.held("yarn") == frozenset()


async def test_a_job_that_the_launcher_does_not_show_yet_keeps_its_ports(tmp_path: Path) -> None:
    async with on_shelf(tmp_path, ports=RANGE) as world:
        made = await world.submitted()
        world.shelf.frameworks.clear()
        await world.scheduler.jobs()

        assert len(await world.context.ports.held("yarn")) == 2
        assert made.submission
