"""Jobs to try a scheduler with: commands that its tasks understand, and submissions of them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from attrs import evolve, frozen

from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.domain.job import (
    DEFAULT_VIRTUAL_CLUSTER,
    FrameworkName,
    JobConfig,
    JobRef,
    JobSubmission,
    KeyPair,
    OperationId,
    Scalar,
    SubmissionId,
    TaskRole,
)
from jobyard.domain.submission_id import new_operation_id, new_submission_id
from jobyard.testing.subject import PUBLIC_URL

OWNER: Final = Actor("conformance")
"""Whose jobs they are."""

FS_URI: Final = f"{PUBLIC_URL}/webhdfs/v1"
KEYS: Final = KeyPair(
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQcN5Vam1SuFk/pVjpUs8k6dMXks367xOuxcUBnkzq5",
    b"",
)
"""A job's keys, of which nobody has the private half: the gateway gives every job a pair."""

ROLE: Final = "worker"
"""The name of a job's task role where none is said."""


@frozen
class Commands:
    """Be what tasks are given to do; the defaults are for a shell.

    ``fail`` ends with ``exit_code``; ``wait`` runs until it is stopped; ``speak`` writes
    ``spoken`` to its standard output and succeeds, and ``speak_and_wait`` writes the same and
    runs until it is stopped.
    """

    succeed: str = "true"
    fail: str = "exit 3"
    exit_code: int = 3
    wait: str = "exec sleep 3600"
    speak: str = "echo 0123456789"
    speak_and_wait: str = "echo 0123456789; exec sleep 3600"
    spoken: bytes = b"0123456789\n"


def role(  # noqa: PLR0917 - the first two are all that most have
    command: str,
    name: str = ROLE,
    tasks: int = 1,
    cpus: int = 1,
    min_failed: int | None = 1,
    min_succeeded: int | None = None,
) -> TaskRole:
    """Make a task role."""
    return TaskRole(
        name=name,
        command=command,
        task_number=tasks,
        cpu_number=cpus,
        min_failed_task_count=min_failed,
        min_succeeded_task_count=min_succeeded,
    )


def submission(
    *roles: TaskRole,
    name: str | None = None,
    virtual_cluster: str = DEFAULT_VIRTUAL_CLUSTER,
    retry_count: int = 0,
    job_envs: Mapping[str, Scalar] | None = None,
) -> JobSubmission:
    """Make a submission with an id of its own, and without ``name`` with a name of its own."""
    job = f"job-{secrets.token_hex(6)}" if name is None else name
    config = JobConfig(
        name=job,
        image="conformance",
        task_roles=roles,
        output_dir=f"{FS_URI}/Output/{OWNER.account}/{job}",
        virtual_cluster=virtual_cluster,
        retry_count=retry_count,
        job_envs=job_envs or {},
    )
    now = SystemClock().now()
    return JobSubmission(
        ref=JobRef(FrameworkName(OWNER.account, job), new_submission_id(now)),
        submitter=OWNER.account,
        config=config,
        document=b"{}",
        fs_uri=FS_URI,
        created_at=now,
        keys=KEYS,
    )


def another(job: JobSubmission) -> JobSubmission:
    """Make another submission of the same name and configuration."""
    ref = evolve(job.ref, submission=_submission_id())
    return evolve(job, ref=ref)


def operation() -> OperationId:
    """Make the id of a start, a stop or a delete."""
    return new_operation_id(SystemClock().now())


def _submission_id() -> SubmissionId:
    return new_submission_id(SystemClock().now())
