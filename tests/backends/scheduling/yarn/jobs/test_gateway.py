"""A whole gateway on YARN: the provider as a deployer chooses it, and jobs that run."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobyard.domain.identity import SYSTEM
from jobyard.testing.fakes.storage import FakeStorage
from tests.backends.scheduling.yarn.jobs.doubled import Doubled
from tests.backends.scheduling.yarn.jobs.shelf import Shelf, refused, shelved
from tests.backends.scheduling.yarn.jobs.test_diagnosis import manager
from tests.backends.storage.hdfs.scripted import Heard, Said, scripted
from tests.gateways import SMALL, Gateway, running, storage_double, told
from tests.ports import lasting_ports

PATIENCE = 120


def configuration(launcher: str, manager_at: str, **more: object) -> str:
    settings = {"launcher": launcher, "resource-manager": [manager_at], **more}
    return f"{SMALL}scheduling: {{yarn: {json.dumps(settings)}}}\nstorage: double\n"


def answers(heard: Heard) -> Said:
    """Be a ResourceManager, of one large node."""
    if heard.path.endswith("/nodes"):
        node = {
            "id": "n:1",
            "state": "RUNNING",
            "availMemoryMB": 65536,
            "usedMemoryMB": 0,
            "availableVirtualCores": 64,
            "usedVirtualCores": 0,
        }
        return Said(200, json.dumps({"nodes": {"node": [node]}}).encode())
    return manager(heard)


@asynccontextmanager
async def gateway_on(cluster: Doubled, folder: Path, **more: object) -> AsyncIterator[Gateway]:
    async with scripted(answers) as managers:
        text = configuration(cluster.double.url, managers.address, runtime="none", **more)
        async with running(folder, text, storage_double(cluster.storage)) as gateway:
            yield gateway


ROLES = {
    "ps": 'test $PAI_TASK_ROLE_COUNT = 2 && test -n "$PAI_HOST_IP_worker_1"',
    "worker": 'test -n "$PAI_PORT_LIST_ps_0_http" && test $PAI_TASK_INDEX -lt 2',
}


def two_roles(name: str) -> dict[str, object]:
    return {
        "jobName": name,
        "image": "none",
        "taskRoles": [
            {"name": role, "taskNumber": number, "command": ROLES[role]}
            for role, number in (("ps", 1), ("worker", 2))
        ],
    }


@pytest.mark.parametrize("ports", ["launcher", "gateway"])
async def test_a_job_of_two_roles_runs(tmp_path: Path, ports: str) -> None:
    numbers = lasting_ports(8)
    first, last = min(numbers), max(numbers)
    cluster = Doubled.begun(tmp_path / "launcher")
    try:
        more = {"ports": ports, "port-range": f"{first}-{last}"}
        async with gateway_on(cluster, tmp_path, **more) as gateway:
            await gateway.admin.good("POST", "/user/admin/jobs", two_roles("job"))
            status = await gateway.state(
                "admin", "job", "SUCCEEDED", "FAILED", "STOPPED", within=PATIENCE
            )
            assert status["state"] == "SUCCEEDED", status
            config = await gateway.admin.good("GET", "/user/admin/jobs/job/config")
            assert config == two_roles("job")
            [listed] = (await gateway.admin.get("/user/admin/jobs")).json()
            assert (listed["name"], listed["state"]) == ("job", "SUCCEEDED")
            await gateway.admin.good("DELETE", "/user/admin/jobs/job")
            assert (await gateway.admin.get("/user/admin/jobs/job")).status_code == 404
            assert [path for path in cluster.storage.files() if "admin~job" in path] == []
    finally:
        cluster.end()


@asynccontextmanager
async def gateway_on_shelf(
    folder: Path,
) -> AsyncIterator[tuple[Gateway, Shelf, FakeStorage]]:
    async with shelved() as shelf, scripted(answers) as managers:
        storage = FakeStorage()
        text = configuration(shelf.address, managers.address)
        async with running(folder, text, storage_double(storage)) as gateway:
            yield gateway, shelf, storage


async def put(storage: FakeStorage, path: str, content: bytes = b"") -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await storage.write(path, chunks(), overwrite=True, as_user=SYSTEM)


async def test_jobs_of_an_openpai_are_listed_and_told_of(tmp_path: Path) -> None:
    async with gateway_on_shelf(tmp_path) as (gateway, shelf, storage):
        shelf.add("alice~old", "alice").run("application_1_0001")
        shelf.add("ancient", "bob").end()
        await put(storage, "/Container/alice/alice~old/JobConfig.yaml", b"jobName: old\n")
        await put(
            storage,
            "/Container/alice/alice~old/ssh/application_1_0001/container_main_0-10.0.0.7-2001",
        )
        listed = {each["name"]: each for each in (await gateway.guest.get("/jobs")).json()}
        assert listed["ancient"]["legacy"] is True
        assert listed["old"]["state"] == "RUNNING"
        assert (await gateway.guest.get("/user/alice/jobs/old/config")).json() == {"jobName": "old"}
        ssh = (await gateway.guest.get("/user/alice/jobs/old/ssh")).json()
        assert ssh["containers"] == [
            {"id": "container_main_0", "sshIp": "10.0.0.7", "sshPort": "2001"}
        ]
        answer = await gateway.guest.get("/jobs/ancient/config")
        assert told(answer).code == "NoJobConfigError"
        stopped = await gateway.admin.call("PUT", "/jobs/ancient/executionType", {"value": "STOP"})
        assert stopped.status_code == 200


@pytest.mark.parametrize("status", [429, 503])
async def test_a_refusal_of_the_launchers_passes_and_frees_the_name(
    tmp_path: Path, status: int
) -> None:
    async with gateway_on_shelf(tmp_path) as (gateway, shelf, _):
        said = refused(status, "ThrottledRequestException", "Too many tasks", Retry_After="7")
        shelf.rules.append(lambda heard: said if heard.method == "PUT" else None)
        answer = await gateway.admin.call("POST", "/user/admin/jobs", two_roles("job"))
        assert (answer.status_code, told(answer).message) == (status, "Too many tasks")
        assert answer.headers["retry-after"] == "7"
        assert len(shelf.heard("PUT")) == 1
        shelf.rules.clear()
        await gateway.admin.good("POST", "/user/admin/jobs", two_roles("job"))
