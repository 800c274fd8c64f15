"""``runtime: docker`` in containers of podman, which understands Docker's arguments.

Docker itself, GPUs and an image's SSH daemon are not here.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen

from jobyard.domain.environment import GangPlacement, TaskPlace, task_environment
from jobyard.domain.exits import exit_messages
from jobyard.domain.job import JobSubmission, TaskRole
from jobyard.domain.status import TaskPorts
from jobyard_backends.scheduling.yarn.container_script import (
    CodeFolder,
    DockerOptions,
    Runtime,
)
from tests.backends.scheduling.yarn.container_script.conftest import Places
from tests.backends.scheduling.yarn.container_script.scripts import (
    SET_BY_BASH,
    job,
    printed_environment,
    run,
    script,
)
from tests.podman import BARE, RUN_OPTIONS, Podman, podman_store

IMAGE: Final = "localhost/bash:1"
PROGRAMS: Final = ("bash", "env", "cat", "id", "sleep", "touch", "mkdir", "head", "tr")
PORTS: Final = (TaskPorts("http", (23456,)), TaskPorts("ssh", (23457,)))
PATIENCE: Final = 60.0


@pytest.fixture(scope="module")
def engine() -> Iterator[Podman]:
    """A store with an image that has bash, made of this machine's own."""
    with podman_store() as store:
        archive = Path(store.options[1]).parent / "bash.tar"
        with tarfile.open(archive, "w", dereference=True) as file:
            for path in sorted(_needed()):
                file.add(path, path.lstrip("/"))
        store.run("import", "--quiet", str(archive), IMAGE)
        yield store


def _needed() -> set[str]:
    """Give the programs, and the libraries that they load."""
    programs = {path for name in PROGRAMS if (path := shutil.which(name)) is not None}
    listed = subprocess.run(["ldd", *programs], capture_output=True, check=True, text=True).stdout
    return programs | set(re.findall(r"(/\S+) \(0x", listed))


@frozen
class Node:
    """Be a node: its engine, on whose PATH ``docker`` is podman, and what a launcher tells tasks."""

    engine: Podman
    folder: Path
    path: str
    told: Mapping[str, str]

    def run(self, submission: JobSubmission, **changes: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a job's one task to its end."""
        return run(text(submission, **changes), self.folder, self.told, self.path)


@pytest.fixture
def node(engine: Podman, known_places: Places, tmp_path: Path) -> Node:
    programs = tmp_path / "programs"
    programs.mkdir()
    podman = shlex.join(["podman", *engine.options])
    (programs / "docker").write_text(
        f'#!/bin/sh\nif [ "$1" = run ]; then shift; set -- run {shlex.join(RUN_OPTIONS)} "$@"; fi\n'
        f'exec {podman} "$@"\n'
    )
    (programs / "docker").chmod(0o755)
    known_places.tasks = {("w", 0): ("127.0.0.1", "http:23456;ssh:23457;")}
    path = f"{programs}:{os.environ['PATH']}"
    return Node(engine, tmp_path, path, known_places.environment())


def text(submission: JobSubmission, **changes: Any) -> str:
    return script(submission, Runtime.DOCKER, docker=DockerOptions(pull=False), **changes)


def test_the_command_has_its_environment_its_files_and_its_bounds(node: Node) -> None:
    command = (
        "env -0 >environment; id -u; echo $PWD; cat code/hello;"
        "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null;"
        "touch /jobyard/inside/mine 2>/dev/null || echo read-only"
    )
    (node.folder / "code").mkdir()
    (node.folder / "code" / "hello").write_text("hello\n")
    submission = job(
        TaskRole("w", command, memory_mb=128), image=IMAGE, job_envs={"ODD": "a\nb'\"$c\r"}
    )
    done = node.run(submission, code=CodeFolder("code"))

    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert lines == ["0", "/jobyard/work", "hello", str(128 * 1024 * 1024), "read-only"]
    found = printed_environment(node.folder / "work" / "environment")
    place = GangPlacement({("w", 0): TaskPlace("127.0.0.1", PORTS)}, "")
    expected = task_environment(submission, place, "w", 0, node.told["CONTAINER_ID"])
    names = expected.keys() - SET_BY_BASH
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}
    assert node.engine.containers() == []


@pytest.mark.parametrize(
    ("command", "image", "expected"),
    [
        ("exit 7", IMAGE, (7, None)),
        ("exit 125", IMAGE, (125, None)),
        ("kill -9 $$", IMAGE, (137, None)),
        ("x=$(head -c 300M /dev/zero | tr '\\0' x)", IMAGE, (196, "OutOfMemory")),
        ("true", BARE, (194, "ImageUnusable")),
        ("true", "localhost/nothing:1", (193, "ContainerEngineFailed")),
    ],
)
def test_ends_have_their_codes(
    node: Node, command: str, image: str, expected: tuple[int, str | None]
) -> None:
    done = node.run(job(TaskRole("w", command, memory_mb=100), image=image))

    error: Any = exit_messages(done.stderr.decode(), done.returncode).runtime
    assert (done.returncode, error and error["name"]) == expected
    assert node.engine.containers() == []


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_no_container_outlives_its_script(node: Node, how: str) -> None:
    command = 'trap "touch asked; exit 5" TERM; touch ready; sleep 600 & wait'
    submission = job(TaskRole("w", command), image=IMAGE)
    (node.folder / "start.sh").write_text(text(submission, grace=5.0))
    environment = {"PATH": node.path, "LOG_DIRS": str(node.folder), "TASK_INDEX": "0", **node.told}
    work = node.folder / "work"
    with subprocess.Popen(["bash", "start.sh"], cwd=node.folder, env=environment) as process:
        until((work / "ready").exists)
        process.send_signal(signal.Signals[how])
        code = process.wait(PATIENCE)

    assert code == {"SIGTERM": 5, "SIGKILL": -9}[how]
    until(lambda: node.engine.containers() == [])
    assert (work / "asked").exists()


def until(met: Callable[[], bool]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)
