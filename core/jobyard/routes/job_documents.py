"""What belongs to a job beside its detail: its configuration and its SSH access (4, 4.5)."""

from __future__ import annotations

from typing import Final, Protocol

import anyio.to_thread
import orjson

from jobyard.domain.identity import Actor
from jobyard.domain.job import FrameworkName, JobRef
from jobyard.domain.status import JobSummary, SshContainer
from jobyard.errors import (
    BackendError,
    ForbiddenUser,
    NoJob,
    NoJobConfig,
    NoJobSshInfo,
    NotFound,
    NotSupported,
)
from jobyard.resilience import Guarded, rejected
from jobyard.routes.address import Addresses
from jobyard.routes.endpoint import (
    BYTES,
    NO_STORE,
    Access,
    Answer,
    Call,
    Endpoint,
    QueryParameter,
    Success,
    json_answer,
)
from jobyard.routes.job_names import BOTH, Named, found, named
from jobyard.seams.context import Store
from jobyard.seams.scheduling import Documents, Scheduler, SshSource
from jobyard.services import journal
from jobyard.services.board import Board
from jobyard.services.journal import JobRow
from jobyard.wire import answers
from jobyard.wire.answer_schemas import SshInfo
from jobyard.wire.yaml import prefers_yaml, yaml_text

LINK_LIFETIME: Final = 300
"""Seconds for which the link to a private key is valid."""
_YAML: Final = (b"content-type", b"text/yaml; charset=utf-8")
_PURPOSE: Final = "ssh-key"


class Links(Protocol):
    """Sign and check links that need no token beside."""

    def sign_link(self, purpose: str, subject: str, lifetime: float) -> str:
        """Give a token for a subject, valid so many seconds."""
        ...

    def check_link(self, purpose: str, subject: str, token: str) -> None:
        """Return if a token is this subject's; raise ``ForbiddenUser`` if not."""
        ...


class JobDocumentRoutes:
    """Give what a job was made from, and the way into its tasks."""

    def __init__(
        self,
        *,
        board: Board,
        store: Store,
        scheduling: Guarded[Scheduler],
        links: Links,
        addresses: Addresses,
        legacy: bool,
    ) -> None:
        self._board = board
        self._store = store
        self._scheduling = scheduling
        self._links = links
        self._addresses = addresses
        self._legacy = legacy

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        routes = []
        for path in BOTH:
            routes += [self._config(path), self._ssh(path), self._key(path)]
        return tuple(routes)

    def _config(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=f"{path}/config",
            handler=self.config,
            summary="Show a job's configuration as it was submitted",
            tag="jobs",
            access=Access.READ,
            success=(Success(200, "The configuration.", {"type": "object"}, also=("text/yaml",)),),
            errors=(NoJob, NoJobConfig),
        )

    def _ssh(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=f"{path}/ssh",
            handler=self.ssh,
            summary="Tell where tasks can be reached by SSH",
            tag="jobs",
            access=Access.READ,
            success=(Success(200, "The daemons, and the key.", SshInfo),),
            errors=(NoJob, NoJobSshInfo),
        )

    def _key(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=f"{path}/ssh/key",
            handler=self.key,
            summary="Fetch a job's private SSH key by a signed link",
            tag="jobs",
            access=Access.PUBLIC,
            query=(QueryParameter("token", "The signature in the link."),),
            success=(Success(200, "The key.", None, "application/octet-stream"),),
            errors=(NoJob, NoJobSshInfo, ForbiddenUser),
        )

    async def config(self, call: Call) -> Answer:
        """Answer the configuration word for word, or as YAML where that is preferred (S, R)."""
        asked = named(call, legacy=self._legacy)
        row = await self._row(asked.name)
        content = await self._foreign_document(asked) if row is None else row.document
        document = orjson.loads(content)
        if not prefers_yaml(call.request.headers.get("accept", "")):
            return json_answer(document)
        return Answer(200, await anyio.to_thread.run_sync(yaml_text, document), (_YAML,))

    async def ssh(self, call: Call) -> Answer:
        """Answer the SSH daemons of a job's tasks (S)."""
        asked = named(call, legacy=self._legacy)
        job = await found(self._board, asked)
        containers = await self._containers(job, asked)
        row = await self._row(asked.name)
        link = None if row is None else self._link(call, job, row)
        folder = f"/Container/{job.username}/{job.name}/ssh/keyFiles"
        return json_answer(answers.ssh(containers, folder=folder, name=str(job.name), link=link))

    async def key(self, call: Call) -> Answer:
        """Answer the private key to whoever has the link (N)."""
        asked = named(call, legacy=self._legacy)
        row = await self._row(asked.name)
        token = call.request.query_params.get("token", "")
        self._links.check_link(_PURPOSE, row.submission if row else "", token)
        if row is None:
            raise NoJobSshInfo(asked.shown)
        return Answer(200, row.private_key, (BYTES, NO_STORE))

    async def _foreign_document(self, asked: Named) -> bytes:
        """Ask the cluster for the configuration of a job that this gateway did not take (R)."""
        job = await found(self._board, asked)

        async def ask(scheduler: Scheduler) -> bytes | None:
            if not isinstance(scheduler, Documents):
                return None
            return await scheduler.document(JobRef(job.name, job.submission))

        try:
            document = await self._scheduling.call("document", ask, idempotent=True)
        except NotFound as error:
            raise NoJob(asked.shown) from error
        except BackendError as error:
            raise rejected(error) from error
        if document is None:
            raise NoJobConfig(asked.shown)
        return document

    async def _row(self, name: FrameworkName) -> JobRow | None:
        return None if name.legacy else await self._store.read(journal.find(name))

    async def _containers(self, job: JobSummary, asked: Named) -> list[SshContainer]:
        ref = JobRef(job.name, job.submission)

        async def ask(scheduler: Scheduler) -> list[SshContainer]:
            if not isinstance(scheduler, SshSource):
                return []
            return list(await scheduler.ssh_containers(ref))

        try:
            containers = await self._scheduling.call("ssh", ask, idempotent=True)
        except (NotFound, NotSupported) as error:
            raise NoJobSshInfo(asked.shown) from error
        if not containers:
            raise NoJobSshInfo(asked.shown)
        return containers

    def _link(self, call: Call, job: JobSummary, row: JobRow) -> str | None:
        if not _may_have_the_key(call.caller, job):
            return None
        token = self._links.sign_link(_PURPOSE, row.submission, LINK_LIFETIME)
        base = self._addresses.base_url(call.request)
        return f"{base}/api/v1/user/{row.namespace}/jobs/{row.name}/ssh/key?token={token}"


def _may_have_the_key(caller: Actor | None, job: JobSummary) -> bool:
    return caller is not None and (caller.admin or caller.account == job.username)
