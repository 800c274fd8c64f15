"""What the submission of a job holds (contract, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import frozen

from jobyard.domain import job
from jobyard.errors import Problem
from jobyard.schema import option
from jobyard.wire.wording import key_path, shorten

MOST_TASKS: Final = 100_000
"""Tasks of a job: the addresses of so many pass the 1.5 MB of an environment in any case."""

LAST_PORT: Final = 65_535


@frozen
class PortRequest:
    """Ask for ports under a label."""

    label: str = option(doc="What the ports are called.", pattern=job.ROLE_NAME_PATTERN)
    begin_at: int = option(
        minimum=0, maximum=LAST_PORT, doc="The first port; 0 leaves the choice to the cluster."
    )
    port_number: int = option(minimum=1, maximum=LAST_PORT, doc="How many ports.")

    def problems(self) -> Iterable[Problem]:
        """Check that the last port exists."""
        if self.begin_at + self.port_number > LAST_PORT + 1:
            yield Problem("portNumber", f"the ports from {self.begin_at} on end at {LAST_PORT}")

    def to_domain(self) -> job.PortRequest:
        """Give the domain's value."""
        return job.PortRequest(self.label, self.begin_at, self.port_number)


@frozen
class TaskRoleRequest:
    """Describe one role of a job."""

    name: str = option(doc="The role's name.", pattern=job.ROLE_NAME_PATTERN, example="main")
    task_number: int = option(default=1, minimum=1, doc="How many tasks.")
    cpu_number: int = option(default=1, minimum=1, doc="CPUs of one task.")
    memory_mb: int = option(name="memoryMB", default=100, minimum=100, doc="Memory of one task.")
    shm_mb: int = option(
        name="shmMB", default=64, minimum=0, doc="Shared memory of one task; at most `memoryMB`."
    )
    gpu_number: int = option(default=0, minimum=0, doc="GPUs of one task.")
    port_list: tuple[PortRequest, ...] = option(
        default=(), doc="Ports of one task; `http` and `ssh` are added where they are left out."
    )
    command: str = option(
        min_length=1, doc="What every task runs, in a shell.", example="echo Hello"
    )
    min_failed_task_count: int | None = option(
        default=1,
        minimum=1,
        doc="The job fails when so many tasks have failed; null: never for this role.",
    )
    min_succeeded_task_count: int | None = option(
        default=None,
        minimum=1,
        doc="The job succeeds when so many tasks have succeeded; null: not for this role.",
    )

    def problems(self) -> Iterable[Problem]:
        """Check shared memory, the counts that decide the role, and the labels of ports."""
        if self.shm_mb > self.memory_mb:
            message = f"expected at most memoryMB, which is {self.memory_mb}, got {self.shm_mb}"
            yield Problem("shmMB", message)
        counts = {
            "minFailedTaskCount": self.min_failed_task_count,
            "minSucceededTaskCount": self.min_succeeded_task_count,
        }
        for name, count in counts.items():
            if count is not None and count > self.task_number:
                message = f"expected at most taskNumber, which is {self.task_number}, got {count}"
                yield Problem(name, message)
        labels = [port.label for port in self.port_list]
        yield from _repeated("portList", "label", labels)

    def to_domain(self) -> job.TaskRole:
        """Give the domain's value."""
        return job.TaskRole(
            name=self.name,
            command=self.command,
            task_number=self.task_number,
            cpu_number=self.cpu_number,
            memory_mb=self.memory_mb,
            shm_mb=self.shm_mb,
            gpu_number=self.gpu_number,
            ports=tuple(port.to_domain() for port in self.port_list),
            min_failed_task_count=self.min_failed_task_count,
            min_succeeded_task_count=self.min_succeeded_task_count,
        )


