"""The one layer before all routes: ids, CORS, errors, compression, the access line."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from itertools import count
from typing import Any, Final

import anyio
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from jobyard import access
from jobyard.clock import Clock
from jobyard.coding import VARY, WORTH_IT, coding_for, encoded
from jobyard.errors import ApiError, BackendError, UnknownError
from jobyard.resilience import rejected, request_deadline
from jobyard.routes.dispatch import Dispatcher
from jobyard.routes.endpoint import JSON, Answer, json_answer
from jobyard.routes.hot_request import HotRequest
from jobyard.streaming import WHOLE_ANSWER, Headers, send_stream

LOG: Final = logging.getLogger("jobyard.front")

request_id: ContextVar[str] = ContextVar("jobyard_request_id", default="")
"""The id of the request that is being answered, for every line of the log."""

LARGEST_HEAD: Final = 32 * 1024
"""Bytes of request line and headers together (contract, section 1)."""

TOGETHER: Final = 64
"""Requests that are begun in one turn of the event loop: more would hold up everybody else."""

_OWN_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_EXPOSED: Final = (
    b"ETag, Idempotency-Replayed, Link, Location, Retry-After, Warning, WWW-Authenticate, "
    b"X-Log-Size, X-Log-Start, X-Request-ID, X-Warning"
)
_METHODS: Final = b"GET, HEAD, POST, PUT, DELETE, OPTIONS"
_BODYLESS: Final = frozenset({204, 304})
_TEXTUAL: Final = (b"application/json", b"text/")
_SERVER_ERROR: Final = 500
_NONE: Final[Mapping[str, Any]] = {}


class Front:
    """Answer every HTTP request of the gateway, one way or another.

    ``timeout`` bounds the waiting of one request for backends, in seconds.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        timeout: float,
        cors_origins: Sequence[str] = ("*",),
    ) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._timeout = timeout
        self._origins = frozenset(cors_origins)
        self._prefix = secrets.token_hex(5)
        self._numbers = count(1)
        self._leaving = anyio.Event()
        self._begun = 0

    def leave(self) -> None:
        """Break off the streams that have no end of their own: the gateway is about to go.

        They end without their last chunk, so that their readers know that there is more.
        """
        self._leaving.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and write its access line."""
        request = HotRequest(scope, receive)
        started = self._clock.monotonic()
        while self._begun >= TOGETHER:  # noqa: ASYNC110 - the next turn needs no event
            await asyncio.sleep(0)
        if not self._begun:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._begun += 1
        identity = self._identity(request)
        token = request_id.set(identity)
        try:
            answer = await self._answer(request)
            headers: Headers = [*answer.headers, (b"x-request-id", identity.encode())]
            self._allow_origin(request, headers)
            if answer.chunks is None:
                await _send(request, answer, headers, send)
            else:
                leaving = self._leaving if answer.endless else None
                await send_stream(request, answer, headers, receive, send, leaving=leaving)
            self._log(request, answer.status, started)
        except ClientDisconnect:
            self._log(request, 499, started)
        finally:
            request_id.reset(token)

    def _next_turn(self) -> None:
        self._begun = 0

    async def _answer(self, request: Request) -> Answer:
        try:
            oversized = _oversized(request)
            if oversized is not None:
                return oversized
            if request.method == "OPTIONS":
                return Answer(204, headers=((b"allow", _METHODS),))
            with request_deadline(self._clock, self._timeout):
                match = self._dispatcher.match(request.method, _raw_path(request))
                return await self._dispatcher(request, match)
        except ClientDisconnect:
            raise
        except ApiError as error:
            return error_answer(error)
        except BackendError as error:
            return error_answer(rejected(error))
        except Exception as error:  # noqa: BLE001 - the last line of defence
            return error_answer(_incident(error))

    def _identity(self, request: Request) -> str:
        own = request.headers.get("x-request-id", "")
        return own if _OWN_ID.fullmatch(own) else f"{self._prefix}-{next(self._numbers)}"

    def _allow_origin(self, request: Request, headers: Headers) -> None:
        origin = request.headers.get("origin")
        if origin is None:
            return
        if "*" in self._origins:
            headers.append((b"access-control-allow-origin", b"*"))
        elif origin in self._origins:
            headers.append((b"access-control-allow-origin", origin.encode()))
            headers.append((b"vary", b"Origin"))
        else:
            return
        headers.append((b"access-control-expose-headers", _EXPOSED))
        if request.method == "OPTIONS":
            wanted = request.headers.get("access-control-request-headers", "*")
            headers.append((b"access-control-allow-methods", _METHODS))
            headers.append((b"access-control-allow-headers", wanted.encode("latin-1")))
            headers.append((b"access-control-max-age", b"600"))

    def _log(self, request: Request, status: int, started: float) -> None:
        seconds = self._clock.monotonic() - started
        access.write(request.method, request.scope["path"], status, seconds)


def error_answer(error: ApiError) -> Answer:
    """Give an error as the contract does: a code, a message, and nothing else."""
    if error.answer_status >= _SERVER_ERROR or error.detail:
        LOG.info("%s: %s (%s)", error.code, error.message, error.detail)
    headers = tuple(
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in error.headers.items()
    )
    message = error.message.encode("utf-8", "replace").decode()
    return json_answer({"code": error.code, "message": message}, error.answer_status, headers)


def _incident(error: Exception) -> UnknownError:
    incident = secrets.token_hex(6)
    LOG.error("incident %s", incident, exc_info=error)
    return UnknownError(f"Something went wrong inside the gateway; incident {incident}.")


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _oversized(request: Request) -> Answer | None:
    line = len(_raw_path(request)) + len(request.scope.get("query_string", b""))
    if line > LARGEST_HEAD:
        return _too_large(414, "The request line")
    head = line + sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
    return _too_large(431, "The request's head") if head > LARGEST_HEAD else None


def _too_large(status: int, what: str) -> Answer:
    message = f"{what} is larger than {LARGEST_HEAD} bytes."
    body = orjson.dumps({"code": "InvalidParametersError", "message": message})
    return Answer(status, body, (JSON, (b"connection", b"close")))


async def _send(request: Request, answer: Answer, headers: Headers, send: Send) -> None:
    body = answer.body
    if _compressible(answer):
        headers.append(VARY)
        coding = coding_for(request.headers.get("accept-encoding", ""), len(body))
        if coding is not None:
            headers.append((b"content-encoding", coding.encode()))
            packed = answer.packed
            body = await (encoded(coding, body) if packed is None else packed.coded(coding))
    if answer.status not in _BODYLESS:
        headers.append((b"content-length", str(len(body)).encode()))
    sent = b"" if _headless(request) else body
    whole = request.scope.get("extensions", _NONE).get(WHOLE_ANSWER)
    if whole is not None and whole["send"](answer.status, headers, sent):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": sent})


def _headless(request: Request) -> bool:
    return request.method == "HEAD"


def _compressible(answer: Answer) -> bool:
    if len(answer.body) < WORTH_IT:
        return False
    kind = next((value for name, value in answer.headers if name == b"content-type"), b"")
    coded = any(name == b"content-encoding" for name, _ in answer.headers)
    return kind.startswith(_TEXTUAL) and not coded
