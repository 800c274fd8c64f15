"""A front with some routes behind it, and a client of it, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import httpx
from starlette.requests import Request

from jobyard.clock import SystemClock
from jobyard.domain.identity import Actor
from jobyard.errors import UnauthorizedUser
from jobyard.front import Front
from jobyard.routes.address import Addresses
from jobyard.routes.dispatch import Authenticate, Dispatcher
from jobyard.routes.endpoint import Endpoint
from jobyard.wire.body import read_document

BASE = "http://gateway.test"
ADDRESSES = Addresses(public_url=None, fallback=BASE)
CALLERS = {"Bearer of-alice": Actor("alice"), "Bearer of-root": Actor("root", admin=True)}


async def authenticate(header: str | None) -> Actor:
    """Know the two callers of these tests."""
    if header not in CALLERS:
        raise UnauthorizedUser
    return CALLERS[header]


async def read_body(request: Request, defaults: Mapping[str, object]) -> tuple[object, bool]:
    document, is_form = await read_document(request, 1024 * 1024)
    return ({**defaults, **document} if isinstance(document, dict) else document), is_form


def serve(
    endpoints: Sequence[Endpoint],
    *,
    authenticate: Authenticate = authenticate,
    peer: str = "192.0.2.7",
) -> httpx.AsyncClient:
    """Give a client whose requests arrive from ``peer``."""
    dispatcher = Dispatcher(
        endpoints, authenticate=authenticate, anonymous_read=True, read_body=read_body
    )
    front = Front(dispatcher, SystemClock(), timeout=10)
    transport = httpx.ASGITransport(app=front, client=(peer, 40000))
    return httpx.AsyncClient(transport=transport, base_url=BASE)
