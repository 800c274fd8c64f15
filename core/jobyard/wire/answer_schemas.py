"""What answers look like, for the OpenAPI document; :mod:`jobyard.wire.answers` makes them.

Fields without a default are in every answer; ``null`` is what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from jobyard.domain.states import ExecutionType, FrameworkState, JobState
from jobyard.domain.status import ExitType, WaitingCode
from jobyard.domain.virtual_cluster import VirtualClusterState
from jobyard.schema import option

_MILLISECONDS = "Milliseconds since the epoch."


@frozen
class ErrorBody:
    """Be the body of every error (contract, section 1, S)."""

    code: str = option(doc="What went wrong, for programs.")
    message: str = option(doc="What went wrong, for people.")


@frozen
class Message:
    """Be the answer of routes that change something."""

    message: str = option(doc="What was done.")


@frozen
class Token:
    """Be a token and whose it is (contract, section 2)."""

    token: str = option(doc="The token, for `Authorization: Bearer`.")
    user: str = option(doc="The user's canonical name.")
    admin: bool = option(doc="Whether an administrator.")
    has_git_hub_pat: bool = option(name="hasGitHubPAT", doc="Always false.")


@frozen
class User:
    """Be a user (contract, section 3)."""

    username: str = option(doc="The user's canonical name.")
    admin: Literal["true", "false"] = option(doc="Whether an administrator, as a text.")
    virtual_cluster: str = option(doc="Names of virtual clusters, separated by commas.")
    has_github_pat: bool = option(name="hasGithubPAT", doc="Always false.")


@frozen
class RetryDetails:
    """Count retries by their cause."""

    user: int = option(doc="After failures of unknown kind.")
    platform: int = option(doc="After failures of the platform.")
    resource: int = option(doc="After conflicts over resources.")


@frozen
class JobItem:
    """Be a job in a list (contract, section 4.3)."""

    name: str = option(doc="The job's name.")
    username: str | None = option(doc="Who submitted it.")
    state: JobState = option(doc="The job's state.")
    sub_state: FrameworkState | None = option(doc="The framework's state.")
    execution_type: ExecutionType = option(doc="What its owner wants of it.")
    retries: int = option(doc="How often it was retried.")
    retry_details: RetryDetails = option(doc="Retries by their cause.")
    created_time: int | None = option(doc=_MILLISECONDS)
    completed_time: int | None = option(doc=_MILLISECONDS)
    app_exit_code: int | None = option(doc="The exit code of the last attempt.")
    virtual_cluster: str | None = option(doc="Where it runs.")
    total_gpu_number: int | None = option(doc="GPUs of all tasks.")
    total_task_number: int | None = option(doc="How many tasks.")
    total_task_role_number: int | None = option(doc="How many roles.")
    legacy: bool = option(default=False, doc="True for a job without a namespace.")
    namespace: str = option(default="", doc="The namespace, where it is not the submitter.")


@frozen
class WaitingReason:
    """Say why a job waits (contract, section 7, N)."""

    code: WaitingCode = option(doc="Why, for programs.")
    message: str = option(doc="Why, for people.")
    queue_position: int | None = option(doc="Its place in the virtual cluster's queue, from 1.")


@frozen
class ExitSpec:
    """Explain an exit code."""

    code: int = option(doc="The exit code.")
    phrase: str | None = option(doc="Its name.")
    issuer: str | None = option(doc="Who gave it.")
    causer: str | None = option(doc="Who is at fault.")
    type: str | None = option(doc="Its kind.")
    stage: str | None = option(doc="When it happens.")
    behavior: str | None = option(doc="Whether it would happen again.")
    reaction: str | None = option(doc="What is done about it.")
    reason: str | None = option(doc="What happened.")
    repro: object = option(doc="How to make it happen.")
    solution: object = option(doc="How to mend it.")


@frozen
class ExitMessages:
    """Be what was said at the end, by whom."""

    container: str | None = option(doc="What the container said.")
    runtime: object = option(doc="What the runtime said: its document, or its text.")
    launcher: str | None = option(doc="What the launcher said.")


@frozen
class JobStatus:
    """Be a job's own part of its detail (contract, section 4.4)."""

    name: str = option(doc="The job's name.")
    username: str | None = option(doc="Who submitted it.")
    virtual_cluster: str | None = option(doc="Where it runs.")
    state: JobState = option(doc="The job's state.")
    sub_state: FrameworkState | None = option(doc="The framework's state.")
    created_time: int | None = option(doc=_MILLISECONDS)
    completed_time: int | None = option(doc=_MILLISECONDS)
    execution_type: ExecutionType = option(doc="What its owner wants of it.")
    retries: int = option(doc="How often it was retried.")
    retry_details: RetryDetails = option(doc="Retries by their cause.")
    app_id: str | None = option(doc="The attempt, as the backend calls it.")
    app_progress: float | None = option(doc="The share of ended tasks.")
    app_tracking_url: str | None = option(doc="The backend's own page.")
    app_launched_time: int | None = option(doc=_MILLISECONDS)
    app_completed_time: int | None = option(doc=_MILLISECONDS)
    app_exit_code: int | None = option(doc="The exit code of the attempt.")
    app_exit_spec: ExitSpec | None = option(doc="What the exit code means.")
    app_exit_diagnostics: str | None = option(doc="What the backend said at the end.")
    app_exit_messages: ExitMessages = option(doc="The diagnostics, by who said what.")
    app_exit_trigger_message: str | None = option(doc="What ended the attempt.")
    app_exit_trigger_task_role_name: str | None = option(doc="The role that ended it.")
    app_exit_trigger_task_index: int | None = option(doc="The task that ended it.")
    app_exit_type: ExitType | None = option(doc="The class of the end.")
    waiting_reason: WaitingReason | None = option(doc="Why it waits, while it does.")


