"""Read request bodies: bounded, decompressed, and parsed by their content type."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator
from typing import Final

import orjson
from starlette.requests import Request

from jobyard.errors import InvalidParameters, PayloadTooLarge, UnsupportedMediaType
from jobyard.wire.form import read_form
from jobyard.wire.repeats import repeated_keys
from jobyard.wire.wording import given, shorten

FORM: Final = "application/x-www-form-urlencoded"

_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_CHARSET: Final = re.compile(r';\s*charset\s*=\s*"?([^\s";]*)', re.IGNORECASE)
_GZIP_WINDOW: Final = zlib.MAX_WBITS | 16
_BOM: Final = b"\xef\xbb\xbf"


async def read_document(request: Request, limit: int) -> tuple[object, bool]:
    """Read a body of at most ``limit`` bytes, counted after decompression.

    An empty body, and one of a content type that is not read here, is an empty object (R).

    Returns:
        The document, an object; and whether it is a form, whose values are all texts.

    Raises:
        InvalidParameters: It is malformed, or no object, or has a key more than once.
        PayloadTooLarge: It is over the limit.
        UnsupportedMediaType: Its charset or its encoding is not read here.
    """
    media_type = request.headers.get("content-type", "")
    kind = media_type.partition(";")[0].strip().lower()
    if kind not in {"application/json", FORM} and not kind.startswith("text/"):
        return {}, False
    charset = _CHARSET.search(media_type)
    if charset is not None and charset[1].lower() not in _UTF8:
        raise UnsupportedMediaType(f"The charset {shorten(charset[1])} is not read; use utf-8.")
    body = (await _read(request, limit)).removeprefix(_BOM)
    if not body.strip():
        return {}, kind == FORM
    return (_form(body), True) if kind == FORM else (_json(body), False)


async def _read(request: Request, limit: int) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower() or "identity"
    length = request.headers.get("content-length", "")
    if encoding in _GZIP:
        return await _unzip(request.stream(), limit)
    if encoding != "identity":
        message = f"The encoding {shorten(encoding)} is not read; use gzip or none."
        raise UnsupportedMediaType(message)
    if re.fullmatch("[0-9]{1,18}", length) and int(length) > limit:
        raise PayloadTooLarge(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge(limit)
    return bytes(body)


async def _unzip(stream: AsyncIterator[bytes], limit: int) -> bytes:
    """Decompress one gzip member, never holding more than the limit of it."""
    inflate = zlib.decompressobj(_GZIP_WINDOW)
    body = bytearray()
    received = 0
    # Blocks that hold nothing decompress to nothing: the compressed size needs a bound too.
    most_received = limit + limit // 100 + 1024
    async for chunk in stream:
        received += len(chunk)
        if received > most_received:
            raise PayloadTooLarge(limit)
        try:
            body += inflate.decompress(chunk, limit + 1 - len(body))
        except zlib.error as error:
            raise InvalidParameters("The body is not gzip, which it is said to be.") from error
        if len(body) > limit:
            raise PayloadTooLarge(limit)
        if inflate.unused_data or (inflate.eof and inflate.unconsumed_tail):
            raise InvalidParameters("The body goes on after the end of its gzip data.")
    if received and not inflate.eof:
        raise InvalidParameters("The gzip data of the body is cut off.")
    return bytes(body)


def _json(body: bytes) -> dict[str, object]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise InvalidParameters(f"The body is not JSON: {error.msg} at {place}.") from error
    if not isinstance(document, dict):
        raise InvalidParameters(f"The body is {given(document)}; an object is expected.")
    repeated = repeated_keys(body)
    if repeated:
        raise InvalidParameters(repeated)
    return document


def _form(body: bytes) -> dict[str, object]:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidParameters("The form is not UTF-8.") from error
    return read_form(text)
