"""The variables that are known before a job has its place (contract, section 4.2)."""

from __future__ import annotations

from jobyard.domain.job import JobConfig, JobSubmission, Scalar, TaskRole


def job_facts(job: JobSubmission) -> dict[str, str]:
    """Give what is the same for every task of a job."""
    return {**_names(job), **_counts(job.config), **_role_facts(job.config)}


def current_facts(role: TaskRole, index: int) -> dict[str, str]:
    """Give what one task is told of itself and of its role."""
    tasks, cpus = str(role.task_number), str(role.cpu_number)
    memory, gpus = str(role.memory_mb), str(role.gpu_number)
    return {
        "PAI_CURRENT_TASK_ROLE_NAME": role.name,
        "PAI_CURRENT_TASK_ROLE_CURRENT_TASK_INDEX": str(index),
        "PAI_CURRENT_TASK_ROLE_TASK_COUNT": tasks,
        "PAI_CURRENT_TASK_ROLE_CPU_COUNT": cpus,
        "PAI_CURRENT_TASK_ROLE_MEM_MB": memory,
        "PAI_CURRENT_TASK_ROLE_GPU_COUNT": gpus,
        "PAI_CURRENT_TASK_ROLE_SHM_MB": str(role.shm_mb),
        "PAI_CURRENT_TASK_ROLE_MIN_FAILED_TASK_COUNT": _threshold(role.min_failed_task_count),
        "PAI_CURRENT_TASK_ROLE_MIN_SUCCEEDED_TASK_COUNT": _threshold(role.min_succeeded_task_count),
        "PAI_TASK_INDEX": str(index),
        "PAI_TASK_ROLE_NAME": role.name,
        "PAI_TASK_ROLE_NUM": tasks,
        "PAI_TASK_ROLE_INDEX": str(index),
        "PAI_TASK_CPU_NUM": cpus,
        "PAI_TASK_MEM_MB": memory,
        "PAI_TASK_GPU_NUM": gpus,
    }


def text_of(value: Scalar) -> str:
    """Spell a value of ``jobEnvs`` as its author did in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _names(job: JobSubmission) -> dict[str, str]:
    config = job.config
    return {
        "PAI_JOB_NAME": config.name,
        "PAI_USER_NAME": job.submitter,
        "PAI_USERNAME": job.submitter,
        "PAI_DEFAULT_FS_URI": job.fs_uri,
        "PAI_DATA_DIR": config.data_dir,
        "PAI_OUTPUT_DIR": config.output_dir,
        "PAI_CODE_DIR": config.code_dir,
        "PAI_JOB_VC_NAME": config.virtual_cluster,
    }


def _counts(config: JobConfig) -> dict[str, str]:
    roles, tasks = str(len(config.task_roles)), str(config.total_tasks)
    names = ",".join(role.name for role in config.task_roles)
    return {
        "PAI_TASK_ROLE_COUNT": roles,
        "PAI_TASK_ROLE_LIST": names,
        "PAI_TASKS_NUM": tasks,
        "PAI_JOB_TASK_COUNT": tasks,
        "PAI_TASK_ROLES_NUM": roles,
        "PAI_JOB_TASK_ROLE_COUNT": roles,
        "PAI_JOB_TASK_ROLE_LIST": names,
    }


def _role_facts(config: JobConfig) -> dict[str, str]:
    facts: dict[str, str] = {}
    for role in config.task_roles:
        amounts = (role.gpu_number, role.cpu_number, role.memory_mb, role.shm_mb)
        failed, succeeded = role.min_failed_task_count, role.min_succeeded_task_count
        facts[f"PAI_TASK_ROLE_TASK_COUNT_{role.name}"] = str(role.task_number)
        facts[f"PAI_RESOURCE_{role.name}"] = ",".join(map(str, amounts))
        facts[f"PAI_MIN_FAILED_TASK_COUNT_{role.name}"] = _threshold(failed)
        facts[f"PAI_MIN_SUCCEEDED_TASK_COUNT_{role.name}"] = _threshold(succeeded)
    return facts


def _threshold(count: int | None) -> str:
    # A role without a threshold has the variable all the same, empty.
    return "" if count is None else str(count)
