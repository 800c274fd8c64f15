"""What holds for every request (contract, section 1)."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from itertools import pairwise

import anyio
import pytest
from starlette.requests import Request

from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.errors import UnauthorizedUser
from jobyard.front import TOGETHER, Front
from jobyard.routes.dispatch import Dispatcher
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint
from tests.gateways import Gateway, Told, running, told

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("front")) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "path",
    [
        "//rest-server/api/v1/jobs",
        "//rest-server/api/v1/jobs/",
        "//api/v1/jobs/",
        "//api/v1//jobs//",
    ],
)
async def test_a_route_has_all_its_spellings(gateway: Gateway, path: str) -> None:
    response = await gateway.guest.get(path)

    assert (response.status_code, response.json()) == (200, [])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/nothing"),
        ("GET", "/api/v1/Jobs"),
        ("PATCH", "/api/v1/jobs"),
        ("DELETE", "/api/v1/token"),
        ("GET", "/api/v2/jobs"),
        ("GET", "/nothing"),
    ],
)
async def test_an_unknown_route_or_method_is_named(
    gateway: Gateway, method: str, path: str
) -> None:
    response = await gateway.guest.call(method, f"/{path}?secret=1")

    assert told(response) == Told(404, "NoApiError", f"API {path} is not found.")


async def test_a_malformed_percent_sequence_is_invalid(gateway: Gateway) -> None:
    for path in ("//api/v1/user/%zz/jobs", "//api/v1/user/%ff/jobs"):
        answer = told(await gateway.guest.get(path))
        assert (answer.status, answer.code) == (400, "InvalidParametersError")


async def test_malformed_json_is_answered_with_its_place(gateway: Gateway) -> None:
    response = await gateway.guest.call("POST", "/token", content=b'{"a":\n 1,}', headers=JSON)
    answer = told(response)

    assert (answer.status, answer.code) == (400, "InvalidParametersError")
    assert "line 2" in answer.message


async def test_text_that_holds_json_is_read_and_another_type_is_nothing(gateway: Gateway) -> None:
    body = b'{"username": "admin", "password": "secret of the admin"}'
    text = await gateway.guest.call(
        "POST", "/token", content=body, headers={"Content-Type": "text/plain;charset=UTF-8"}
    )
    other = await gateway.guest.call(
        "POST", "/token", content=body, headers={"Content-Type": "application/octet-stream"}
    )

    assert text.status_code == 200
    assert told(other).code == "InvalidParametersError"
    assert "username: missing" in told(other).message
    assert "password: missing" in told(other).message


async def test_an_empty_body_of_a_get_is_ignored(gateway: Gateway) -> None:
    response = await gateway.guest.call("GET", "/jobs", json={})

    assert response.status_code == 200


async def test_a_body_over_the_limit_is_too_large_also_when_it_is_compressed(
    gateway: Gateway,
) -> None:
    body = b'{"username": "' + b"x" * 1024 * 1024 + b'"}'
    expected = Told(413, "PayloadTooLargeError", "The request body is larger than 1048576 bytes.")
    plain = await gateway.guest.call("POST", "/token", content=body, headers=JSON)
    packed = await gateway.guest.call(
        "POST",
        "/token",
        content=gzip.compress(body),
        headers={**JSON, "Content-Encoding": "gzip"},
    )

    assert told(plain) == expected
    assert told(packed) == expected


async def test_a_compressed_body_is_read(gateway: Gateway) -> None:
    body = b'{"username": "admin", "password": "secret of the admin"}'
    response = await gateway.guest.call(
        "POST",
        "/token",
        content=gzip.compress(body),
        headers={**JSON, "Content-Encoding": "gzip"},
    )

    assert response.json()["user"] == "admin"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
    ],
)
async def test_an_encoding_that_is_not_read_is_refused(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    answer = told(await gateway.guest.call("POST", "/token", content=b"{}", headers=headers))

    assert (answer.status, answer.code) == (415, "UnsupportedMediaTypeError")


async def test_a_large_head_is_refused_and_one_below_the_limit_is_read(gateway: Gateway) -> None:
    good = await gateway.guest.get("/jobs", X_Large="x" * 31_000)
    head = await gateway.guest.get("/jobs", X_Large="x" * 33_000)
    line = await gateway.guest.get(f"/jobs?x={'x' * 33_000}")

    assert (good.status_code, head.status_code, line.status_code) == (200, 431, 414)
    assert told(head).code == told(line).code == "InvalidParametersError"


async def test_any_origin_may_call(gateway: Gateway) -> None:
    response = await gateway.guest.get("/jobs", Origin="https://portal.example.org")
    preflight = await gateway.guest.call(
        "OPTIONS",
        "/user/alice/jobs",
        headers={
            "Origin": "https://portal.example.org",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization",
        },
    )

    assert response.headers["access-control-allow-origin"] == "*"
    assert "X-Request-ID" in response.headers["access-control-expose-headers"]
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "authorization"


async def test_answers_are_compressed_for_those_who_ask(gateway: Gateway) -> None:
    packed = await gateway.guest.get("/openapi.json", Accept_Encoding="gzip")
    plain = await gateway.guest.get("/openapi.json", Accept_Encoding="identity")

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()


@pytest.mark.parametrize("own", ["a", "A.b_c-9", "x" * 128])
async def test_a_callers_own_request_id_is_kept(gateway: Gateway, own: str) -> None:
    response = await gateway.guest.get("/jobs", X_Request_ID=own)

    assert response.headers["x-request-id"] == own


@pytest.mark.parametrize("own", ["", "a b", "x" * 129, "a/b"])
async def test_a_request_id_that_is_none_is_replaced(gateway: Gateway, own: str) -> None:
    first = await gateway.guest.get("/nothing", X_Request_ID=own)
    second = await gateway.guest.get("/jobs", X_Request_ID=own)

    assert first.headers["x-request-id"] not in {own, second.headers["x-request-id"]}


async def test_the_index_says_what_it_is(gateway: Gateway) -> None:
    for path in ("//api/v1", "//api/v1/"):
        response = await gateway.guest.get(path)
        assert (response.status_code, response.text) == (200, "<pre>PAI RESTful API</pre>")
        document = (await gateway.guest.get(path, Accept="application/json")).json()
        assert document["name"] == "PAI RESTful API"
        assert set(document) == {"name", "version", "links"}
    assert "API" in (await gateway.guest.get("//")).text


async def test_reading_needs_a_token_where_guests_are_kept_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    configuration = """
rest-server:
  default-pai-admin-password: secret of the admin
  anonymous-read: false
  cors-origins: ["https://portal.example.org"]
  max-body: 2048
