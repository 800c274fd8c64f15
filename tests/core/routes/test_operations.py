from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx
import pytest
from attrs import define

from jobyard import __version__
from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.errors import Unavailable, UnknownError
from jobyard.registry import Installed
from jobyard.resilience import Guarded
from jobyard.routes.dispatch import Authenticate
from jobyard.routes.operations import BackendInfo, OperationRoutes, Policy
from jobyard.seams.enforcement import Enforcement
from jobyard.seams.provider import Capability, Seam
from jobyard.services.readiness import Readiness
from jobyard.wire import operation_schemas
from jobyard.wire.schema import Schema
from tests.core.routes.serving import ADDRESSES, authenticate, serve

WHY = "connection refused by 10.1.2.3"
CHOSEN = (
    BackendInfo(Seam.AUTH, "local", frozenset({Capability.USERS, Capability.MANAGE_USERS})),
    BackendInfo(Seam.AUTH, "ldap"),
    BackendInfo(Seam.SCHEDULING, "local", frozenset({Capability.LOGS})),
    BackendInfo(Seam.STORAGE, "local"),
)
POLICY = Policy(
    max_body=1_048_576, upstream_timeout=10.0, anonymous_read=True, anonymous_logs=False
)
INSTALLED = (
    Installed(Seam.AUTH, "local", "jobyard", "1.0", chosen=True, summary="Users.",
              capabilities=("users",)),
    Installed(Seam.AUTH, "ldap", "jobyard", "1.0"),
    Installed(Seam.SCHEDULING, "moon", "moonshot", "0.1", chosen=True, problem="no moon today"),
)  # fmt: skip


@define
class Backend:
    error: Exception | None = None

    async def ping(self) -> None:
        if self.error is not None:
            raise self.error


ENFORCEMENT = (Enforcement("memory", enforced=False, how="nothing does it"),)


async def nobody_knows(_: str | None) -> Actor:
    raise UnknownError("The gateway's database does not answer.")


def routes(
    *backends: Guarded[Backend],
    identify: Authenticate = authenticate,
    describe: Sequence[Installed] = INSTALLED,
) -> OperationRoutes:
    return OperationRoutes(
        readiness=Readiness(backends, SystemClock()),
        chosen=CHOSEN,
        policy=POLICY,
        enforcement=lambda: ENFORCEMENT,
        describe=lambda: describe,
        identify=identify,
        addresses=ADDRESSES,
    )


def guarded(name: str, error: Exception | None = None) -> Guarded[Backend]:
    guard: Guarded[Backend] = Guarded(name, SystemClock(), timeout=10)
    guard.opened(Backend(error))
    return guard


def client(
    *backends: Guarded[Backend],
    peer: str = "192.0.2.7",
    identify: Authenticate = authenticate,
) -> httpx.AsyncClient:
    endpoints = routes(*backends, identify=identify).endpoints()
    return serve(endpoints, authenticate=identify, peer=peer)


DOWN = Unavailable(WHY)


def fields(cls: type) -> set[str]:
    properties = Schema(cls).answer_schema()["properties"]
    assert isinstance(properties, dict)
    return set(properties)


