from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.identity import Actor
from jobyard.errors import InvalidParameters, NoApi
from jobyard.routes.dispatch import LONGEST_REMEMBERED, Table, split
from jobyard.routes.endpoint import Access, Answer, Call, Endpoint
from tests.core.routes.serving import serve


async def nothing(_: Call) -> Answer:
    return Answer()


def endpoint(method: str, path: str, *, rooted: bool = True, wildcard: bool = False) -> Endpoint:
    return Endpoint(
        method=method,
        path=path,
        handler=nothing,
        summary=path,
        tag="test",
        rooted=rooted,
        wildcard=wildcard,
    )


TABLE = Table(
    [
        endpoint("GET", "/"),
        endpoint("PUT", "/user"),
        endpoint("GET", "/user/{username}"),
        endpoint("GET", "/user/{username}/jobs/{jobName}"),
        endpoint("GET", "/healthz", rooted=False),
        endpoint("PUT", "/webhdfs/v1/{path}", rooted=False, wildcard=True),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "expected", "parameters"),
    [
        ("GET", "/api/v1", "/", {}),
        ("GET", "/api/v1/", "/", {}),
        ("HEAD", "/api/v1/", "/", {}),
        ("PUT", "/api/v1/user/", "/user", {}),
        ("PUT", "//api///v1/user", "/user", {}),
        ("PUT", "/rest-server/api/v1/user", "/user", {}),
        ("GET", "/api/v1/user/alice", "/user/{username}", {"username": "alice"}),
        (
            "GET",
            "/api/v1/user/a/jobs/x%2Fy",
            "/user/{username}/jobs/{jobName}",
            {"username": "a", "jobName": "x/y"},
        ),
        ("GET", "/healthz", "/healthz", {}),
        ("PUT", "/webhdfs/v1/a/b%20c", "/webhdfs/v1/{path}", {"path": "a/b%20c"}),
        ("PUT", "/webhdfs/v1/a//x%2Fy/", "/webhdfs/v1/{path}", {"path": "a/x%2Fy"}),
        ("PUT", "/webhdfs/v1/%zz", "/webhdfs/v1/{path}", {"path": "%zz"}),
        ("PUT", "/webhdfs/v1", "/webhdfs/v1/{path}", {"path": ""}),
        ("PUT", "/webhdfs/v1/", "/webhdfs/v1/{path}", {"path": ""}),
    ],
)
def test_paths_find_their_route(
    method: str, path: str, expected: str, parameters: dict[str, str]
) -> None:
    match = TABLE.match(method, path)

    assert match.endpoint.path == expected
    assert dict(match.path) == parameters


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/user"),
        ("GET", "/api/v1/User/alice"),
        ("GET", "/api/v1/nowhere"),
        ("GET", "/api/v1/user/a/b"),
        ("GET", "/"),
    ],
)
def test_what_has_no_route_is_told_with_its_path(method: str, path: str) -> None:
    with pytest.raises(NoApi) as caught:
        TABLE.match(method, path)

    assert caught.value.message == f"API {path} is not found."


@pytest.mark.parametrize(
    "path", ["/api/v1/user/%zz", "/api/v1/user/%", "/api/v1/user/%ff", "/nowhere/%zz"]
)
def test_malformed_percent_sequences_are_refused(path: str) -> None:
    with pytest.raises(InvalidParameters, match=r"percent sequence|UTF-8"):
        TABLE.match("GET", path)


@given(st.text(alphabet=st.characters(min_codepoint=1, max_codepoint=255)))
def test_no_path_breaks_the_table(path: str) -> None:
    try:
        assert all(split(path))
        TABLE.match("GET", path)
    except (NoApi, InvalidParameters):
        pass


@pytest.mark.parametrize("length", [1, LONGEST_REMEMBERED])
async def test_what_is_asked_again_finds_its_own_route(length: int) -> None:
    async def answer(call: Call) -> Answer:
        return Answer(200, f"{call.request.method} {call.path['username']}".encode())

    routes = [
        attrs.evolve(endpoint(method, "/user/{username}"), handler=answer, access=Access.PUBLIC)
        for method in ("GET", "DELETE")
    ]
    async with serve(routes) as caller:
        for _ in range(2):
            for method in ("GET", "DELETE"):
                for name in ("a" * length, "b" * length):
                    found = await caller.request(method, f"/api/v1/user/{name}")
                    assert found.text == f"{method} {name}"


async def test_a_route_for_which_it_makes_no_difference_who_calls_asks_nobody() -> None:
    async def ask(_: str | None) -> Actor:
        raise AssertionError

    public = attrs.evolve(endpoint("GET", "/info"), access=Access.PUBLIC, identified=False)
    async with serve([public], authenticate=ask) as caller:
        answer = await caller.get("/api/v1/info", headers={"Authorization": "Bearer x"})

    assert answer.status_code == 200
