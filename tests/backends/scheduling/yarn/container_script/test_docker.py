"""``runtime: docker`` with a stand-in for Docker on PATH, which notes every call.

What a container would run is a process here. What an engine makes of the arguments is the matter of
``test_engine``; GPUs, pulls and SSH daemons are nowhere but here.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import frozen
from hypothesis import given, settings

from jobyard.domain.exits import exit_messages
from jobyard.domain.job import JobSubmission, TaskRole
from jobyard.secret import Secret
from jobyard_backends.scheduling.yarn.container_script import DockerOptions, Runtime, SshAccess
from tests.backends.scheduling.yarn.container_script.conftest import Places
from tests.backends.scheduling.yarn.container_script.scripts import (
    PRINT_ENVIRONMENT,
    job,
    printed_environment,
    run,
    script,
)
from tests.backends.scheduling.yarn.container_script.test_environment import HOSTILE

STAND_IN: Final = r"""#!/usr/bin/env bash
# A stand-in for docker: $CALLS gets the number of arguments, and every argument, each with a NUL.
printf '%s\0' "$#" "$@" >>"$CALLS"
[ "$1" != --config ] || shift 2
case $1 in
  pull) printf '%s\n' "${PULL_SAYS:-}" >&2; exit "${PULL_CODE:-0}" ;;
  inspect) cat "$LOG_DIRS/state" ;;
  run)
    [ -z "${RUN_CODE:-}" ] || { printf '%s\n' "${RAN:-}" >"$LOG_DIRS/state"; exit "$RUN_CODE"; }
    while [ "$1" != --volume ]; do shift; done
    inside=${2%%:*} run=${4%%:*}
    cd "$PWD/work" && bash "$inside/task.sh" "$inside" "$run"
    code=$?
    echo "${OOM:-false} $code" >"$LOG_DIRS/state"
    exit "$code" ;;
