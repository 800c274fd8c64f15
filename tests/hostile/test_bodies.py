"""Each field of each request, hostile: the contract's error names it, and nothing changes."""

from __future__ import annotations

from urllib.parse import parse_qsl

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobyard.routes.endpoint import Answer, Call, Endpoint
from tests.core.routes.serving import CALLERS, serve
from tests.hostile.places import SCHEMAS, Place, good, places, wrong_form, wrong_json
from tests.hostile.target import Got, Target, path_of
from tests.hostile.watching import kept

PLACES = places()
JSON = b"application/json"
FORM = b"application/x-www-form-urlencoded"
HOSTILE = settings(settings.get_profile("hostile"))


def refused(got: Got, place: Place, what: bytes) -> None:
    """Check that a body was refused with its field's path, or with the place where it broke."""
    code, message = got.error
    assert (got.status, code) == (400, "InvalidParametersError"), (got, what[:300])
    assert got.header(b"x-request-id") or place.schema == "WIDE_TOKEN_REQUEST"
    named = place.path in message or place.field in message
    assert named or broken(what, message), (message, what[:300])


def broken(what: bytes, message: str) -> bool:
    """Tell whether a body is neither JSON nor a form, and the message says so."""
    if message.startswith("The body is not JSON: "):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(what)
        return " at line 1 column " in message
    if message == "The form is not UTF-8.":
        with pytest.raises(UnicodeDecodeError):
            parse_qsl(what.decode(), errors="strict")
        return True
    return False


def sent(target: Target, place: Place, kind: bytes, body: bytes) -> list[Got]:
    """Send a body to every route that reads the place's schema."""
    schema = SCHEMAS[place.schema]
    routes = [each for each in target.endpoints if each.body is schema]
    if not routes:
        return [_sent_alone(target, place, kind, body)]
    return [
        target.send(
            each.method,
            path_of(each).encode(),
            headers=[(b"content-type", kind), (b"authorization", target.token(each))],
            body=body,
        )
        for each in routes
    ]


def _sent_alone(target: Target, place: Place, kind: bytes, body: bytes) -> Got:
    """Send a body to a route made for a schema that this gateway's configuration does not use."""

    async def read(call: Call) -> Answer:
        await call.body(SCHEMAS[place.schema])
        return Answer()

    async def ask() -> httpx.Response:
        headers = {"content-type": kind.decode(), "authorization": next(iter(CALLERS))}
        async with serve([Endpoint("POST", "/alone", read, "Read.", "tests")]) as client:
            return await client.post("/api/v1/alone", content=body, headers=headers)

    response = target.portal.call(ask)
    return Got(response.status_code, response.headers.raw, response.content)


def test_every_body_that_a_route_reads_is_attacked_here(target: Target) -> None:
    read = {each.body for each in target.endpoints if each.body is not None}

    assert read <= set(SCHEMAS.values())
    assert len(read) == 8


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_these_tests_call_good_is_good(name: str) -> None:
    schema = SCHEMAS[name]

    assert schema.decode(good(schema._record), coerce=False)


@pytest.mark.parametrize("place", PLACES, ids=str)
@HOSTILE
@given(data=st.data())
def test_hostile_json_is_refused_by_its_path(
    target: Target, place: Place, data: st.DataObject
) -> None:
    body = place.json(data.draw(wrong_json(place.kind)))
    before = kept(target.state)

    for got in sent(target, place, JSON, body):
        refused(got, place, body)
    assert kept(target.state) == before


@pytest.mark.parametrize("place", PLACES, ids=str)
@HOSTILE
@given(data=st.data())
def test_a_hostile_form_is_refused_by_its_path(
    target: Target, place: Place, data: st.DataObject
) -> None:
    body = place.form(data.draw(wrong_form(place)))
    before = kept(target.state)

    for got in sent(target, place, FORM, body):
        refused(got, place, body)
    assert kept(target.state) == before


@pytest.mark.parametrize(
    "place", [each for each in PLACES if isinstance(each.keys[-1], str)], ids=str
)
def test_a_key_that_is_given_twice_is_refused_by_its_path(target: Target, place: Place) -> None:
    value = orjson.dumps(good(place.kind))
    body = place.json(value, before=value)
    before = kept(target.state)

    for got in sent(target, place, JSON, body):
        refused(got, place, body)
    assert kept(target.state) == before
