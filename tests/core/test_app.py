"""The application is Starlette's, also where it goes around its layers."""

from __future__ import annotations

from pathlib import Path

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from jobyard.app import create_app
from jobyard.config.loading import load
from jobyard.registry import Registry


class _Marked:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = "/added"
        await self._app(scope, receive, send)


async def _hello(request: Request) -> Response:
    return Response("hello")


async def test_what_is_added_to_it_is_asked_first(tmp_path: Path) -> None:
    registry = Registry()
    app = create_app(
        load(None, registry, {}), registry, state_dir=tmp_path, address="http://gateway.test"
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        alone = await http.get("/added")
        app.add_route("/added", _hello)
        with_route = await http.get("/added")
        app.middleware_stack = None
        app.add_middleware(_Marked)
        with_middleware = await http.get("/elsewhere")

    assert alone.status_code == 503
    assert (with_route.text, with_middleware.text) == ("hello", "hello")
