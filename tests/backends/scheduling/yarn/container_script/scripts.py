"""Jobs and their scripts for tests, and a bash to run them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jobyard.domain.job import (
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
    SubmissionId,
    TaskRole,
)
from jobyard_backends.scheduling.yarn.container_script import ContainerScript, Runtime, render

PRINT_ENVIRONMENT: Final = 'env -0 >"$LOG_DIRS/environment"'
SET_BY_BASH: Final = {"_", "PWD", "OLDPWD", "SHLVL"}


def job(*roles: TaskRole, **changes: Any) -> JobSubmission:
    config = JobConfig(
        **{
            "name": "fit",
            "image": "debian:12",
            "task_roles": roles or (TaskRole("main", "true"),),
            "output_dir": "hdfs://c/Output/alice/fit",
            **changes,
        }
    )
    ref = JobRef(
        FrameworkName("alice", "fit"), SubmissionId("0190f1a2-0000-7000-8000-000000000000")
    )
    return JobSubmission(ref, "alice", config, b"{}", "hdfs://c", 0)


def script(submission: JobSubmission, runtime: Runtime = Runtime.NONE, **changes: Any) -> str:
    """Render the script of a job's first role."""
    role = submission.config.task_roles[0]
    return render(ContainerScript(job=submission, role=role, runtime=runtime, **changes))


def run(
    text: str, folder: Path, environment: Mapping[str, str], path: str = os.environ["PATH"]
) -> subprocess.CompletedProcess[bytes]:
    """Run a script to its end, as a NodeManager would, in a folder of its own."""
    (folder / "start.sh").write_text(text, "utf-8")
    return subprocess.run(
        ["bash", "start.sh"],
        cwd=folder,
        env={"PATH": path, "LOG_DIRS": str(folder), "TASK_INDEX": "0", **environment},
        capture_output=True,
        check=False,
        timeout=120,
    )


def printed_environment(path: Path) -> dict[str, str]:
    """Read what ``env -0`` printed."""
    pairs = path.read_bytes().decode("utf-8", "surrogateescape").split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)
