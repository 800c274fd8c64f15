"""Health, readiness, and what this gateway is made of (contract, section 6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import anyio
import anyio.to_thread
from attrs import frozen
from starlette.requests import Request

from jobyard import __version__
from jobyard.domain.identity import Actor
from jobyard.domain.job import LONGEST_FRAMEWORK_NAME
from jobyard.errors import ApiError, BackendError, ForbiddenUser
from jobyard.registry import Installed
from jobyard.resilience import Health
from jobyard.routes.address import Addresses
from jobyard.routes.endpoint import (
    NO_STORE,
    Access,
    Answer,
    Call,
    Endpoint,
    Header,
    Success,
    json_answer,
)
from jobyard.seams.enforcement import Enforcement
from jobyard.seams.provider import Seam
from jobyard.services.readiness import PING_TIMEOUT, Readiness
from jobyard.wire.job_request import MOST_TASKS
from jobyard.wire.operation_schemas import Alive, Info, NotReady, Plugin, Ready
from jobyard.wire.requests import LONGEST_LIFETIME, SHORTEST_LIFETIME, SHORTEST_PASSWORD

_RETRY_AFTER: Final = (b"retry-after", b"5")
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")

Identify = Callable[[str | None], Awaitable[Actor]]
"""Give who an ``Authorization`` header names; raise ``UnauthorizedUser`` where it names nobody."""
Describe = Callable[[], Sequence[Installed]]
"""Import every plugin that is installed, and say what came of it; it blocks."""


@frozen
class BackendInfo:
    """Be a chosen backend, as everybody may know it."""

    seam: Seam
    name: str
    capabilities: frozenset[str] = frozenset()


@frozen
class Policy:
    """Be what a client has to keep to; ``max_body`` is in bytes, the timeout in seconds."""

    max_body: int
    upstream_timeout: float
    anonymous_read: bool
    anonymous_logs: bool


class OperationRoutes:
    """Tell operators and clients how the gateway is, and what it is."""

    def __init__(
        self,
        *,
        readiness: Readiness,
        chosen: Sequence[BackendInfo],
        policy: Policy,
        enforcement: Callable[[], Sequence[Enforcement]],
        describe: Describe,
        identify: Identify,
        addresses: Addresses,
    ) -> None:
        self._readiness = readiness
        self._enforcement = enforcement
        self._info = _info(chosen, policy)
        self._describe = describe
        self._identify = identify
        self._addresses = addresses
        self._importing = anyio.CapacityLimiter(1)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (_healthz(self), _readyz(self), _info_route(self), _plugins(self))

    async def healthz(self, _: Call) -> Answer:
        """Answer while the process serves; it waits for nothing (R)."""
        return json_answer({"status": "ok"}, headers=(NO_STORE,))

    async def readyz(self, call: Call) -> Answer:
        """Answer which backends do not answer; why, only to those who operate them (N)."""
        found = await self._readiness.look()
        down = [each for each in found if not each.up]
        explain = bool(down) and await self._may_know_why(call.request)
        document: dict[str, object] = {
            "ready": not down,
            "backends": [_health(each, explain=explain) for each in found],
        }
        if not down:
            return json_answer(document, headers=(NO_STORE,))
        message = " ".join(f"{each.backend} does not answer since {_time(each)}." for each in down)
        document = {"code": "NotReadyError", "message": message, **document}
        return json_answer(document, 503, (NO_STORE, _RETRY_AFTER))

    async def info(self, _: Call) -> Answer:
        """Answer what a client may adapt to (N)."""
        points = [
            {"what": each.what, "enforced": each.enforced, "how": each.how}
            for each in self._enforcement()
        ]
        return json_answer({**self._info, "enforcement": points})

    async def plugins(self, call: Call) -> Answer:
        """Answer which plugins are installed, chosen and broken, to administrators (N)."""
        call.require_admin()
        found = await anyio.to_thread.run_sync(self._describe, limiter=self._importing)
        return json_answer([_plugin(each) for each in found], headers=(NO_STORE,))

    async def _may_know_why(self, request: Request) -> bool:
        # A proxy beside the gateway makes the whole world look like loopback.
        forwarded = any(name in request.headers for name in _FORWARDED)
        if self._addresses.local(request) and not forwarded:
            return True
        header = request.headers.get("authorization")
        if header is None:
            return False
        try:
            with anyio.move_on_after(PING_TIMEOUT):
                return (await self._identify(header)).admin
        except (ApiError, BackendError):
            pass  # who cannot be identified now is told what everybody is
        return False


def _healthz(routes: OperationRoutes) -> Endpoint:
    return Endpoint(
        method="GET",
        path="/healthz",
        handler=routes.healthz,
        summary="Tell that the process serves",
        tag="operation",
        access=Access.PUBLIC,
        success=(Success(200, "It serves.", Alive),),
        rooted=False,
        identified=False,
    )


def _readyz(routes: OperationRoutes) -> Endpoint:
    retry = Header("Retry-After", "Seconds.", {"type": "integer"})
    return Endpoint(
        method="GET",
        path="/readyz",
        handler=routes.readyz,
        summary="Tell whether every backend answers",
        tag="operation",
        access=Access.PUBLIC,
        success=(
            Success(200, "Every backend answers.", Ready),
            Success(503, "At least one does not.", NotReady, headers=(retry,)),
        ),
        rooted=False,
        identified=False,
    )


def _info_route(routes: OperationRoutes) -> Endpoint:
    return Endpoint(
        method="GET",
        path="/info",
        handler=routes.info,
        summary="Tell what a client may adapt to",
        tag="operation",
        access=Access.PUBLIC,
        success=(Success(200, "The chosen backends, and the limits.", Info),),
        identified=False,
    )


def _plugins(routes: OperationRoutes) -> Endpoint:
    return Endpoint(
        method="GET",
        path="/plugins",
        handler=routes.plugins,
        summary="List the plugins that are installed, chosen and broken",
        tag="operation",
        success=(Success(200, "The plugins.", Plugin, many=True),),
        errors=(ForbiddenUser,),
    )


def _health(health: Health, *, explain: bool) -> dict[str, object]:
    document: dict[str, object] = {
        "name": health.backend,
        "up": health.up,
        "since": health.since,
    }
    if explain and not health.up:
        document["why"] = health.why
    return document


def _time(health: Health) -> str:
    at = datetime.fromtimestamp(health.since / 1000, UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _info(chosen: Sequence[BackendInfo], policy: Policy) -> Mapping[str, object]:
    by_seam = {seam: [_backend(each) for each in chosen if each.seam is seam] for seam in Seam}
    return {
        "name": "Jobyard",
        "version": __version__,
        "api": "v1",
        "auth": by_seam[Seam.AUTH],
        "scheduling": by_seam[Seam.SCHEDULING][0],
        "storage": by_seam[Seam.STORAGE][0],
        "anonymousRead": policy.anonymous_read,
        "anonymousLogs": policy.anonymous_logs,
        "limits": {
            "bodyBytes": policy.max_body,
            "jobNameLength": LONGEST_FRAMEWORK_NAME,
            "tasks": MOST_TASKS,
            "shortestPassword": SHORTEST_PASSWORD,
            "shortestTokenLifetime": SHORTEST_LIFETIME,
            "longestTokenLifetime": LONGEST_LIFETIME,
            "upstreamTimeout": policy.upstream_timeout,
        },
    }


def _backend(info: BackendInfo) -> dict[str, object]:
    return {"name": info.name, "capabilities": sorted(info.capabilities)}


def _plugin(installed: Installed) -> dict[str, object]:
    state = "chosen" if installed.chosen else "installed"
    return {
        "seam": installed.seam.value,
        "name": installed.name,
        "distribution": installed.distribution,
        "version": installed.version,
        "state": "broken" if installed.problem is not None else state,
        "chosen": installed.chosen,
        "summary": installed.summary,
        "capabilities": list(installed.capabilities),
        "problem": installed.problem,
    }
