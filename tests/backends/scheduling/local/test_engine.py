# ruff: noqa: ASYNC110 - what an engine has is polled for
"""Tasks in containers, by a real podman."""

from __future__ import annotations

import csv
import io
import os
import signal
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import JobSubmission, PortRequest, TaskRole
from jobyard.domain.states import EXIT_STOPPED, JobState
from jobyard.domain.status import ExitType, JobStatus, WaitingCode
from jobyard.errors import LoadError
from jobyard_backends.scheduling.local import enclosure, engine
from jobyard_backends.scheduling.local.enclosure import enclose
from jobyard_backends.scheduling.local.engine import Engine
from jobyard_backends.scheduling.local.images import Images, ImageUnusable
from jobyard_backends.scheduling.local.keeper import MEMORY_EXCEEDED
from jobyard_backends.scheduling.local.launch import IMAGE_UNUSABLE
from jobyard_backends.scheduling.local.process import Account
from jobyard_backends.scheduling.local.settings import LocalSchedulingSettings
from tests.podman import BARE, IMAGE, RUN_OPTIONS, Podman, podman_store

from .world import OWNER, World, appearing, ended, in_state, made_ready, operation, role, variables

LONG = 90.0


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    with podman_store() as store:
        yield store


@pytest.fixture
def contained(world: World, podman: Podman) -> World:
    """A world whose tasks are in containers."""
    settings = evolve(
        world.settings,
        runtime="podman",
        engine_options=podman.options,
        container_options=RUN_OPTIONS,
    )
    return evolve(world, settings=settings)


async def outcome(
    world: World, command: str, *, image: str = IMAGE, **settings: object
) -> tuple[JobSubmission, JobStatus]:
    job = world.job(role(command, memory_mb=150, shm_mb=8), image=image)
    async with world.open(**settings) as scheduler:
        await scheduler.submit(job)
        return job, await ended(scheduler, job, within=LONG)


async def test_a_task_sees_its_image_its_folders_and_nothing_of_the_machine(
    contained: World, tmp_path: Path, podman: Podman
) -> None:
    job, status = await outcome(
        contained,
        "pwd; ls /bin/cat; ls /root /home; echo mine > /tmp/x; cat $TMPDIR/x; ls ..;"
        "df -k /dev/shm | tr -s ' ' | tr '\\n' ' '; echo; ps | wc -l; exit 7",
    )

    folder = contained.folder(job)
    lines = contained.output(job).splitlines()
    assert status.summary.exit_code == 7
    assert lines[:3] == [str(folder / "work"), "/bin/cat", "mine"]
    assert sorted(lines[3:7]) == ["command", "memory", "start", "work"]
    assert " 8192 " in lines[7]
    assert int(lines[8]) < 10
    assert "/root: No such file" in (folder / "stderr").read_text()
    assert podman.containers() == []
    assert not (folder / "start").exists()


async def test_every_variable_arrives_as_it_is_and_none_of_the_gateways(
    contained: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy")
    odd = {"QUOTED": 'it\'s "$HOME" `x`', "LINES": "a\nb", "7UP": "x y", "LD_PRELOAD": "./none.so"}
    job = contained.job(
        evolve(
            role("tr '\\0' '\\n' < /proc/$$/environ"),
            name="a.b~c",
            ports=(PortRequest("web", 0, 2),),
        ),
        image=IMAGE,
        job_envs=odd,
    )
    async with contained.open() as scheduler:
        await scheduler.submit(job)
        status = await ended(scheduler, job, within=LONG)

    printed = contained.output(job, "a.b~c")
    assert status.summary.exit_code == 0, (contained.folder(job, "a.b~c") / "stderr").read_text()
    found = variables(printed)
    (task,) = status.task_roles[0].tasks
    web = next(port.numbers for port in task.ports if port.label == "web")
    assert found["QUOTED"] == odd["QUOTED"]
    assert found["7UP"] == "x y"
    assert found["LD_PRELOAD"] == "./none.so"
    assert "LINES=a\nb\n" in printed
    assert found["PAI_PORT_LIST_a.b~c_0_web"] == ",".join(map(str, web))
    assert found["PAI_STORAGE_TOKEN"] == "token-of-alice"
    assert found["PAI_CONTAINER_ID"] == task.container_id
    assert not {"https_proxy", "JOBYARD_LONG", "PYTEST_CURRENT_TEST"} & found.keys()
    assert "secret" not in printed


async def test_mounts_can_be_written_and_what_is_hidden_in_them_is_not_there(
    contained: World, tmp_path: Path
) -> None:
    data = tmp_path / "da,ta"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "one").write_text("secret")
    (data / "key").write_text("secret")

    link, hidden = tmp_path / "link", tmp_path / "hidden"
    link.symlink_to(data)
    hidden.symlink_to(data / "keys")

    job, status = await outcome(
        contained,
        f"ls {data}/keys {link}/keys | grep one; cat {data}/key {link}/key;"
        f"echo result > {link}/out; cat {tmp_path}/outside",
        mounts=(link,),
        hidden=(hidden, data / "key", tmp_path / "outside"),
    )

    assert status.summary.exit_code == 1
    assert contained.output(job) == ""
    assert (data / "out").read_text() == "result\n"


