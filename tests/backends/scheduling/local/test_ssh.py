"""A real SSH client and the daemons of tasks."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest
from attrs import evolve

from jobyard.domain.job import JobSubmission
from jobyard.domain.states import JobState
from jobyard.domain.status import SshContainer
from jobyard.errors import NotFound
from jobyard.key_pairs import new_key_pair
from jobyard_backends.scheduling.local import enclosure
from jobyard_backends.scheduling.local.scheduler import LocalScheduler

from .world import OWNER, SLEEP, World, appearing, ended, in_state, operation, role

COMMAND = "echo up; echo mine > left; exec sleep 600"


def with_keys(world: World) -> JobSubmission:
    job = world.job(role(COMMAND, task_number=2), job_envs={"MINE": 'a "b" \\c'})
    return evolve(job, keys=new_key_pair())


def key_file(job: JobSubmission, folder: Path) -> Path:
    assert job.keys is not None
    path = folder / "key"
    path.write_bytes(job.keys.private)
    path.chmod(0o600)
    return path


async def through(found: SshContainer, key: Path, command: str, user: str = "root") -> str:
    """Run a command by ssh, trying until the daemon listens."""
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    options += ["BatchMode=yes", "IdentitiesOnly=yes"]
    words = ["ssh", "-F", "none", "-i", str(key), "-p", str(found.port)]
    words += [word for option in options for word in ("-o", option)]
    with anyio.fail_after(60):
        while True:
            asked = [*words, f"{user}@{found.ip}", command]
            done = await anyio.run_process(asked, check=False, stdin=subprocess.DEVNULL)
            if done.returncode != 255:
                return done.stdout.decode()
            if b"refused" not in done.stderr:
                return f"255: {done.stderr.decode()}"
            await anyio.sleep(0.05)


@pytest.mark.parametrize(("accounts", "user"), [({}, "root"), ({"alice": "nobody"}, "nobody")])
async def test_a_client_with_the_jobs_key_is_inside_of_the_task(
    world: World, tmp_path: Path, accounts: Mapping[str, str], user: str
) -> None:
    job = with_keys(world)
    async with world.open(runtime="bubblewrap", ssh=True, run_as=accounts) as scheduler:
        await scheduler.submit(job)
        status = await in_state(scheduler, job, JobState.RUNNING)
        first, second = await scheduler.ssh_containers(job.ref)
        key = key_file(job, tmp_path)
        command = "cat left; pwd; echo $MINE; echo $PAI_TASK_INDEX; grep CapEff /proc/self/status"
        printed = await through(second, key, f"until test -s left; do sleep 0.1; done; {command}")
        named = await through(first, key, "id -un", user)
        assert (await through(first, key, "ssh-add -l; touch /usr/x; echo $?")).endswith("1\n")
        other = key_file(evolve(job, keys=new_key_pair()), tmp_path)
        refused = await through(first, other, "true")
        await scheduler.stop(job.ref, OWNER, operation())
        await ended(scheduler, job)
        assert list(await scheduler.ssh_containers(job.ref)) == []

    tasks = status.task_roles[0].tasks
    assert [first.container_id, second.container_id] == [task.container_id for task in tasks]
    lines = printed.splitlines()
    folder = world.folder(job, index=1)
    assert lines[:4] == ["mine", str(folder / "work"), 'a "b" \\c', "1"]
    assert lines[4] == "CapEff:\t0000000000000000"
    assert named == f"{user}\n"
    assert "Permission denied (publickey)" in refused
    assert not (folder / "ssh").exists()


async def test_a_daemon_is_found_again_after_a_restart(world: World, tmp_path: Path) -> None:
    job = with_keys(world)
    async with world.open(runtime="bubblewrap", ssh=True) as scheduler:
        await scheduler.submit(job)
        await in_state(scheduler, job, JobState.RUNNING)
        await appearing(world.folder(job) / "stdout", within=60)
        before = list(await scheduler.ssh_containers(job.ref))
    async with world.open(runtime="bubblewrap", ssh=True) as scheduler:
        assert list(await scheduler.ssh_containers(job.ref)) == before
        assert await through(before[0], key_file(job, tmp_path), "echo in") == "in\n"
        await scheduler.stop(job.ref, OWNER, operation())
        await ended(scheduler, job)


async def running_without(world: World, scheduler: LocalScheduler) -> list[SshContainer]:
    job = evolve(world.job(role(SLEEP)), keys=new_key_pair())
    await scheduler.submit(job)
    await in_state(scheduler, job, JobState.RUNNING)
    found = list(await scheduler.ssh_containers(job.ref))
    await scheduler.stop(job.ref, OWNER, operation())
    await ended(scheduler, job)
    with pytest.raises(NotFound):
        await scheduler.ssh_containers(world.job(name="none").ref)
    return found


async def test_without_sshd_there_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enclosure, "find_sshd", lambda: None)
    async with world.open(runtime="bubblewrap", ssh=True) as scheduler:
        assert await running_without(world, scheduler) == []


async def test_without_a_sandbox_there_is_none(world: World) -> None:
    async with world.open(runtime="process", ssh=True) as scheduler:
        assert await running_without(world, scheduler) == []
