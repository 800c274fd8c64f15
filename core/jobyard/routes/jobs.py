"""Details of jobs, start, stop and delete (contract, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
from attrs import frozen
from starlette.datastructures import QueryParams

from jobyard.domain.exits import exit_messages, exit_spec
from jobyard.domain.job import FrameworkName
from jobyard.domain.status import JobStatus
from jobyard.errors import ForbiddenUser, InvalidParameters, NoJob, Problem
from jobyard.packing import Packed, Shelf
from jobyard.routes import task_pages
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
from jobyard.routes.job_lists import LINK
from jobyard.routes.job_names import BOTH, found, named
from jobyard.routes.queries import next_link
from jobyard.services.board import Board
from jobyard.services.lifecycle import Lifecycle
from jobyard.wire.answer_schemas import JobDetail, Message
from jobyard.wire.answers import job_detail
from jobyard.wire.requests import EXECUTION_REQUEST

_LARGEST_ATTEMPT: Final = 10
_ROOM: Final = 32 * 1024 * 1024
"""Bytes of encoded details that are kept."""

ATTEMPT: Final = QueryParameter(
    "attempt", "Which attempt, from 0; the last without it.", {"type": "integer", "minimum": 0}
)


def attempt_of(call: Call) -> int | None:
    """Read ``?attempt=``.

    Raises:
        InvalidParameters: It is no attempt's number.
    """
    attempt, problems = _attempt(call.request.query_params.get("attempt"))
    if problems:
        raise InvalidParameters(problems)
    return attempt


def _attempt(text: str | None) -> tuple[int | None, Sequence[Problem]]:
    if text is None:
        return None, ()
    if not text.isdecimal() or not text.isascii() or len(text) > _LARGEST_ATTEMPT:
        message = f"{text[:80]!r} is no attempt; a number from 0 is expected"
        return None, [Problem("attempt", message)]
    return int(text), ()


def _problems(query: QueryParams) -> Sequence[Problem]:
    return (*_attempt(query.get("attempt"))[1], *task_pages.read(query)[1])


@frozen
class _Page:
    packed: Packed
    end: task_pages.Place | None


_Asked = tuple[FrameworkName, int | None, str, task_pages.TaskQuery]


class JobRoutes:
    """Show jobs, and start, stop and delete them."""

    def __init__(
        self, *, board: Board, lifecycle: Lifecycle, addresses: Addresses, legacy: bool
    ) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._addresses = addresses
        self._legacy = legacy
        self._pages = Shelf[_Asked, _Page](_ROOM, size=lambda page: len(page.packed.body))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            *(self._read(path) for path in BOTH),
            *(self._execution(path) for path in BOTH),
            *(self._removal(path) for path in BOTH),
        )

    def _read(self, path: str) -> Endpoint:
        return Endpoint(
            method="GET",
            path=path,
            handler=self.read,
            summary="Show one job whole",
            tag="jobs",
            access=Access.READ,
            query=(ATTEMPT, *task_pages.PARAMETERS),
            check=_problems,
            success=(Success(200, "The job.", JobDetail, headers=(LINK,)),),
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

    async def read(self, call: Call) -> Answer:
        """Answer one job's detail (S), or some of its tasks (N)."""
        asked = named(call, legacy=self._legacy)
        attempt = attempt_of(call)
        detail = await self._board.detail(asked.name, attempt)
        if detail is None:
            raise NoJob(asked.shown)
        query, _ = task_pages.read(call.request.query_params)
        base_url = self._addresses.base_url(call.request)
        page = self._pages.get(
            (asked.name, attempt, base_url, query),
            detail.status,
            lambda: _page(detail.status, query, base_url),
        )
        if page.end is None:
            return tagged(call.request, page.packed, stale=detail.stale)
        cursor = task_pages.cursor(page.end)
        return tagged(
            call.request,
            page.packed,
            tag=f"{page.packed.digest}.more",
            stale=detail.stale,
            headers=(next_link(call.request, base_url, "taskCursor", cursor),),
        )

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


def _page(status: JobStatus, query: task_pages.TaskQuery, base_url: str) -> _Page:
    chosen, end = task_pages.paged(status, query)
    return _Page(Packed(_encoded(chosen, base_url)), end)


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
