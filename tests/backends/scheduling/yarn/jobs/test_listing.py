"""The list: whole, at an honest version, and also where it is long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import define

from jobyard.clock import SystemClock
from jobyard.domain.job import FrameworkName
from jobyard.domain.states import JobState
from jobyard.errors import Unavailable
from jobyard.testing.jobs import operation
from jobyard.testing.probes import never_blocks
from tests.backends.scheduling.yarn.jobs.shelf import FIRST, always
from tests.backends.scheduling.yarn.jobs.world import ALICE, World, on_shelf
from tests.backends.storage.hdfs.scripted import Said

MANY = 15_000
DAY = 24 * 3600 * 1000


@define
class LateClock(SystemClock):
    """A clock that can be put forward."""

    ahead: int = 0

    def now(self) -> int:
        return super().now() + self.ahead


async def test_jobs_of_all_kinds_are_listed(world: World) -> None:
    made = await world.submitted()
    world.shelf.add("legacy", "bob")
    world.shelf.add("team~foreign", "carol", state="APPLICATION_RUNNING")
    snapshot = await world.scheduler.jobs()

    assert {each.name: (each.submission, each.username) for each in snapshot.items} == {
        made.name: (made.submission, "conformance"),
        FrameworkName(None, "legacy"): (None, "bob"),
        FrameworkName("team", "foreign"): (None, "carol"),
    }
    assert snapshot.complete


async def test_what_has_no_name_and_what_is_no_object_is_left_out(world: World) -> None:
    listed = [{}, {"frameworkName": ""}, {"frameworkName": 7}, None, "x", {"frameworkName": "a"}]
    body = json.dumps({"summarizedFrameworkInfos": listed}).encode()
    world.shelf.rules.append(always("/Frameworks", Said(200, body)))

    assert [str(each.name) for each in (await world.scheduler.jobs()).items] == ["a"]


@pytest.mark.parametrize("body", [b"{}", b'{"summarizedFrameworkInfos": null}', b"[1]", b"nope"])
async def test_a_list_without_frameworks_is_no_empty_list(world: World, body: bytes) -> None:
    world.shelf.rules.append(always("/Frameworks", Said(200, body)))
    with pytest.raises(Unavailable):
        await world.scheduler.jobs()


async def test_the_version_changes_with_the_launcher_and_with_what_was_wished(
    world: World,
) -> None:
    made = await world.submitted()
    first = await world.scheduler.jobs()
    assert (await world.scheduler.jobs()).version == first.version
    await world.scheduler.stop(made.ref, ALICE, operation())
    second = await world.scheduler.jobs()
    await world.scheduler.start(made.ref, ALICE, operation())
    third = await world.scheduler.jobs()

    assert len({first.version, second.version, third.version}) == 3
    assert [each.execution_type for each in third.items] == ["START"]


async def test_what_is_kept_of_jobs_that_are_no_more_goes_after_a_day(tmp_path: Path) -> None:
    clock = LateClock()
    async with on_shelf(tmp_path, clock=clock) as world:
        made = await world.submitted()
        await world.scheduler.stop(made.ref, ALICE, operation())
        kept = world.shelf.frameworks.pop(str(made.name))
        await world.scheduler.jobs()
        world.shelf.frameworks[kept.name] = kept
        [stopped] = (await world.scheduler.jobs()).items
        assert stopped.state is JobState.STOPPED
        del world.shelf.frameworks[kept.name]
        clock.ahead = DAY + 120_000
        await world.scheduler.jobs()
        world.shelf.frameworks[kept.name] = kept
        [forgotten] = (await world.scheduler.jobs()).items

    assert forgotten.state is JobState.WAITING


async def test_fifteen_thousand_jobs_are_listed_and_keep_nobody_waiting(world: World) -> None:
    for number in range(MANY):
        world.shelf.add(f"user{number % 100}~job-{number:05}-{'x' * 200}", f"user{number % 100}")
    body = json.dumps(
        {"summarizedFrameworkInfos": [each.summary() for each in world.shelf.frameworks.values()]}
    ).encode()
    assert len(body) > 11_000_000
    world.shelf.rules.append(always("/Frameworks", Said(200, body)))
    snapshot = await world.scheduler.jobs()

    assert len(snapshot.items) == MANY
    assert snapshot.items[0].created_at == FIRST
    # The same once more is read off the loop, and not made anew.
    again = await world.scheduler.jobs()
    assert again.items is snapshot.items
    await never_blocks(world.scheduler.jobs)
