"""What an OpenPAI left behind is answered from its files, whatever they hold."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.domain.job import FrameworkName, JobRef
from jobyard.domain.status import SshContainer
from jobyard.errors import NotFound
from jobyard.testing.jobs import OWNER, another, operation
from tests.backends.scheduling.yarn.jobs.world import World

OLD = JobRef(FrameworkName("alice", "old"), None)
FOLDER = "/Container/alice/alice~old"


async def put(world: World, path: str, content: bytes = b"") -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await world.storage.write(path, chunks(), overwrite=True, as_user=SYSTEM)


async def test_the_configuration_of_an_old_job_is_read(world: World) -> None:
    world.shelf.add("alice~old", "alice")
    assert await world.scheduler.document(OLD) is None
    await put(world, f"{FOLDER}/JobConfig.json", b'{"jobName": "old", "a": [1, null]}')
    document = await world.scheduler.document(OLD)
    assert orjson.loads(document or b"") == {"jobName": "old", "a": [1, None]}
    # A later OpenPAI wrote YAML, which comes first.
    await put(world, f"{FOLDER}/JobConfig.yaml", b"jobName: old\nprotocolVersion: 2\n")
    document = await world.scheduler.document(OLD)
    assert orjson.loads(document or b"") == {"jobName": "old", "protocolVersion": 2}


async def test_a_legacy_job_lies_below_its_submitter(world: World) -> None:
    world.shelf.add("ancient", "bob")
    await put(world, "/Container/bob/ancient/JobConfig.json", b'{"jobName": "ancient"}')
    document = await world.scheduler.document(JobRef(FrameworkName(None, "ancient"), None))

    assert orjson.loads(document or b"") == {"jobName": "ancient"}


BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"just text", b"{", b"\xff", BOMB, b"!!python/x y"]
)
async def test_what_is_no_configuration_is_none(world: World, content: bytes) -> None:
    world.shelf.add("alice~old", "alice")
    await put(world, f"{FOLDER}/JobConfig.yaml", content)

    assert await world.scheduler.document(OLD) is None


async def test_the_daemons_of_running_containers_are_told(world: World) -> None:
    framework = world.shelf.add("alice~old", "alice")
    framework.run("application_1_0001")
    for name in (
        "container_main_0-10.0.0.7-2001",
        "container_over_1-10.0.0.8-2002",
        "container_main_0-10.0.0.7-",
        "nonsense",
    ):
        await put(world, f"{FOLDER}/ssh/application_1_0001/{name}")
    await put(world, f"{FOLDER}/ssh/application_1_0000/container_main_0-10.0.0.6-2001")

    assert list(await world.scheduler.ssh_containers(OLD)) == [
        SshContainer("container_main_0", "10.0.0.7", 2001)
    ]
    framework.end()
    assert list(await world.scheduler.ssh_containers(OLD)) == []


async def test_the_daemons_of_our_own_containers_are_told(world: World) -> None:
    made = await world.submitted()
    world.shelf[str(made.name)].run()
    folder = f"/Container/conformance/{made.name}/ssh/daemons"
    await put(world, f"{folder}/container_worker_0-10.0.0.7-2001")

    [found] = await world.scheduler.ssh_containers(made.ref)
    assert found.container_id == "container_worker_0"
    with pytest.raises(NotFound):
        await world.scheduler.ssh_containers(another(made).ref)


async def test_many_daemons_are_told(world: World) -> None:
    framework = world.shelf.add("alice~old", "alice")
    framework.descriptor["taskRoles"]["main"]["taskNumber"] = 1100
    framework.run("application_1_0001")
    for index in range(1100):
        name = f"container_main_{index}-10.0.0.7-{2000 + index}"
        await put(world, f"{FOLDER}/ssh/application_1_0001/{name}")

    assert len(await world.scheduler.ssh_containers(OLD)) == 1100


async def test_the_folder_of_a_successor_is_left_alone(world: World) -> None:
    made = await world.submitted()
    folder = f"/Container/conformance/{made.name}"
    old = another(made)
    world.shelf.frameworks.clear()

    await world.scheduler.delete(old.ref, OWNER, operation())

    assert f"{folder}/JobConfig.json" in world.storage.files()