"""
    async with running(tmp_path_factory.mktemp("closed"), configuration) as gateway:
        guest = Told(401, "UnauthorizedUserError", "Guest is not allowed to do this operation.")
        for path in ("/jobs", "/user/alice/jobs", "/virtual-clusters", "/user/alice/jobs/x/config"):
            assert told(await gateway.guest.get(path)) == guest
            assert (await gateway.admin.get(path)).status_code in {200, 404}
        for path in ("/", "//", "//healthz", "//readyz", "/info", "//docs", "/openapi.json"):
            assert (await gateway.guest.get(path)).status_code == 200

        allowed = await gateway.admin.get("/jobs", Origin="https://portal.example.org")
        other = await gateway.admin.get("/jobs", Origin="https://evil.example.org")
        assert allowed.headers["access-control-allow-origin"] == "https://portal.example.org"
        assert "access-control-allow-origin" not in other.headers

        large = await gateway.guest.call("POST", "/token", {"username": "x" * 3000})
        assert told(large).status == 413


# ------------------------------------------------------------------------------------- crowds


async def nobody(_: str | None) -> Actor:
    raise UnauthorizedUser


async def no_body(_: Request, __: object) -> tuple[object, bool]:
    return None, False


async def test_of_a_thousand_requests_at_once_few_are_begun_in_one_turn_of_the_loop() -> None:
    begun, turns, sent = 0, [0], 0

    async def begin(_: Call) -> Answer:
        nonlocal begun
        begun += 1
        return Answer(204)

    async def nothing() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def count(message: object) -> None:
        nonlocal sent
        sent += "http.response.start" in str(message)

    def turn() -> None:
        turns.append(begun)
        if begun < 1000:
            asyncio.get_running_loop().call_soon(turn)

    endpoint = Endpoint(
        method="GET", path="/x", handler=begin, summary="", tag="", access=Access.PUBLIC
    )
    dispatcher = Dispatcher([endpoint], authenticate=nobody, anonymous_read=True, read_body=no_body)
    front = Front(dispatcher, SystemClock(), timeout=10)
    scope = {"type": "http", "method": "GET", "path": "/api/v1/x", "headers": []}
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            turn()
            for _ in range(1000):
                group.start_soon(front, dict(scope), nothing, count)

    steps = [after - before for before, after in pairwise(turns)]
    assert (begun, sent) == (1000, 1000)
    # The end of a turn and the look of the test fall apart by one turn at most.
    assert max(steps) <= 2 * TOGETHER
