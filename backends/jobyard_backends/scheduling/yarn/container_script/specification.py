"""What a script tells the program that it brings along."""

from __future__ import annotations

from jobyard.domain.environment_values import current_facts, job_facts, text_of
from jobyard_backends.scheduling.yarn.container_script.values import (
    ContainerScript,
    Runtime,
    SshAccess,
    StoragePeers,
)


def specification(script: ContainerScript) -> dict[str, object]:
    """Give what the program on the node reads, for JSON.

    Raises:
        ValueError: A value of ``jobEnvs`` holds a NUL.
    """
    job, code, token = script.job, script.code, script.storage_token
    ssh = script.ssh if script.runtime is Runtime.DOCKER else None
    envs = {name: text_of(value) for name, value in job.config.job_envs.items()}
    for name, value in envs.items():
        if "\0" in value:
            message = f"jobEnvs.{name} holds a NUL"
            raise ValueError(message)
    return {
        "role": script.role.name,
        "roles": [[role.name, role.task_number] for role in job.config.task_roles],
        "facts": {**job_facts(job), **current_facts(script.role, 0)},
        "envs": envs,
        "leased": _leased(script),
        "peers": _peers(script),
        "patience": script.peers_patience,
        "code": code and {"url": code.url, "query": code.query.reveal()},
        "ssh": ssh and _ssh(ssh),
        "token": token.reveal() if token is not None else None,
    }


def _ssh(access: SshAccess) -> dict[str, str | None]:
    query = access.query.reveal()
    return {"key": access.public_key, "folder": access.folder, "query": query}


def _peers(script: ContainerScript) -> dict[str, str]:
    if isinstance(script.peers, StoragePeers):
        query = script.peers.query.reveal()
        return {"kind": "storage", "folder": script.peers.folder, "query": query}
    return {"kind": "launcher"}


def _leased(script: ContainerScript) -> dict[str, list[list[list[object]]]] | None:
    if script.leased is None:
        return None
    leased = script.leased
    return {
        role.name: [
            [[port.label, list(port.numbers)] for port in leased[role.name, index]]
            for index in range(role.task_number)
        ]
        for role in script.job.config.task_roles
    }
