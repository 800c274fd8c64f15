"""Conditional requests (RFC 9110, section 13.1.2) and the warning of a stale answer."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from jobyard.coding import VARY, Coding, coding_for
from jobyard.packing import Packed
from jobyard.routes.endpoint import JSON, Answer

STALE = (b"warning", b'110 - "Response is Stale"')

_CODED: Final = re.compile(f'-(?:{"|".join(Coding)})(?="$)')


def tagged(
    request: Request,
    packed: Packed,
    *,
    tag: str | None = None,
    stale: bool = False,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Answer:
    """Answer JSON with a strong ``ETag``, or 304 where the caller has it already.

    ``tag`` names the version of the content; without one its digest does. A body in a content
    coding has a name of its own, as a strong one must (RFC 9110, section 8.8.1); who has the
    content in any coding has it.
    """
    coding = coding_for(request.headers.get("accept-encoding", ""), len(packed.body))
    name = packed.digest if tag is None else tag
    etag = f'"{name}"' if coding is None else f'"{name}-{coding}"'
    headers = (*headers, (b"etag", etag.encode("latin-1")), (b"cache-control", b"no-cache"))
    if stale:
        headers = (*headers, STALE)
    if _matches(request.headers.get("if-none-match"), f'"{name}"'):
        return Answer(304, headers=(*headers, VARY))
    return Answer(200, packed.body, (JSON, *headers), packed=packed)


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    names = {_CODED.sub("", part.strip().removeprefix("W/")) for part in header.split(",")}
    return "*" in names or etag in names
