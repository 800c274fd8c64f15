"""The OpenAPI document, and a page to read and try it (contract, section 6, N)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.resources import files
from typing import Final

import orjson
from starlette.requests import Request

from jobyard import __version__
from jobyard.errors import NoApi
from jobyard.packing import Packed
from jobyard.routes.address import Addresses
from jobyard.routes.conditional import tagged
from jobyard.routes.endpoint import NOSNIFF, Access, Answer, Call, Endpoint, Success

_PAGE: Final = "page.html"
_UP: Final = b"{{up}}"
"""Where the page says how to get from its own address to what lies beside it. All its addresses
are relative, since a proxy may have put anything before ``/docs``."""

_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
_PROTECTION: Final = (
    (b"content-security-policy", _POLICY),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    NOSNIFF,
)


class DocumentationRoutes:
    """Describe all routes, to programs and to people.

    ``others`` are the routes of every other group; the document is made of them once.
    """

    def __init__(
        self, others: Sequence[Endpoint], *, addresses: Addresses, anonymous_read: bool
    ) -> None:
        self._addresses = addresses
        self._assets = _read_assets()
        self._others = others
        self._anonymous_read = anonymous_read

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the routes."""
        return (
            Endpoint(
                method="GET",
                path="/openapi.json",
                handler=self.openapi,
                summary="Describe this API as OpenAPI 3.1",
                tag="operation",
                access=Access.PUBLIC,
                success=(Success(200, "The document.", {"type": "object"}),),
                conditional=True,
                identified=False,
            ),
            Endpoint(
                method="GET",
                path="/docs",
                handler=self.page,
                summary="Read this API and try it",
                tag="operation",
                access=Access.PUBLIC,
                success=(Success(200, "A page.", media_type="text/html"),),
                conditional=True,
                rooted=False,
                identified=False,
            ),
            Endpoint(
                method="GET",
                path="/docs/{file}",
                handler=self.asset,
                summary="Fetch a part of the page",
                tag="operation",
                access=Access.PUBLIC,
                rooted=False,
                identified=False,
                documented=False,
            ),
        )

    @cached_property
    def _document(self) -> Mapping[str, object]:
        from jobyard.wire.openapi import document  # noqa: PLC0415 - 30 ms of the start

        return document(
            (*self._others, *self.endpoints()),
            version=__version__,
            server="",
            anonymous_read=self._anonymous_read,
        )

    async def openapi(self, call: Call) -> Answer:
        """Answer the document, whose ``servers`` is the address that the caller used (N)."""
        from jobyard.wire.openapi import servers  # noqa: PLC0415 - 30 ms of the start

        server = servers(self._addresses.base_url(call.request))
        return tagged(call.request, Packed(orjson.dumps({**self._document, "servers": server})))

    async def page(self, call: Call) -> Answer:
        """Answer the page (N)."""
        path = call.request.scope["path"]
        up = b"../" * (len(path) - len(path.rstrip("/")))
        body = self._assets[_PAGE].replace(_UP, up)
        return _asset(call.request, _PAGE, body)

    async def asset(self, call: Call) -> Answer:
        """Answer the page's style, one of its scripts, or its icon (N)."""
        name = call.path["file"]
        if name == _PAGE or name not in self._assets:
            raise NoApi(call.request.scope["path"])
        return _asset(call.request, name, self._assets[name])


def _read_assets() -> dict[str, bytes]:
    folder = files("jobyard") / "pages" / "docs"
    return {each.name: each.read_bytes() for each in folder.iterdir() if _type(each.name)}


def _type(name: str) -> bytes | None:
    return next((kind for suffix, kind in _TYPES.items() if name.endswith(suffix)), None)


def _asset(request: Request, name: str, body: bytes) -> Answer:
    answer = tagged(request, Packed(body))
    kept = tuple(each for each in answer.headers if each[0] != b"content-type")
    kind = ((b"content-type", _type(name) or b"application/octet-stream"),)
    headers = (*kept, *(kind if answer.body else ()), *_PROTECTION)
    return Answer(answer.status, answer.body, headers)
