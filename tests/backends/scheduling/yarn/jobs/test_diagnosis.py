"""What the doctor finds out about a launcher and a ResourceManager, and what it says to do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from jobyard.errors import JobyardError
from jobyard.seams.diagnosis import Check
from jobyard_backends.scheduling.yarn.diagnosis import diagnosis
from jobyard_backends.scheduling.yarn.resource_manager import ResourceManagerSettings
from jobyard_backends.scheduling.yarn.settings import Site
from tests.backends.scheduling.yarn.jobs.shelf import Shelf, shelved
from tests.backends.storage.hdfs.scripted import Heard, Said, scripted

QUEUE = {
    "queueName": "default",
    "state": "RUNNING",
    "capacity": 100.0,
    "maxCapacity": 100.0,
    "absoluteCapacity": 100.0,
    "absoluteMaxCapacity": 100.0,
    "usedCapacity": 0.0,
    "absoluteUsedCapacity": 0.0,
    "numApplications": 0,
    "resourcesUsed": {"memory": 0, "vCores": 0},
}
SCHEDULER = {
    "scheduler": {
        "schedulerInfo": {
            "type": "capacityScheduler",
            "queueName": "root",
            "capacity": 100.0,
            "queues": {"queue": [QUEUE]},
        }
    }
}
ACL = {"webServerAclEnable": True, "webServerAclIgnoreWithoutNamespace": False}


def manager(heard: Heard) -> Said:
    if heard.path.endswith("/scheduler"):
        return Said(200, json.dumps(SCHEDULER).encode())
    return Said(
        200, json.dumps({"clusterInfo": {"state": "STARTED", "haState": "ACTIVE"}}).encode()
    )


@asynccontextmanager
async def steps(
    status: dict[str, object], *, ports: range | None = None
) -> AsyncIterator[tuple[Shelf, Sequence[Check]]]:
    async with shelved() as shelf, scripted(manager) as managers:
        shelf.status = status
        site = Site(shelf.address, ports=ports)
        settings = ResourceManagerSettings((managers.address,), failover=1.0)
        async with diagnosis(site, settings) as checks:
            yield shelf, checks


async def found(checks: Sequence[Check]) -> dict[str, str]:
    said = {}
    for check in checks:
        try:
            said[check.name] = await check.run()
        except JobyardError as error:
            said[check.name] = f"failed: {error.message}"
            break
    return said


async def test_a_cluster_that_is_well_is_told_of() -> None:
    status = {
        "serviceHost": "node1",
        "hadoopLibrarySupportsGpu": True,
        "hadoopLibrarySupportsPort": True,
        "launcherConfiguration": ACL,
    }
    async with steps(status) as (shelf, checks):
        shelf.add("alice~one", "alice")
        shelf.add("old", "bob")
        said = await found(checks)
        assert said == {
            "ask the launcher": "it runs on node1; its Hadoop gives GPUs",
            "list its frameworks": "2, of which 1 have no namespace",
            "look who gives ports": "the launcher gives them",
            "look who may change jobs": "by namespace; jobs without one can only be read",
            "ask a ResourceManager": "one is active",
            "read the virtual clusters": "default",
        }
        assert {each.method for each in shelf.script.heard} == {"GET"}  # type: ignore[union-attr]


UNPATCHED: dict[str, object] = {
    "hadoopLibrarySupportsGpu": False,
    "hadoopLibrarySupportsPort": False,
}


async def test_a_hadoop_without_the_patch_is_explained() -> None:
    async with steps(UNPATCHED) as (_, checks):
        said = await found(checks)

        assert said["ask the launcher"].endswith(
            "its Hadoop gives no GPUs, so jobs that ask for one are refused"
        )
        assert list(said)[-1] == "look who gives ports"
        assert "'ports: gateway'" in said["look who gives ports"]


async def test_with_ports_of_the_gateways_it_needs_no_patch() -> None:
    async with steps(UNPATCHED, ports=range(20000, 20010)) as (_, checks):
        said = await found(checks)

        assert said["look who gives ports"] == "the gateway gives 20000 to 20009"
        assert len(said) == len(checks)


@pytest.mark.parametrize(
    ("acl", "words"),
    [
        ({"webServerAclEnable": False}, "everybody who reaches the launcher may change every job"),
        (ACL | {"webServerAclIgnoreWithoutNamespace": True}, "jobs without one can be changed"),
    ],
)
async def test_who_may_change_jobs_is_told(acl: dict[str, object], words: str) -> None:
    async with steps({"launcherConfiguration": acl}) as (_, checks):
        assert words in (await found(checks))["look who may change jobs"]


async def test_a_launcher_that_is_away_is_the_first_thing_that_is_told() -> None:
    async with steps({}) as (shelf, checks):
        shelf.rules.append(lambda _: Said(502))
        said = await found(checks)

        assert said == {"ask the launcher": "failed: What answers is no launcher."}
        assert "'launcher'" in checks[0].remedy
