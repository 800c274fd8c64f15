"""Paths, methods, queries and headers of every shape: an answer of the contract's form, always."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.routes.endpoint import Endpoint
from tests.hostile.shapes import METHODS, forged, headers, queries, raw_paths
from tests.hostile.target import Got, Header, Target, path_of
from tests.hostile.watching import kept

PROFILE = settings.get_profile("hostile")
MANY = settings(PROFILE, max_examples=PROFILE.max_examples * 25)
FEW = settings(PROFILE, max_examples=PROFILE.max_examples * 12)
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def proper(got: Got, method: str, raw_path: bytes) -> None:
    """Check that an answer is good, or an error of the contract's form, and no server error."""
    assert got.status < 500, got
    assert _ID.fullmatch(got.header(b"x-request-id") or b""), got
    assert all(_VALUE.fullmatch(value) for _, value in got.headers), got
    if got.status < 400 or method == "HEAD":
        return
    if unquote(raw_path.decode()).lstrip("/").startswith("webhdfs") and b"Remote" in got.body:
        document = json.loads(got.body)
        assert document.keys() == {"RemoteException"}, got
        assert document["RemoteException"].keys() == {"exception", "javaClassName", "message"}, got
        return
    code, message = got.error
    assert code, got
    assert message, got
    assert "Traceback" not in message, got


def everything(target: Target) -> list[Endpoint]:
    """Give the routes in an order that does not change."""
    return sorted(target.endpoints, key=lambda each: (each.path, each.method))


def tokens(target: Target) -> list[str]:
    """Give tokens that are good."""
    found = [target.user.token, target.gateway.admin.token]
    return [each for each in found if each is not None]


def checked(
    target: Target, method: str, path: bytes, query: bytes, *, sent: list[Header], body: bytes = b""
) -> None:
    """Send a request; what is refused has changed nothing."""
    before = kept(target.state)
    got = target.send(method, path, query, sent, body)
    proper(got, method, path)
    if got.status >= 400:
        assert kept(target.state) == before, got


@MANY
@given(data=st.data())
def test_a_path_of_any_shape_is_answered(target: Target, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(METHODS))
    path = data.draw(raw_paths(everything(target)))
    query = data.draw(queries(everything(target)))
    sent = data.draw(st.just([]) | headers(tokens(target)))

    checked(target, method, path, query, sent=sent)


@FEW
@given(data=st.data())
def test_headers_of_any_shape_are_answered_on_every_route(
    target: Target, data: st.DataObject
) -> None:
    endpoint = data.draw(st.sampled_from(everything(target)))
    sent = data.draw(headers(tokens(target)))
    body = data.draw(st.sampled_from([b"", b"{}", b"[]", b"a=b", b"\x1f\x8b\x08", b"\xff" * 100]))
    query = data.draw(queries(everything(target)))

    checked(target, endpoint.method, path_of(endpoint).encode(), query, sent=sent, body=body)


@FEW
@given(data=st.data())
def test_a_callers_own_token_opens_nothing_to_hostile_queries(
    target: Target, data: st.DataObject
) -> None:
    endpoint = data.draw(st.sampled_from(everything(target)))
    if endpoint.method == "DELETE":
        return
    sent = [(b"authorization", target.token(endpoint)), *data.draw(headers(()))]
    query = data.draw(queries(everything(target)))
    method = data.draw(st.sampled_from([endpoint.method, "HEAD"]))

    checked(target, method, path_of(endpoint).encode(), query, sent=sent)


@pytest.mark.parametrize(
    "raw", [b"..", b"%2e%2e", b"%2e%2e%2fetc", b"a%00b", b"%c0%ae%c0%ae", b"%"]
)
def test_a_hostile_user_name_is_named_as_such(target: Target, raw: bytes) -> None:
    got = target.send("GET", b"/api/v1/user/" + raw + b"/jobs")

    assert (got.status, got.error[0]) == (400, "InvalidParametersError")
    assert "username" in got.error[1] or got.error[1].startswith("path"), got


def test_a_forged_token_is_nobodys(target: Target) -> None:
    token = target.gateway.admin.token or ""
    for shape in forged(token):
        got = target.send("GET", b"/api/v1/user", headers=[(b"authorization", shape)])

        assert (got.status, got.error[0]) == (401, "UnauthorizedUserError"), shape