@frozen
class TaskRoleName:
    """Name a role."""

    name: str = option(doc="The role's name.")


@frozen
class TaskStatus:
    """Be one task of a job."""

    task_index: int = option(doc="Its number in its role, from 0.")
    task_state: JobState = option(doc="Its state.")
    container_id: str | None = option(doc="Its container.")
    container_ip: str | None = option(doc="Where it runs.")
    container_ports: Mapping[str, str] = option(doc="Ports by label, separated by commas.")
    container_gpus: int | None = option(doc="The bit mask of its GPUs.")
    container_log: str | None = option(doc="Where its log is.")
    container_exit_code: int | None = option(doc="How it ended.")


@frozen
class TaskRole:
    """Be one role of a job, with its tasks."""

    task_role_status: TaskRoleName = option(doc="The role.")
    task_statuses: tuple[TaskStatus, ...] = option(doc="Its tasks, by index.")


@frozen
class JobDetail:
    """Be a job whole (contract, section 4.4)."""

    name: str = option(doc="The job's name.")
    job_status: JobStatus = option(doc="The job.")
    task_roles: Mapping[str, TaskRole] = option(doc="Its roles by name.")


@frozen
class SshContainer:
    """Be where the SSH daemon of a task listens."""

    id: str = option(doc="The container.")
    ssh_ip: str = option(doc="Its address.")
    ssh_port: str = option(doc="Its port, as a text.")


@frozen
class KeyPair:
    """Be where the job's keys are."""

    folder_path: str = option(doc="The folder in the storage.")
    public_key_file_name: str = option(doc="The public key's file.")
    private_key_file_name: str = option(doc="The private key's file.")
    private_key_direct_download_link: str | None = option(
        doc="Where the private key can be got; null for those who may not have it."
    )


@frozen
class SshInfo:
    """Be how to reach a job's tasks by SSH (contract, section 4.5)."""

    containers: tuple[SshContainer, ...] = option(doc="The tasks that can be reached.")
    key_pair: KeyPair = option(doc="The keys.")


@frozen
class ResourcesUsed:
    """Be what running jobs hold."""

    memory: int = option(doc="MB.")
    v_cores: int = option(doc="CPUs.")
    gpus: int = option(name="GPUs", doc="GPUs.")


@frozen
class VirtualCluster:
    """Be a virtual cluster (contract, section 5)."""

    capacity: int = option(doc="Percent of the whole cluster.")
    max_capacity: int = option(doc="Percent up to which it may borrow.")
    used_capacity: float = option(doc="Percent that is in use.")
    num_active_jobs: int = option(doc="Jobs that run.")
    num_jobs: int = option(doc="Jobs that have not ended.")
    num_pending_jobs: int = option(doc="Jobs that wait.")
    resources_used: ResourcesUsed = option(doc="What running jobs hold.")
    state: VirtualClusterState = option(doc="Whether it accepts new jobs.")
    status: Literal["RUNNING", "STOPPED"] = option(doc="The same, in capitals.")
