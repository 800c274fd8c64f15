"""Conditional requests (RFC 9110, section 13.1.2) and the warning of a stale answer."""

from __future__ import annotations

from starlette.requests import Request

from jobyard.packing import Packed
from jobyard.routes.endpoint import JSON, Answer

STALE = (b"warning", b'110 - "Response is Stale"')


def tagged(
    request: Request, packed: Packed, *, tag: str | None = None, stale: bool = False
) -> Answer:
    """Answer JSON with an ``ETag``, or 304 where the caller has it already.

    ``tag`` names the version of the content; without one its digest does.
    """
    etag = f'W/"{packed.digest if tag is None else tag}"'.encode("latin-1")
    headers: tuple[tuple[bytes, bytes], ...] = ((b"etag", etag), (b"cache-control", b"no-cache"))
    if stale:
        headers = (*headers, STALE)
    if _matches(request.headers.get("if-none-match"), etag.decode("latin-1")):
        return Answer(304, headers=headers)
    return Answer(200, packed.body, (JSON, *headers), packed=packed)


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    names = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in names or etag.removeprefix("W/") in names
