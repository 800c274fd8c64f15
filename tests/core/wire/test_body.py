"""Bodies: bounded, decompressed, and parsed by their content type."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from jobyard.errors import ApiError, InvalidParameters, PayloadTooLarge, UnsupportedMediaType
from jobyard.wire.body import read_document

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
ZIPPED = {**JSON, "content-encoding": "gzip"}


async def read(
    headers: dict[str, str], *chunks: bytes, limit: int = 1000, taken: list[int] | None = None
) -> tuple[object, bool]:
    pending = list(chunks or [b""])
    counted = [0] if taken is None else taken

    async def receive() -> Message:
        chunk = pending.pop(0)
        counted[0] += 1
        return {"type": "http.request", "body": chunk, "more_body": bool(pending)}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}
    return await read_document(Request(scope, receive), limit)


@pytest.mark.parametrize("media_type", ["application/json", "APPLICATION/JSON; charset=UTF-8", "text/plain", 'text/json;charset="us-ascii"'])  # fmt: skip
async def test_json_is_read_as_json(media_type: str) -> None:
    assert await read({"content-type": media_type}, b'{"a"', b": 1}") == ({"a": 1}, False)


async def test_a_key_that_is_given_twice_is_refused_by_its_path() -> None:
    with pytest.raises(InvalidParameters) as refused:
        await read(JSON, b'{"a": [{"b": 1, "b": 1}]}')

    assert [each.path for each in refused.value.problems] == ["a[0].b"]


async def test_a_form_is_read_as_a_form() -> None:
    assert await read(FORM, b"a[b]=1") == ({"a": {"b": "1"}}, True)


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/xml"}, {"content-type": "multipart/form-data"}])  # fmt: skip
async def test_any_other_content_type_is_an_empty_body(headers: dict[str, str]) -> None:
    assert await read(headers, b'{"a": 1}') == ({}, False)


@pytest.mark.parametrize("body", [b"", b" \n", b"\xef\xbb\xbf"])
async def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    assert await read(JSON, body) == ({}, False)


async def test_a_byte_order_mark_is_skipped() -> None:
    assert await read(JSON, b'\xef\xbb\xbf{"a":1}') == ({"a": 1}, False)


async def test_malformed_json_is_refused_with_its_position() -> None:
    with pytest.raises(InvalidParameters, match=r"not JSON: .* at line 2 column 8"):
        await read(JSON, b'{"a": 1,\n  "b": }')


@pytest.mark.parametrize("body", [b"{", b'{"a": NaN}', b"\xff", b"[" * 5000, b'{"a": "\\ud800"}', b"a=1"])  # fmt: skip
async def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameters):
        await read(JSON, body, limit=10_000)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"'])
async def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameters, match=r"The body is .*; an object is expected"):
        await read(JSON, body)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"content-type": "application/json; charset=utf-16"}, 'charset "utf-16" is not'),
        ({"content-type": "text/plain; charset=latin-1"}, 'charset "latin-1" is not'),
        ({**FORM, "content-type": FORM["content-type"] + "; charset=koi8-r"}, 'charset "koi8-r"'),
        ({**JSON, "content-encoding": "br"}, 'encoding "br" is not'),
        ({**JSON, "content-encoding": "gzip, gzip"}, 'encoding "gzip, gzip" is not'),
    ],
)
async def test_charsets_and_encodings_that_are_not_read_are_415(
    headers: dict[str, str], message: str
) -> None:
    with pytest.raises(UnsupportedMediaType, match=message):
        await read(headers, b"{}")


@pytest.mark.parametrize("encoding", ["identity", "", " "])
async def test_no_encoding_may_be_named(encoding: str) -> None:
    assert await read({**JSON, "content-encoding": encoding}, b'{"a":1}') == ({"a": 1}, False)


async def test_the_limit_is_inclusive() -> None:
    body = b'{"a":1}'

    assert await read(JSON, body, limit=7) == ({"a": 1}, False)
    assert await read({**JSON, "content-length": "7"}, body, limit=7) == ({"a": 1}, False)
    assert await read(ZIPPED, gzip.compress(body), limit=7) == ({"a": 1}, False)
    for headers, sent in ((JSON, body), (ZIPPED, gzip.compress(body))):
        with pytest.raises(PayloadTooLarge, match="larger than 6 bytes"):
            await read(headers, sent, limit=6)


async def test_a_length_over_the_limit_is_refused_unread() -> None:
    taken = [0]

    with pytest.raises(PayloadTooLarge, match="larger than 1000 bytes"):
        await read({**JSON, "content-length": "1001"}, b"{}", taken=taken)

    assert taken == [0]


async def test_a_body_without_a_length_is_read_up_to_the_limit() -> None:
    taken = [0]

    with pytest.raises(PayloadTooLarge):
        await read(JSON, *[b" " * 100] * 1000, taken=taken)

    assert taken == [11]


async def test_gzip_is_read_however_it_is_cut() -> None:
    packed = gzip.compress(b'{"a": "' + b"x" * 500 + b'"}')

    whole = await read(ZIPPED, packed)
    pieces = await read(ZIPPED, *[packed[index : index + 1] for index in range(len(packed))])

    assert whole == pieces == ({"a": "x" * 500}, False)
    assert await read(ZIPPED, b"") == ({}, False)
    assert await read({**FORM, "content-encoding": "x-gzip"}, gzip.compress(b"a=1")) == (
        {"a": "1"},
        True,
    )


async def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    taken = [0]

    with pytest.raises(PayloadTooLarge):
        await read(ZIPPED, bomb[:100], bomb[100:], taken=taken)

    assert taken == [1]


async def test_a_gzip_bomb_is_never_held_unpacked() -> None:
    bomb = gzip.compress(b" " * 1_500_000)
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge):
            await read(ZIPPED, bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(bomb) < 2000
    assert peak < 500_000


async def test_gzip_may_be_one_percent_and_a_kibibyte_larger_than_the_limit() -> None:
    def packed(size: int) -> bytes:
        bare = _named_gzip(b'{"a":1}', "")
        return _named_gzip(b'{"a":1}', "x" * (size - len(bare) - 1))

    assert len(packed(11_124)) == 11_124
    assert await read(ZIPPED, packed(11_124), limit=10_000) == ({"a": 1}, False)
    with pytest.raises(PayloadTooLarge, match="larger than 10000 bytes"):
        await read(ZIPPED, packed(11_125), limit=10_000)


def _named_gzip(body: bytes, name: str) -> bytes:
    """Compress a body with the name of its file in the header, which is read over."""
    buffer = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=buffer) as file:
        file.write(body)
    return buffer.getvalue()


async def test_gzip_that_holds_nothing_for_ever_is_stopped() -> None:
    deflate = zlib.compressobj(wbits=31)
    empty_blocks = [deflate.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    chunks: Sequence[bytes] = [empty_blocks[0], *[b"\0\0\0\xff\xff" * 50] * 100]

    with pytest.raises(PayloadTooLarge):
        await read(ZIPPED, *chunks, limit=100)


@pytest.mark.parametrize(
    "body",
    [b"{}", gzip.compress(b"{}")[:-3], gzip.compress(b"{}") + b"x", gzip.compress(b"{}") * 2],
    ids=["plain", "cut", "garbage", "two-members"],
)
async def test_broken_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidParameters, match="gzip"):
        await read(ZIPPED, body)


@given(st.binary(max_size=40), st.sampled_from([JSON, FORM, ZIPPED]))
async def test_any_bytes_are_read_or_refused(body: bytes, headers: dict[str, str]) -> None:
    try:
        document, _ = await read(headers, body)
    except ApiError as refusal:
        refusal.message.encode()
    else:
        assert isinstance(document, dict)
