"""The hot path's request says what Starlette's says."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from jobyard.routes.hot_request import HotRequest

_NAMES = st.sampled_from([b"host", b"accept", b"x-a"])
_HEADERS = st.lists(st.tuples(_NAMES, st.binary(max_size=8)))


async def _receive() -> Message:
    return {"type": "http.disconnect"}


@settings(deadline=None)
@given(
    headers=_HEADERS,
    name=st.sampled_from(["host", "Accept", "X-A", "x-b"]),
    query=st.sampled_from([b"", b"a=1&a=2", b"x"]),
)
def test_headers_and_query_are_those_of_starlette(
    headers: list[tuple[bytes, bytes]], name: str, query: bytes
) -> None:
    scope = {"type": "http", "method": "GET", "headers": headers, "query_string": query}
    ours, theirs = HotRequest(scope, _receive), Request(scope, _receive)

    assert ours.headers.get(name) == theirs.headers.get(name)
    assert ours.headers.get(name, "else") == theirs.headers.get(name, "else")
    assert ours.headers.getlist(name) == theirs.headers.getlist(name)
    assert ours.query_params == theirs.query_params
