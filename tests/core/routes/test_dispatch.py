from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.errors import InvalidParameters, NoApi
from jobyard.routes.dispatch import Table, split
from jobyard.routes.endpoint import Answer, Call, Endpoint


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
        ("PUT", "/webhdfs/v1/a/b%20c", "/webhdfs/v1/{path}", {"path": "a/b c"}),
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


@pytest.mark.parametrize("path", ["/api/v1/user/%zz", "/api/v1/user/%", "/api/v1/user/%ff"])
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