@frozen
class JobRequest:
    """Describe a job; what its author left out has the contract's defaults."""

    job_name: str = option(
        doc="The job's name; with `$username~` before it at most 251 characters.",
        pattern=job.JOB_NAME_PATTERN,
        example="fit-line",
    )
    image: str = option(
        min_length=1, doc="The container image that tasks run in.", example="debian:12"
    )
    auth_file: str = option(default="", doc="A file with credentials of the image's registry.")
    data_dir: str = option(default="", doc="Where the job's data lies.")
    output_dir: str = option(
        default="", doc="Where results go; by default `$PAI_DEFAULT_FS_URI/Output/$user/$job`."
    )
    code_dir: str = option(default="", doc="A folder that every task gets a copy of.")
    virtual_cluster: str = option(
        default=job.DEFAULT_VIRTUAL_CLUSTER, doc="Where the job runs; empty is `default`."
    )
    task_roles: tuple[TaskRoleRequest, ...] = option(min_length=1, doc="The job's roles.")
    gpu_type: str = option(default="", doc="The type of GPU that all tasks need; empty is any.")
    retry_count: int = option(
        default=0,
        minimum=-2,
        doc="Retries of a failure of unknown kind; -1 without limit, -2 after every end.",
    )
    job_envs: Mapping[str, job.Scalar] = option(
        factory=dict,
        key_pattern=r"(?!PAI_)[A-Za-z0-9_]+",
        doc="Variables of every task's environment; names that start with `PAI_` are taken.",
    )
    extras: Mapping[str, object] = option(
        factory=dict,
        key_pattern=r"[A-Za-z0-9._]+",
        doc="What the author wants to keep with the job; it is not read.",
    )
    kill_all_on_completed_task_number: object = option(
        default=None, doc="Obsolete: accepted, and without meaning."
    )

    def problems(self) -> Iterable[Problem]:
        """Check that roles differ in name, and that their tasks are not beyond any cluster."""
        yield from _repeated("taskRoles", "name", [role.name for role in self.task_roles])
        tasks = sum(role.task_number for role in self.task_roles)
        if tasks > MOST_TASKS:
            message = f"expected at most {MOST_TASKS} tasks in all roles together, got {tasks}"
            yield Problem("taskRoles", message)

    def to_config(self) -> job.JobConfig:
        """Give the domain's value; its paths are as they were written."""
        return job.JobConfig(
            name=self.job_name,
            image=self.image,
            task_roles=tuple(role.to_domain() for role in self.task_roles),
            auth_file=self.auth_file,
            data_dir=self.data_dir,
            output_dir=self.output_dir,
            code_dir=self.code_dir,
            virtual_cluster=self.virtual_cluster or job.DEFAULT_VIRTUAL_CLUSTER,
            gpu_type=self.gpu_type,
            retry_count=self.retry_count,
            job_envs=self.job_envs,
            extras=self.extras,
        )


def job_document(config: job.JobConfig) -> dict[str, object]:
    """Spell a configuration as a request does, with everything that defaults made of it."""
    return {
        "jobName": config.name,
        "image": config.image,
        "authFile": config.auth_file,
        "dataDir": config.data_dir,
        "outputDir": config.output_dir,
        "codeDir": config.code_dir,
        "virtualCluster": config.virtual_cluster,
        "taskRoles": [_role_document(role) for role in config.task_roles],
        "gpuType": config.gpu_type,
        "retryCount": config.retry_count,
        "jobEnvs": dict(config.job_envs),
        "extras": dict(config.extras),
    }


def _role_document(role: job.TaskRole) -> dict[str, object]:
    return {
        "name": role.name,
        "taskNumber": role.task_number,
        "cpuNumber": role.cpu_number,
        "memoryMB": role.memory_mb,
        "shmMB": role.shm_mb,
        "gpuNumber": role.gpu_number,
        "portList": [
            {"label": port.label, "beginAt": port.begin_at, "portNumber": port.count}
            for port in role.ports
        ],
        "command": role.command,
        "minFailedTaskCount": role.min_failed_task_count,
        "minSucceededTaskCount": role.min_succeeded_task_count,
    }


def _repeated(where: str, name: str, values: list[str]) -> Iterable[Problem]:
    first: dict[str, int] = {}
    for index, value in enumerate(values):
        if value in first:
            path = key_path(f"{where}[{index}]", name)
            other = f"{where}[{first[value]}]"
            yield Problem(path, f"{shorten(value)} is the {name} of {other} already")
        first.setdefault(value, index)