esac
"""


@frozen
class Done:
    """Be a script that has ended: its code, the calls of Docker, and the folder it ran in."""

    code: int
    stderr: str
    calls: tuple[tuple[str, ...], ...]
    folder: Path

    def call(self, verb: str) -> tuple[str, ...]:
        """Give the arguments of the one call with a verb."""
        (found,) = [each for each in self.calls if each[0] == verb]
        return found

    @property
    def error(self) -> Any:
        """Give what the script said of a failure of its own."""
        return exit_messages(self.stderr, self.code).runtime


def start(
    places: Places,
    folder: Path,
    submission: JobSubmission,
    environment: Mapping[str, str] | None = None,
    **changes: Any,
) -> Done:
    places.tasks = {
        (role.name, index): ("127.0.0.1", "http:23456;ssh:23457;")
        for role in submission.config.task_roles
        for index in range(role.task_number)
    }
    programs = folder / "programs"
    programs.mkdir()
    (programs / "docker").write_text(STAND_IN)
    (programs / "docker").chmod(0o755)
    told = {**places.environment(), "CALLS": str(folder / "calls"), **(environment or {})}
    done = run(
        script(submission, Runtime.DOCKER, **changes),
        folder,
        told,
        path=f"{programs}:{os.environ['PATH']}",
    )
    calls = (folder / "calls").read_bytes().decode("utf-8", "surrogateescape")
    return Done(
        done.returncode,
        done.stderr.decode(),
        tuple(_calls(calls.split("\0")[:-1])),
        folder,
    )


def _calls(parts: list[str]) -> Iterator[tuple[str, ...]]:
    while parts:
        number = int(parts[0])
        yield tuple(parts[1 : number + 1])
        parts = parts[number + 1 :]


def option(call: tuple[str, ...], name: str) -> list[str]:
    """Give the values of an option."""
    options = call[:-5]  # before "--", the image, and what runs in it
    return [value for each, value in pairwise(options) if each == name]


def test_the_container_is_bounded_and_gets_what_it_needs(
    known_places: Places, tmp_path: Path
) -> None:
    role = TaskRole("w", PRINT_ENVIRONMENT, cpu_number=3, memory_mb=2048, shm_mb=128, gpu_number=2)
    done = start(
        known_places,
        tmp_path,
        job(role, image="registry/image:1"),
        {"CONTAINER_GPUS": "5"},
        docker=DockerOptions(extra_volumes=("/data:/data:ro",)),
    )

    assert done.code == 0
    call = done.call("run")
    assert option(call, "--cpus") == ["3"]
    assert option(call, "--memory") == option(call, "--memory-swap") == ["2048m"]
    assert option(call, "--shm-size") == ["128m"]
    assert option(call, "--network") == ["host"]
    assert option(call, "--gpus") == ['"device=0,2"']
    assert option(call, "--volume")[-1] == "/data:/data:ro"
    assert call[-5:-3] == ("--", "registry/image:1")
    assert call[-3:] == ("/jobyard/inside/task.sh", "/jobyard/inside", "/jobyard/run")
    assert done.call("pull") == ("pull", "--quiet", "--", "registry/image:1")
    assert printed_environment(tmp_path / "environment")["PAI_CONTAINER_HOST_PORT"] == "23456"
    assert done.calls[-1][:2] == ("rm", "--force")


def test_no_gpu_is_no_gpu(known_places: Places, tmp_path: Path) -> None:
    call = start(known_places, tmp_path, job()).call("run")

    assert option(call, "--gpus") == []
    assert option(call, "--env") == ["NVIDIA_VISIBLE_DEVICES=void"]


@given(image=HOSTILE, value=HOSTILE, volume=HOSTILE)
@settings(max_examples=200 if os.environ.get("JOBYARD_LONG") else 8, deadline=None)
def test_no_value_is_ever_code_or_an_option(
    known_places: Places, image: str, value: str, volume: str
) -> None:
    submission = job(
        TaskRole("main", PRINT_ENVIRONMENT), image=image, job_envs={"JOBYARD_TEST": value}
    )
    with tempfile.TemporaryDirectory() as folder:
        done = start(
            known_places, Path(folder), submission, docker=DockerOptions(extra_volumes=(volume,))
        )
        assert done.code == 0
        assert printed_environment(Path(folder) / "environment")["JOBYARD_TEST"] == value
        assert list(Path(folder).rglob("pwned")) == []
    call = done.call("run")
    assert call[-4] == image
    assert call[-5] == "--"
    assert option(call, "--volume")[-1] == volume


@pytest.mark.parametrize(
    ("environment", "code", "name"),
    [
        ({"PULL_CODE": "1", "PULL_SAYS": "manifest unknown"}, 194, "ImageUnusable"),
        ({"PULL_CODE": "1", "PULL_SAYS": "i/o timeout"}, 193, "ContainerEngineFailed"),
        ({"RUN_CODE": "125"}, 193, "ContainerEngineFailed"),
        ({"RUN_CODE": "125", "RAN": "false 0"}, 193, "ContainerEngineFailed"),
        ({"RUN_CODE": "127", "RAN": "false 127"}, 194, "ImageUnusable"),
        ({"OOM": "true"}, 196, "OutOfMemory"),
    ],
)
def test_failures_have_their_codes(
    known_places: Places, tmp_path: Path, environment: Mapping[str, str], code: int, name: str
) -> None:
    done = start(known_places, tmp_path, job(), environment)

    assert (done.code, done.error["name"]) == (code, name)


@pytest.mark.parametrize("code", [0, 1, 125, 137])
def test_the_commands_code_is_the_scripts(known_places: Places, tmp_path: Path, code: int) -> None:
    done = start(known_places, tmp_path, job(TaskRole("w", f"exit {code}")))

    assert (done.code, done.stderr) == (code, "")


def test_secrets_are_in_no_process_list(known_places: Places, tmp_path: Path) -> None:
    secrets = ("of-the-registry", "of-the-storage", "of-the-job")
    done = start(
        known_places,
        tmp_path,
        job(job_envs={"PASSWORD": secrets[2]}),
        docker=DockerOptions(registry_config=Secret(json.dumps({"auths": secrets[0]}))),
        storage_token=Secret(secrets[1]),
        ssh=SshAccess("ssh-ed25519 AAAA"),
    )

    assert done.code == 0
    assert [each for call in done.calls for each in call if each in secrets] == []
    state = tmp_path / ".jobyard"
    assert json.loads((state / "docker" / "config.json").read_text())["auths"] == secrets[0]
    assert (state / "inside" / "ssh-port").read_text() == "23457"
    assert (state / "inside" / "ssh-key").read_text() == "ssh-ed25519 AAAA\n"
    assert oct(state.stat().st_mode & 0o777) == "0o700"
