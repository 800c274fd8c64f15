"""The scripts are good bash, and what they bring along runs on an old node."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.resources import files
from itertools import product
from typing import Any, Final

import pytest

from jobyard.secret import Secret
from jobyard_backends.scheduling.yarn.container_script import (
    CodeFolder,
    DockerOptions,
    Runtime,
    SshAccess,
    StoragePeers,
)
from tests.backends.scheduling.yarn.container_script.scripts import job, script

PACKAGE: Final = files("jobyard_backends.scheduling.yarn.container_script")
NODE: Final = sorted(
    each.name for each in PACKAGE.joinpath("node").iterdir() if each.name.endswith(".py")
)
VARIANTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {
        "code": CodeFolder("code"),
        "ssh": SshAccess("ssh-ed25519 AAAA", "http://s/webhdfs/v1/ssh"),
        "docker": DockerOptions(
            registry_config=Secret("{}"), extra_volumes=("/a:/b", "/c:/d:ro"), pull=False
        ),
    },
    {
        "code": CodeFolder("code", "http://s/webhdfs/v1/code", Secret("user.name=alice")),
        "peers": StoragePeers("http://s/webhdfs/v1/x", Secret("user.name=alice")),
        "storage_token": Secret("token"),
        "leased": {("main", 0): ()},
    },
)


def shellcheck(text: str) -> None:
    done = subprocess.run(
        ["shellcheck", "--shell", "bash", "-"],
        input=text,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("runtime", "variant"), list(product(Runtime, range(len(VARIANTS)))))
def test_shellcheck_finds_nothing(runtime: Runtime, variant: int) -> None:
    shellcheck(script(job(), runtime, **VARIANTS[variant]))


def test_shellcheck_finds_nothing_in_what_runs_in_the_container() -> None:
    shellcheck(PACKAGE.joinpath("task.sh").read_text("utf-8"))


@pytest.mark.parametrize("name", NODE)
def test_the_program_is_old_python_and_needs_nothing(name: str) -> None:
    tree = ast.parse(PACKAGE.joinpath("node", name).read_text("utf-8"), feature_version=(3, 7))

    imported = [
        each
        for node in ast.walk(tree)
        for each in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    ]
    assert {each.partition(".")[0] for each in imported} <= sys.stdlib_module_names


def test_every_part_of_the_program_is_brought_along() -> None:
    text = script(job())

    assert [name for name in NODE if f'"$state/"node/{name}' not in text] == []