async def test_a_container_that_is_too_large_is_ended_and_told_why(contained: World) -> None:
    job, status = await outcome(contained, "tail /dev/zero; echo $?; exit 3")

    assert status.summary.exit_code == MEMORY_EXCEEDED, contained.output(job)[:99]
    assert status.exit.exit_type is ExitType.NON_TRANSIENT
    assert status.exit.diagnostics == "task main[0] used 150 MB of 150 MB"


async def test_a_stop_is_a_chance_to_end_well(contained: World, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    trap = f"trap 'echo bye > {data}/said; exit 5' TERM"
    job = contained.job(role(f"{trap}; echo up; while :; do sleep 0.05; done"), image=IMAGE)
    async with contained.open(mounts=(data,)) as scheduler:
        await scheduler.submit(job)
        await appearing(contained.folder(job) / "stdout", within=LONG)
        await scheduler.stop(job.ref, OWNER, operation())
        status = await in_state(scheduler, job, JobState.STOPPED, within=LONG)

    assert status.summary.exit_code == EXIT_STOPPED
    assert (data / "said").read_text() == "bye\n"


async def test_what_heeds_no_stop_is_killed_after_the_grace(
    contained: World, podman: Podman
) -> None:
    deaf = "trap '' TERM; (trap '' TERM; sleep 3600) & echo up; while :; do sleep 0.1; done"
    job = contained.job(role(deaf), image=IMAGE)
    async with contained.open(grace_seconds=0.5) as scheduler:
        await scheduler.submit(job)
        await appearing(contained.folder(job) / "stdout", within=LONG)
        await scheduler.stop(job.ref, OWNER, operation())
        await in_state(scheduler, job, JobState.STOPPED, within=LONG)

    assert podman.containers() == []


async def test_a_task_runs_as_its_users_account(contained: World) -> None:
    job, status = await outcome(
        contained, "id -u; id -g; echo x > y; touch /x", run_as={"alice": "nobody"}
    )

    assert contained.output(job) == "65534\n65534\n"
    assert "/x: Permission denied" in (contained.folder(job) / "stderr").read_text()
    assert status.summary.exit_code == 1


async def test_an_image_that_cannot_be_had_is_the_reason(contained: World) -> None:
    job = contained.job(role("true"), image="localhost:1/none:1")
    async with contained.open() as scheduler:
        await scheduler.submit(job)
        status = await made_ready(scheduler, job)
        with anyio.fail_after(LONG):
            while status.waiting is None or status.waiting.code is not WaitingCode.IMAGE_PULL:
                await anyio.sleep(0.01)
                status = await scheduler.job(job.name)
        status = await ended(scheduler, job, within=LONG)

    assert status.summary.exit_code == IMAGE_UNUSABLE
    assert status.exit.exit_type is ExitType.UNKNOWN
    told = status.exit.diagnostics or ""
    assert told.startswith("image localhost:1/none:1 cannot be had: ")
    assert "connection refused" in told


async def test_an_image_without_a_shell_is_the_reason(contained: World, podman: Podman) -> None:
    _, status = await outcome(contained, "true", image=BARE)

    assert status.summary.state is JobState.FAILED
    told = status.exit.diagnostics or ""
    assert told.startswith("task main[0] has no container: ")
    assert "/bin/sh" in told
    assert podman.containers() == []


async def test_a_container_outlives_a_gateway_that_is_killed(
    contained: World, podman: Podman
) -> None:
    job = contained.job(role("echo up; until test -e go; do sleep 0.05; done; exit 4"), image=IMAGE)
    words = ["-m", "tests.backends.scheduling.local.abandoned_container", str(contained.state_dir)]
    async with await anyio.open_process(
        [sys.executable, *words, job.submission, *podman.options], stdin=None, stderr=None
    ) as gateway:
        await appearing(contained.folder(job) / "stdout", within=LONG)
        gateway.send_signal(signal.SIGKILL)
        await gateway.wait()
    (contained.folder(job) / "work" / "go").touch()
    async with contained.open() as scheduler:
        status = await ended(scheduler, job, within=LONG)

    assert status.summary.exit_code == 4
    assert podman.containers() == []


async def test_a_container_whose_keeper_is_killed_is_killed_too(
    contained: World, podman: Podman
) -> None:
    job = contained.job(role("echo up; exec sleep 3600"), image=IMAGE)
    async with contained.open() as scheduler:
        await scheduler.submit(job)
        await appearing(contained.folder(job) / "stdout", within=LONG)
        claim = (contained.folder(job) / "keeper.json").read_text()
        os.kill(int(claim.partition('"pid": ')[2].partition(",")[0]), signal.SIGKILL)
        await appearing(contained.folder(job, attempt=1) / "stdout", within=LONG)
        assert len(podman.containers()) == 1
        await scheduler.stop(job.ref, OWNER, operation())
        status = await in_state(scheduler, job, JobState.STOPPED, within=LONG)

    assert status.summary.retries.platform == 1
    assert podman.containers() == []


async def test_what_is_left_of_others_is_removed_at_the_start(
    contained: World, podman: Podman
) -> None:
    job = contained.job(role("echo up; exec sleep 3600"), image=IMAGE)
    async with contained.open() as scheduler:
        await scheduler.submit(job)
        await appearing(contained.folder(job) / "stdout", within=LONG)
        (kept,) = podman.containers()
        label = podman.run(
            "inspect", "--format", '{{index .Config.Labels "jobyard"}}', kept
        ).strip()
        left = ("create", "--name", "left", "--label", f"jobyard={label}", IMAGE, "true")
        podman.run(*left)
        podman.run("create", "--name", "foreign", "--label", "jobyard=else", IMAGE, "true")
    async with contained.open() as scheduler:
        assert sorted(podman.containers()) == sorted(["foreign", kept])
        await scheduler.delete(job.ref, OWNER, operation())
        podman.run("rm", "foreign")
        with anyio.fail_after(LONG):
            while podman.containers():
                await anyio.sleep(0.05)


def test_an_engine_that_is_chosen_has_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = LocalSchedulingSettings(runtime="podman", engine_options=("--no-such-flag",))
    with pytest.raises(LoadError, match=r"runtime is podman: .*no-such-flag"):
        enclose(chosen, Path("/nowhere"), ())
    monkeypatch.setattr(enclosure, "find_engine", lambda _: None)
    with pytest.raises(LoadError, match="runtime is docker: docker is not installed"):
        enclose(evolve(chosen, runtime="docker"), Path("/nowhere"), ())


def test_what_is_made_sure_of_is_said(podman: Podman) -> None:
    chosen = LocalSchedulingSettings(runtime="podman", engine_options=podman.options)
    found = enclose(chosen, Path("/nowhere"), ())
    told = {each.what: each for each in found.enforcement()}
    off = enclose(evolve(chosen, enforce_limits=False), Path("/nowhere"), ()).enforcement()

    assert {name for name, each in told.items() if each.enforced} == set(told) - {"unix account"}
    assert {each.how for name, each in told.items() if name != "unix account"} == {"podman"}
    assert not found.watched
    assert [each.what for each in off if each.how.endswith("enforce-limits")] == ["memory", "cpu"]


ROLE = TaskRole(name="main", command="true", memory_mb=150, cpu_number=2, shm_mb=0)


def words(target: Engine, gpus: tuple[int, ...] = (), account: Account | None = None) -> list[str]:
    found = target.bounds(Path("/j/main-0"), ROLE, mark="m", image="i", gpus=gpus, account=account)
    return list(found.wrapper)


def test_only_a_tasks_own_gpus_are_in_its_container(tmp_path: Path) -> None:
    for name in ("nvidiactl", "nvidia-uvm", "nvidia0", "nvidia2"):
        (tmp_path / name).touch()
    target = Engine("docker", "docker", "owner", devices=tmp_path)
    given_, without = words(target, gpus=(2,)), words(target)

    devices = [given_[at + 1] for at, word in enumerate(given_) if word == "--device"]
    assert devices == [
        f"{tmp_path / name}:{tmp_path / name}" for name in ("nvidiactl", "nvidia-uvm", "nvidia2")
    ]
    assert "NVIDIA_VISIBLE_DEVICES=2" in given_
    assert "--device" not in without
    assert "NVIDIA_VISIBLE_DEVICES=void" in without


def test_docker_is_told_what_it_knows() -> None:
    plain = words(
        Engine("docker", "/usr/bin/docker", "owner", ("--host", "unix:///s"), ("--init",))
    )
    free = words(Engine("docker", "docker", "owner", limited=False), account=Account(7, 8))

    assert plain[:4] == ["/usr/bin/docker", "--host", "unix:///s", "run"]
    assert plain[-8:] == [
        "--init",
        "--entrypoint",
        "/bin/sh",
        "--",
        "i",
        "/j/main-0/start",
        "/j/main-0/command",
        "/j/main-0/memory",
    ]
    limits = dict(pairwise(plain))
    assert limits["--memory"] == limits["--memory-swap"] == "150m"
    assert limits["--cpu-shares"] == "2048"
    assert limits["--shm-size"] == "4096"
    assert limits["--user"] == "0:0"
    assert not [word for word in plain if word.startswith("--http-proxy")]
    assert "--memory" not in free
    assert dict(pairwise(free))["--user"] == "7:8"


def test_an_engine_is_started_with_nothing_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("DOCKER_HOST", "unix:///s")

    assert engine.engine_environment()["DOCKER_HOST"] == "unix:///s"
    assert "LD_PRELOAD" not in engine.engine_environment()


@pytest.mark.parametrize(
    "image",
    [
        "dir:/etc",
        "docker-archive:/root/x.tar",
        "oci:there",
        "--privileged",
        "A/../b",
        "",
        "a b",
        "docker://debian",
        "containers-storage:debian",
        "debian@sha256:12",
        "x" * 80 + "\n",
    ],
)
async def test_what_is_no_image_of_a_registry_is_refused(podman: Podman, image: str) -> None:
    images = Images(Engine("podman", "podman", "owner", podman.options))
    with pytest.raises(ImageUnusable, match="is not the name of an image in a registry"):
        await images.have(image)


@pytest.mark.parametrize(
    "image",
    [
        "debian",
        "debian:12",
        "ghcr.io/a/b-c_d:v1.2",
        "localhost:5000/x",
        "[::1]:5000/a",
        "a/b@sha256:" + "0" * 64,
    ],
)
async def test_names_of_images_are_looked_up(image: str) -> None:
    images = Images(Engine("podman", "/bin/true", "owner"))

    await images.have(image)
    assert not images.fetching


async def test_an_engine_that_is_gone_is_the_reason() -> None:
    with pytest.raises(ImageUnusable, match=r"image debian cannot be had: .*no/such"):
        await Images(Engine("podman", "/no/such", "owner")).have("debian")
    await Images(None).have("whatever it is")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_field_of_a_mount_is_one_field(text: str) -> None:
    fields = [f"source={text}", "readonly"]

    assert list(csv.reader(io.StringIO(engine._joined(fields), newline=""))) == [fields]
