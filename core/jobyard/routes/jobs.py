"""Lists and details of jobs, start, stop and delete (contract, section 4)."""

from __future__ import annotations

from typing import Final

import orjson

from jobyard.domain.exits import exit_messages, exit_spec
from jobyard.domain.status import JobStatus
from jobyard.errors import ForbiddenUser, InvalidParameters, NoJob, Problem
from jobyard.packing import Packed
from jobyard.routes.address import Addresses
from jobyard.routes.conditional import tagged
from jobyard.routes.endpoint import (
    Access,
    Answer,
    Call,
    Endpoint,
    QueryParameter,
    Success,
    message_answer,
)
from jobyard.routes.job_names import BOTH, found, named
from jobyard.services.board import Board
from jobyard.services.lifecycle import Lifecycle
from jobyard.wire.answer_schemas import JobDetail, JobItem, Message
from jobyard.wire.answers import job_detail
from jobyard.wire.requests import EXECUTION_REQUEST

_LARGEST_ATTEMPT: Final = 10
ATTEMPT: Final = QueryParameter(
    "attempt", "Which attempt, from 0; the last without it.", {"type": "integer", "minimum": 0}
)


def attempt_of(call: Call) -> int | None:
    """Read ``?attempt=``.

    Raises:
        InvalidParameters: It is no attempt's number.
    """
    text = call.request.query_params.get("attempt")
    if text is None:
        return None
    if not text.isdecimal() or not text.isascii() or len(text) > _LARGEST_ATTEMPT:
        message = f"{text[:80]!r} is no attempt; a number from 0 is expected"
        raise InvalidParameters([Problem("attempt", message)])
    return int(text)


class JobRoutes:
    """Show jobs, and start, stop and delete them."""

    def __init__(
        self, *, board: Board, lifecycle: Lifecycle, addresses: Addresses, legacy: bool
    ) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._addresses = addresses
        self._legacy = legacy

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            *(self._list(path) for path in ("/jobs", "/user/{username}/jobs")),
            *(self._read(path) for path in BOTH),
            *(self._execution(path) for path in BOTH),
            *(self._removal(path) for path in BOTH),
        )

    def _list(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=path,
            handler=self.list,
            summary="List jobs, newest first",
            tag="jobs",
            access=Access.READ,
            query=(QueryParameter("username", "Only the jobs that this user submitted."),),
            success=(Success(200, "The jobs.", JobItem, many=True),),
            conditional=True,
        )

    def _read(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=path,
            handler=self.read,
            summary="Show one job whole",
            tag="jobs",
            access=Access.READ,
            query=(ATTEMPT,),
            success=(Success(200, "The job.", JobDetail),),
            conditional=True,
            errors=(NoJob,),
        )

    def _execution(self, path: str) -> Endpoint:
        return Endpoint(
            method="PUT",
            path=f"{path}/executionType",
            handler=self.execute,
            summary="Start or stop a job",
            tag="jobs",
            body=EXECUTION_REQUEST,
            success=(Success(200, "It was accepted.", Message),),
            errors=(NoJob, ForbiddenUser),
        )

    def _removal(self, path: str) -> Endpoint:
        return Endpoint(
            method="DELETE",
            path=path,
            handler=self.delete,
            summary="Kill and forget a job",
            tag="jobs",
            success=(Success(202, "It was accepted.", Message),),
            errors=(NoJob, ForbiddenUser),
        )

    async def list(self, call: Call) -> Answer:
        """Answer the jobs of all, or of one submitter (S, R)."""
        asked = (call.path.get("username"), call.request.query_params.get("username"))
        submitters = {each for each in asked if each is not None}
        view = await self._board.view()
        if len(submitters) > 1:
            return tagged(call.request, Packed(b"[]"), stale=view.stale)
        username = next(iter(submitters), None)
        tag = view.version if username is None else f"{view.version}.{username}"
        return tagged(call.request, view.packed(username), tag=tag, stale=view.stale)

    async def read(self, call: Call) -> Answer:
        """Answer one job's detail (S)."""
        asked = named(call, legacy=self._legacy)
        detail = await self._board.detail(asked.name, attempt_of(call))
        if detail is None:
            raise NoJob(asked.shown)
        base_url = self._addresses.base_url(call.request)
        packed = detail.forms.get(base_url, lambda: _encoded(detail.status, base_url))
        return tagged(call.request, packed, stale=detail.stale)

    async def execute(self, call: Call) -> Answer:
        """Set a job's execution type (S)."""
        body = await call.body(EXECUTION_REQUEST)
        asked = named(call, legacy=self._legacy)
        job = await found(self._board, asked)
        await self._lifecycle.execute(call.user, job, body.value, asked.shown)
        return message_answer(f"execute job {asked.shown} successfully")

    async def delete(self, call: Call) -> Answer:
        """Kill and forget a job (R)."""
        asked = named(call, legacy=self._legacy)
        job = await found(self._board, asked)
        await self._lifecycle.delete(call.user, job, asked.shown)
        return message_answer(f"deleted job {asked.shown} successfully", 202)


def _encoded(status: JobStatus, base_url: str) -> bytes:
    job = status.summary
    root = f"{base_url}/api/v1"
    place = (
        f"jobs/{job.name.job}"
        if job.name.namespace is None
        else f"user/{job.name.namespace}/jobs/{job.name.job}"
    )
    document = job_detail(
        status,
        messages=exit_messages(status.exit.diagnostics, job.exit_code),
        spec=exit_spec(job.exit_code),
        log_link=lambda role, index: f"{root}/{place}/tasks/{role}/{index}/logs",
    )
    return orjson.dumps(document)
