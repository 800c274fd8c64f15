"""What a job is: its names, its configuration after defaults, and its submission."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NewType

from attrs import frozen

SubmissionId = NewType("SubmissionId", str)
"""One acceptance of one job, a UUIDv7; a name that is free again gets another one."""

OperationId = NewType("OperationId", str)
"""One accepted start, stop or delete, a UUIDv7."""

JOB_NAME_PATTERN: Final = r"^[A-Za-z0-9\-._]+$"
ROLE_NAME_PATTERN: Final = r"^[A-Za-z0-9._~]+$"
LONGEST_FRAMEWORK_NAME: Final = 251
"""Characters of ``$username~$jobName`` together (contract, section 4.1)."""

DEFAULT_VIRTUAL_CLUSTER: Final = "default"

Scalar = str | int | float | bool

_JOB_NAME: Final = re.compile(r"[A-Za-z0-9\-._]+")


def is_job_name(text: str) -> bool:
    """Tell whether a text may be a job's name."""
    return _JOB_NAME.fullmatch(text) is not None


@frozen(order=True, weakref_slot=False)
class FrameworkName:
    """Be the full name of a job: ``namespace~job``, or ``job`` alone for a legacy one."""

    namespace: str | None
    job: str

    @classmethod
    def parse(cls, text: str) -> FrameworkName:
        """Split at the first ``~``; without one it is a legacy job's name."""
        namespace, tilde, job = text.partition("~")
        return cls(namespace, job) if tilde else cls(None, text)

    @property
    def legacy(self) -> bool:
        """Tell whether the job has no namespace."""
        return self.namespace is None

    def __str__(self) -> str:
        return self.job if self.namespace is None else f"{self.namespace}~{self.job}"


@frozen
class JobRef:
    """Point at one incarnation of a job; ``submission`` is ``None`` where it is not ours."""

    name: FrameworkName
    submission: SubmissionId | None


@frozen
class TaskRef:
    """Point at one task of a job."""

    job: JobRef
    role: str
    index: int


@frozen
class PortRequest:
    """Ask for ``count`` consecutive ports under a label, from ``begin_at`` on; 0 is any."""

    label: str
    begin_at: int
    count: int


@frozen
class TaskRole:
    """Be one role of a job: so many equal tasks, what each needs, and what decides the role."""

    name: str
    command: str
    task_number: int = 1
    cpu_number: int = 1
    memory_mb: int = 100
    shm_mb: int = 64
    gpu_number: int = 0
    ports: tuple[PortRequest, ...] = ()
    min_failed_task_count: int | None = 1
    min_succeeded_task_count: int | None = None

    def all_ports(self) -> tuple[PortRequest, ...]:
        """Give the ports of one task: those asked for, and ``http`` and ``ssh`` always (4.1)."""
        labels = {port.label for port in self.ports}
        extra = (PortRequest(label, 0, 1) for label in ("http", "ssh") if label not in labels)
        return (*self.ports, *extra)


@frozen
class JobConfig:
    """Be a job's configuration after defaults; paths may still hold ``$PAI_*`` variables."""

    name: str
    image: str
    task_roles: tuple[TaskRole, ...]
    auth_file: str = ""
    data_dir: str = ""
    output_dir: str = ""
    code_dir: str = ""
    virtual_cluster: str = DEFAULT_VIRTUAL_CLUSTER
    gpu_type: str = ""
    retry_count: int = 0
    job_envs: Mapping[str, Scalar] = {}
    extras: Mapping[str, object] = {}

    @property
    def total_tasks(self) -> int:
        """Count the tasks of all roles."""
        return sum(role.task_number for role in self.task_roles)

    @property
    def total_gpus(self) -> int:
        """Count the GPUs of all tasks."""
        return sum(role.task_number * role.gpu_number for role in self.task_roles)


@frozen
class KeyPair:
    """Be an SSH key pair in OpenSSH's text forms; the private half is kept out of ``repr``."""

    public: str
    private: bytes

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


@frozen
class JobSubmission:
    """Be everything that a scheduler gets of a job that it is to run.

    In ``config`` the paths are final: no ``$PAI_*`` is left in them, ``output_dir`` is set.
    ``document`` is the configuration as its author sent it, in JSON. ``fs_uri`` is what
    ``$PAI_DEFAULT_FS_URI`` stands for. ``created_at`` is in milliseconds since the epoch.
    """

    ref: JobRef
    submitter: str
    config: JobConfig
    document: bytes
    fs_uri: str
    created_at: int
    keys: KeyPair | None = None

    @property
    def name(self) -> FrameworkName:
        """Give the job's full name."""
        return self.ref.name

    @property
    def submission(self) -> SubmissionId:
        """Give the submission's id, which a submission always has."""
        if self.ref.submission is None:
            message = "a submission without an id"
            raise ValueError(message)
        return self.ref.submission
