"""The start scripts of a job, one for each role."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from functools import partial
from typing import Final

from anyio import to_thread
from attrs import frozen

from jobyard.domain.job import JobSubmission
from jobyard.seams.context import JobTokens
from jobyard.seams.storage import Storage
from jobyard.secret import Secret
from jobyard_backends.scheduling.yarn.container_script import (
    CodeFolder,
    ContainerScript,
    DockerOptions,
    Runtime,
    SshAccess,
    render,
)
from jobyard_backends.scheduling.yarn.descriptor import code_source, folder_of
from jobyard_backends.scheduling.yarn.files import DAEMONS, script_path
from jobyard_backends.scheduling.yarn.registry_login import registry_config
from jobyard_backends.scheduling.yarn.views import Ports

_TOKEN_SECONDS: Final = 30 * 24 * 3600.0
"""For how long a task may reach the storage, the wait for its place included."""


@frozen
class StartScripts:
    """Write the scripts; ``docker`` has the tasks run in containers.

    ``leased`` says that the gateway gives the ports. ``public_url`` is where tasks reach the
    storage's front door.
    """

    storage: Storage
    tokens: JobTokens
    public_url: str
    docker: DockerOptions | None
    leased: bool

    async def __call__(self, job: JobSubmission, ports: Ports) -> Mapping[str, bytes]:
        """Give the scripts by their path below the job's folder.

        Raises:
            Refused: Something that the scripts need cannot be used.
            Unavailable: The storage does not answer.
        """
        token = self.tokens.storage_token(job.ref, job.submitter, _TOKEN_SECONDS)
        script = partial(
            ContainerScript,
            job=job,
            runtime=Runtime.NONE if self.docker is None else Runtime.DOCKER,
            leased=ports if self.leased else None,
            code=_code(job),
            ssh=self._ssh(job, token),
            storage_token=token,
            docker=await self._engine(job),
        )
        made = [script(role=role) for role in job.config.task_roles]
        return await to_thread.run_sync(_rendered, made)

    async def _engine(self, job: JobSubmission) -> DockerOptions:
        if self.docker is None:
            return DockerOptions()
        login = await registry_config(self.storage, job)
        return DockerOptions(
            program=self.docker.program,
            pull=self.docker.pull,
            registry_config=login,
            extra_volumes=self.docker.extra_volumes,
        )

    def _ssh(self, job: JobSubmission, token: Secret) -> SshAccess | None:
        if self.docker is None or job.keys is None:
            return None
        folder = f"{folder_of(job.submitter, str(job.name))}/{DAEMONS}"
        return SshAccess(
            public_key=job.keys.public,
            folder=f"{self.public_url}/webhdfs/v1{folder}",
            query=Secret(f"delegation={token.reveal()}"),
        )


def _code(job: JobSubmission) -> CodeFolder | None:
    source = code_source(job)
    return None if source is None else CodeFolder(posixpath.basename(source))


def _rendered(scripts: list[ContainerScript]) -> Mapping[str, bytes]:
    return {script_path(number): render(each).encode() for number, each in enumerate(scripts)}
