"""Ports that are really free, and stay so."""

from __future__ import annotations

import socket

import pytest

from jobyard.domain.job import JobConfig, PortRequest, TaskRole
from jobyard.seams.context import PortConflict
from jobyard_backends.scheduling.local.ports import HeldPorts, PortOffice

from .world import OWNER, World, ended, operation, reaching, role

HOST = "127.0.0.1"


@pytest.fixture
def free() -> range:
    """Some neighbouring ports that nobody has."""
    held = HeldPorts(HOST)
    for first in range(21_000, 29_000, 40):
        numbers = range(first, first + 40)
        if all(held.take(number) for number in numbers):
            break
        held.close()
    held.close()
    return numbers


def config(*ports: PortRequest, tasks: int = 1) -> JobConfig:
    one = TaskRole("main", "true", task_number=tasks, ports=ports)
    return JobConfig(name="job", image="none", task_roles=(one,))


def can_bind(port: int) -> bool:
    with socket.socket() as other:
        try:
            other.bind((HOST, port))
        except OSError:
            return False
    return True


async def test_leased_ports_are_held_until_they_are_let_go(world: World, free: range) -> None:
    office = PortOffice(world.ports, HOST, free)

    placed, held = await office.lease("one", config(PortRequest("data", 0, 3), tasks=2))

    numbers = [n for ports in placed.values() for port in ports for n in port.numbers]
    assert [len(port.numbers) for port in placed["main", 0]] == [3, 1, 1]
    assert len(set(numbers)) == 10
    assert not any(can_bind(number) for number in numbers)
    held.release(numbers[:1])
    assert can_bind(numbers[0])
    held.close()
    assert all(can_bind(number) for number in numbers)


async def test_ports_of_a_label_are_neighbours_around_those_that_are_taken(
    world: World, free: range
) -> None:
    office = PortOffice(world.ports, HOST, free)
    with socket.socket() as other:
        other.bind((HOST, free[2]))
        placed, held = await office.lease("one", config(PortRequest("data", 0, 5)))
        held.close()

    data, http, ssh = (port.numbers for port in placed["main", 0])
    assert data == tuple(free[3:8])
    assert {*http, *ssh}.isdisjoint({*data, free[2]})


async def test_an_owner_gets_its_ports_again_and_another_gets_others(
    world: World, free: range
) -> None:
    office = PortOffice(world.ports, HOST, free)
    ports = []
    for owner in ("one", "one", "two"):
        placed, held = await office.lease(owner, config())
        held.close()
        ports.append({number for port in placed["main", 0] for number in port.numbers})

    assert ports[0] == ports[1]
    assert ports[0].isdisjoint(ports[2])


async def test_a_fixed_port_is_given_to_nobody_else_and_its_conflict_is_told(
    world: World, free: range
) -> None:
    office = PortOffice(world.ports, HOST, free)
    fixed = config(PortRequest("x", free[0], 1))
    placed, held = await office.lease("one", fixed)
    held.close()

    with pytest.raises(PortConflict, match=str(free[0])):
        await office.lease("two", fixed)
    await office.release("one")
    again, held = await office.lease("two", fixed)
    held.close()

    assert placed["main", 0][0].numbers == again["main", 0][0].numbers == (free[0],)
    assert len({n for port in placed["main", 0] for n in port.numbers}) == 3


async def test_too_few_ports_are_a_conflict_that_holds_nothing(world: World, free: range) -> None:
    few = free[:5]
    office = PortOffice(world.ports, HOST, few)

    with pytest.raises(PortConflict, match="not enough free ports"):
        await office.lease("one", config(tasks=3))

    assert all(can_bind(number) for number in few)
    assert await world.ports.held(HOST) == frozenset()


async def test_a_port_rests_before_it_is_given_again(world: World, free: range) -> None:
    office = PortOffice(world.ports, HOST, free)
    first, held = await office.lease("one", config())
    held.close()
    await office.release("one")

    second, held = await office.lease("two", config())
    held.close()

    assert first["main", 0] != second["main", 0]


async def test_a_port_of_another_program_is_never_given_and_a_fixed_one_conflicts(
    world: World,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        fixed = world.job(role(ports=(PortRequest("x", port, 1),)), name="fixed")
        async with world.open(port_numbers=range(port, port + 41)) as scheduler:
            job = world.job()
            await scheduler.submit(job)
            await scheduler.submit(fixed)
            status = await ended(scheduler, job)
            conflict = await reaching(
                scheduler, fixed, lambda each: each.summary.retries.resource > 0
            )
            await scheduler.stop(fixed.ref, OWNER, operation())
            await ended(scheduler, fixed)

    given = {n for each in status.task_roles[0].tasks[0].ports for n in each.numbers}
    assert port not in given
    assert conflict.summary.retries.user == 0