async def test_the_process_is_healthy_whatever_its_backends_and_its_database_do() -> None:
    async with client(guarded("storage.local", DOWN), identify=nobody_knows) as caller:
        answer = await caller.get("/healthz", headers={"Authorization": "Bearer of-root"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/api/v1/healthz", "/api/v1/readyz"])
async def test_health_lies_beside_the_api(path: str) -> None:
    async with client() as caller:
        answer = await caller.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "NoApiError")


async def test_a_gateway_is_ready_when_every_backend_answers() -> None:
    async with client(guarded("auth.local"), guarded("database")) as caller:
        answer = await caller.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert [(each["name"], each["up"]) for each in answer.json()["backends"]] == [
        ("auth.local", True),
        ("database", True),
    ]
    assert set(answer.json()) == fields(operation_schemas.Ready)


async def test_a_gateway_that_is_not_ready_says_which_backend_and_since_when() -> None:
    down = guarded("storage.local", DOWN)
    async with client(guarded("auth.local"), down) as caller:
        answer = await caller.get("/readyz")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    body = answer.json()
    assert body["code"] == "NotReadyError"
    assert body["message"].startswith("storage.local does not answer since 2")
    assert body["message"].endswith("Z.")
    assert body["backends"][1] == {
        "name": "storage.local",
        "up": False,
        "since": down.health.since,
    }
    assert set(body) == fields(operation_schemas.NotReady)


async def why(
    *,
    peer: str = "192.0.2.7",
    identify: Authenticate = authenticate,
    headers: Mapping[str, str] | None = None,
) -> object:
    async with client(guarded("storage.local", DOWN), peer=peer, identify=identify) as caller:
        answer = await caller.get("/readyz", headers=headers)
    assert answer.status_code == 503
    assert WHY not in answer.json()["message"]
    return answer.json()["backends"][0].get("why")


ROOT = {"Authorization": "Bearer of-root"}


async def test_why_is_for_administrators_and_loopback() -> None:
    assert await why(headers=ROOT) == WHY
    assert await why(peer="127.0.0.1") == WHY
    assert await why(peer="::1") == WHY


async def test_why_is_for_nobody_else() -> None:
    assert await why() is None
    assert await why(headers={"Authorization": "Bearer of-alice"}) is None
    assert await why(headers={"Authorization": "Bearer forged"}) is None


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
async def test_who_comes_through_a_proxy_on_this_machine_is_not_on_loopback(header: str) -> None:
    assert await why(peer="127.0.0.1", headers={header: "198.51.100.1"}) is None


async def test_readiness_is_told_to_a_token_that_nobody_can_check_now() -> None:
    assert await why(headers=ROOT, identify=nobody_knows) is None


async def test_a_client_learns_what_it_may_adapt_to() -> None:
    async with client() as caller:
        answer = await caller.get("/api/v1/info")

    assert answer.status_code == 200
    assert answer.json() == {
        "name": "Jobyard",
        "version": __version__,
        "api": "v1",
        "auth": [
            {"name": "local", "capabilities": ["manage-users", "users"]},
            {"name": "ldap", "capabilities": []},
        ],
        "scheduling": {"name": "local", "capabilities": ["logs"]},
        "storage": {"name": "local", "capabilities": []},
        "anonymousRead": True,
        "anonymousLogs": False,
        "limits": {
            "bodyBytes": 1_048_576,
            "jobNameLength": 251,
            "tasks": 100_000,
            "shortestPassword": 6,
            "shortestTokenLifetime": 60,
            "longestTokenLifetime": 604_800,
            "upstreamTimeout": 10.0,
        },
        "enforcement": [{"what": "memory", "enforced": False, "how": "nothing does it"}],
    }
    assert set(answer.json()) == fields(operation_schemas.Info)
    assert set(answer.json()["limits"]) == fields(operation_schemas.Limits)
    assert set(answer.json()["enforcement"][0]) == fields(operation_schemas.Enforced)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [({}, 401, "UnauthorizedUserError"),
     ({"Authorization": "Bearer of-alice"}, 403, "ForbiddenUserError")],
)  # fmt: skip
async def test_plugins_are_for_administrators(
    headers: dict[str, str], status: int, code: str
) -> None:
    async with client() as caller:
        answer = await caller.get("/api/v1/plugins", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_plugins_say_what_is_chosen_and_what_is_broken() -> None:
    async with client() as caller:
        answer = await caller.get("/api/v1/plugins", headers=ROOT)

    assert answer.status_code == 200
    told = [(each["seam"], each["name"], each["state"], each["chosen"], each["problem"])
            for each in answer.json()]  # fmt: skip
    assert told == [
        ("auth", "local", "chosen", True, None),
        ("auth", "ldap", "installed", False, None),
        ("scheduling", "moon", "broken", True, "no moon today"),
    ]
    assert all(set(each) == fields(operation_schemas.Plugin) for each in answer.json())
