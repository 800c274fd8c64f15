"""Submission of jobs (contract, sections 4 and 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

import orjson

from jobyard.domain.job import JobSubmission, SubmissionId
from jobyard.errors import (
    ConflictJob,
    ForbiddenUser,
    IdempotencyKeyReused,
    InvalidParameters,
    NoVirtualCluster,
    Problem,
)
from jobyard.routes.address import Addresses
from jobyard.routes.endpoint import (
    JSON,
    Answer,
    Call,
    Endpoint,
    Header,
    QueryParameter,
    Success,
    json_answer,
)
from jobyard.services.idempotency import Idempotency, Outcome, accepted, fingerprint
from jobyard.services.submission import Submissions
from jobyard.wire.answer_schemas import Message
from jobyard.wire.job_request import JobRequest, job_document
from jobyard.wire.requests import JOB_REQUEST

_LONGEST_KEY: Final = 255
_OBSOLETE: Final = (
    b"x-warning",
    b"killAllOnCompletedTaskNumber is obsolete; use minSucceededTaskCount of the task roles",
)
_DRY_RUN: Final = QueryParameter(
    "dryRun", "With true: check, change nothing, answer the whole configuration.",
    {"type": "string", "enum": ["true", "false"]},
)  # fmt: skip
_KEY: Final = Header(
    "Idempotency-Key",
    "The same key, user and body are answered as the first time were, and make one job; kept for "
    "at least 24 hours.",
    {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY, "pattern": r"^[\x20-\x7e]*$"},
)
_LOCATION: Final = Header("Location", "The job's own address.", {"type": "string", "format": "uri"})
_NOTES: Final = (
    Header("Idempotency-Replayed", "`true` where the key was used before."),
    Header("X-Warning", "What of the body is obsolete."),
)

Headers = tuple[tuple[bytes, bytes], ...]


class SubmissionRoutes:
    """Accept jobs."""

    def __init__(
        self, *, submissions: Submissions, idempotency: Idempotency, addresses: Addresses
    ) -> None:
        self._submissions = submissions
        self._idempotency = idempotency
        self._addresses = addresses

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            self._endpoint("POST", "/user/{username}/jobs", self.create),
            self._endpoint("PUT", "/user/{username}/jobs/{jobName}", self.put),
        )

    @staticmethod
    def _endpoint(method: str, path: str, handler: Callable[[Call], Awaitable[Answer]]) -> Endpoint:
        return Endpoint(
            method=method,
            path=path,
            handler=handler,
            summary="Submit a job",
            tag="jobs",
            body=JOB_REQUEST,
            filled=("jobName",) if method == "PUT" else (),
            query=(_DRY_RUN,),
            headers=(_KEY,),
            success=(
                Success(202, "It was accepted.", Message, headers=(_LOCATION, *_NOTES)),
                Success(
                    200,
                    "With dryRun: the configuration after defaults.",
                    {"type": "object"},
                    headers=_NOTES[-1:],
                ),
            ),
            errors=(ForbiddenUser, ConflictJob, NoVirtualCluster, IdempotencyKeyReused),
        )

    async def create(self, call: Call) -> Answer:
        """Accept a job by its body's name (S)."""
        return await self._submit(call, None)

    async def put(self, call: Call) -> Answer:
        """Accept a job by its path's name (R); a body that names another is refused (N)."""
        return await self._submit(call, call.path["jobName"])

    async def _submit(self, call: Call, name: str | None) -> Answer:
        dry_run = _dry_run(call)
        defaults = {} if name is None else {"jobName": name}
        document, is_form = await call.document(defaults)
        request = JOB_REQUEST.decode(document, coerce=is_form)
        config = request.to_config()
        if name is not None and config.name != name:
            message = f"{config.name!r} is not the name in the path, {name!r}"
            raise InvalidParameters([Problem("jobName", message)])
        source = orjson.dumps(document)
        warnings = _warnings(request)
        namespace = call.path["username"]

        async def check() -> JobSubmission:
            return await self._submissions.check(
                call.user, namespace, config, source, dry_run=dry_run
            )

        if dry_run:
            return json_answer(job_document((await check()).config), 200, warnings)
        outcome, replayed = await self._once(call, config.name, source, check)
        return self._answer(call, config.name, outcome, replayed=replayed, headers=warnings)

    async def _once(
        self, call: Call, name: str, source: bytes, check: Callable[[], Awaitable[JobSubmission]]
    ) -> tuple[Outcome, bool]:
        async def work(tell: Callable[[SubmissionId], Awaitable[None]]) -> Outcome:
            job = await check()
            await tell(job.submission)
            await self._submissions.submit(job, keyed=True)
            return accepted(name)

        key = _key(call)
        if key is None:
            await self._submissions.submit(await check(), keyed=False)
            return accepted(name), False
        digest = fingerprint(call.path["username"], source)
        return await self._idempotency.run(call.user.account, key, digest, work)

    def _answer(
        self, call: Call, name: str, outcome: Outcome, *, replayed: bool, headers: Headers
    ) -> Answer:
        if replayed:
            headers = (*headers, (b"idempotency-replayed", b"true"))
        if outcome.status == 202:  # noqa: PLR2004
            base = self._addresses.base_url(call.request)
            place = f"{base}/api/v1/user/{quote(call.path['username'])}/jobs/{quote(name)}"
            headers = (*headers, (b"location", place.encode()))
        return Answer(outcome.status, outcome.body, (JSON, *headers))


def _warnings(request: JobRequest) -> Headers:
    return () if request.kill_all_on_completed_task_number is None else (_OBSOLETE,)


def _dry_run(call: Call) -> bool:
    text = call.request.query_params.get("dryRun", "false")
    if text not in ("true", "false"):
        message = f"{text[:80]!r} is not one of 'true', 'false'"
        raise InvalidParameters([Problem("dryRun", message)])
    return text == "true"


def _key(call: Call) -> str | None:
    key = call.request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= _LONGEST_KEY or not (key.isascii() and key.isprintable()):
        message = f"1..{_LONGEST_KEY} printable characters are expected"
        raise InvalidParameters([Problem("Idempotency-Key", message)])
    return key
