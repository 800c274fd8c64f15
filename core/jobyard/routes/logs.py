"""The logs of tasks (contract, section 7)."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from jobyard.domain.job import JobRef, TaskRef
from jobyard.domain.status import JobSummary
from jobyard.errors import (
    ForbiddenUser,
    InvalidParameters,
    NoJob,
    NoTaskLog,
    NotFound,
    NotSupported,
    Problem,
    UnauthorizedUser,
)
from jobyard.resilience import Guarded
from jobyard.routes.endpoint import (
    NOSNIFF,
    TEXT,
    Access,
    Answer,
    Call,
    Endpoint,
    Header,
    QueryParameter,
    Success,
)
from jobyard.routes.job_names import BOTH, found, named
from jobyard.routes.jobs import ATTEMPT, attempt_of
from jobyard.seams.scheduling import ByteRange, LogSlice, LogSource, LogStream, Scheduler, Tail
from jobyard.services.board import Board

_LARGEST: Final = 2**63 - 1
_QUERY: Final = (
    QueryParameter("stream", "Which stream.", {"type": "string", "enum": ["stdout", "stderr"]}),
    QueryParameter("offset", "The first byte.", {"type": "integer", "minimum": 0}),
    QueryParameter("limit", "How many bytes at most.", {"type": "integer", "minimum": 0}),
    QueryParameter("tail", "The last so many bytes.", {"type": "integer", "minimum": 0}),
    QueryParameter("follow", "Stream until the task ends.", {"enum": ["true", "false"]}),
    ATTEMPT,
)

_PLACE: Final = (
    Header("X-Log-Start", "Where in the log the answer begins, in bytes.", {"type": "integer"}),
    Header("X-Log-Size", "How large the log was, in bytes.", {"type": "integer"}),
)


@frozen
class LogQuery:
    """Be what a request wants of a log."""

    stream: LogStream
    span: ByteRange | Tail
    follow: bool


class LogRoutes:
    """Give the output of tasks to their owner, administrators, and whom the site allows."""

    def __init__(
        self, *, board: Board, scheduling: Guarded[Scheduler], anonymous: bool, legacy: bool
    ) -> None:
        self._board = board
        self._scheduling = scheduling
        self._anonymous = anonymous
        self._legacy = legacy

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return tuple(
            Endpoint(
                method="GET",
                path=f"{path}/tasks/{{role}}/{{index}}/logs",
                handler=self.read,
                summary="Read or follow the log of a task",
                tag="jobs",
                access=Access.READ if self._anonymous else Access.TOKEN,
                query=_QUERY,
                success=(Success(200, "The log's bytes.", None, "text/plain", headers=_PLACE),),
                errors=(NoJob, NoTaskLog, ForbiddenUser),
            )
            for path in BOTH
        )

    async def read(self, call: Call) -> Answer:
        """Answer a range of a log, or follow it (N)."""
        query, attempt = _query(call), attempt_of(call)
        asked = named(call, legacy=self._legacy)
        job = await found(self._board, asked)
        self._check(call, job, asked.shown)
        task = TaskRef(JobRef(job.name, job.submission), call.path["role"], _index(call))
        part = await self._open(task, attempt, query)
        headers = (
            NOSNIFF,
            TEXT,
            NOSNIFF,
            (b"x-log-start", str(part.start).encode()),
            (b"x-log-size", str(part.size).encode()),
        )
        return Answer(200, headers=headers, chunks=part.chunks, endless=query.follow)

    def _check(self, call: Call, job: JobSummary, shown: str) -> None:
        if self._anonymous:
            return
        if call.caller is None:
            raise UnauthorizedUser
        if not call.caller.admin and call.caller.account != job.username:
            message = f"User {call.caller.account} is not allowed to read the logs of job {shown}."
            raise ForbiddenUser(message)

    async def _open(self, task: TaskRef, attempt: int | None, query: LogQuery) -> LogSlice:
        async def open_log(scheduler: Scheduler) -> LogSlice:
            if not isinstance(scheduler, LogSource):
                message = "This cluster keeps no logs that the gateway could read."
                raise NotSupported(message)
            return await scheduler.open_log(
                task, attempt, query.stream, query.span, follow=query.follow
            )

        try:
            return await self._scheduling.call("open_log", open_log)
        except NotFound as error:
            message = f"Log of task {task.role}/{task.index} is not found."
            raise NoTaskLog(message, detail=error.message) from error
        except NotSupported as error:
            raise NoTaskLog(error.message) from error


def _index(call: Call) -> int:
    text = call.path["index"]
    number = _number(text)
    if number is None:
        raise InvalidParameters([Problem("index", f"{text[:80]!r} is no task's index")])
    return number


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(_LARGEST)):
        return None
    return int(text) if int(text) <= _LARGEST else None


def _query(call: Call) -> LogQuery:
    given = call.request.query_params
    problems: list[Problem] = []
    numbers: dict[str, int] = {}
    for name in ("offset", "limit", "tail"):
        if name in given and (number := _number(given[name])) is not None:
            numbers[name] = number
        elif name in given:
            problems.append(Problem(name, f"{given[name][:80]!r} is no number from 0"))
    stream, follow = given.get("stream", "stdout"), given.get("follow", "false")
    if stream not in tuple(LogStream):
        problems.append(Problem("stream", f"{stream[:80]!r} is not one of 'stdout', 'stderr'"))
    if follow not in ("true", "false"):
        problems.append(Problem("follow", f"{follow[:80]!r} is not one of 'true', 'false'"))
    if "tail" in numbers and ("offset" in numbers or "limit" in numbers):
        problems.append(Problem("tail", "goes with neither offset nor limit"))
    if problems:
        raise InvalidParameters(problems)
    span = (
        Tail(numbers["tail"])
        if "tail" in numbers
        else ByteRange(numbers.get("offset", 0), numbers.get("limit"))
    )
    return LogQuery(LogStream(stream), span, follow == "true")
