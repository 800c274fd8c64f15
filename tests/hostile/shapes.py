"""Paths, queries and headers of every shape that a server may hand on."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from hypothesis import strategies as st

from jobyard.routes.endpoint import Endpoint
from tests.hostile.target import NAMES, Header, path_of

METHODS: Final = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"),
    *("get", "PROPFIND", "M-SEARCH", "X" * 300, "__CLASS__"),
)
_SEGMENTS: Final = (
    *(
        "..",
        ".",
        "%2e%2e",
        "%2E%2e%2f",
        "%2F",
        "%2f%2f",
        "%00",
        "a%00b",
        "%",
        "%2",
        "%zz",
        "%u0041",
    ),
    *("%c0%ae%c0%ae", "%e0%80%af", "%f0%80%80%af", "%ed%a0%80", "%ff%fe", "%f4%90%80%80"),
    *(
        "%0d%0aX-Evil:1",
        "%0a",
        "%7f",
        "%c2%85",
        "%e2%80%ae",
        "%F0%9F%92%A9",
        "%25%32%65",
        "~",
        "a~b",
    ),
    *("~~", "key~job", "key~", "~job", "*", "$(id)", "';--", "\\..\\..", "{username}", "%7B0%7D"),
    *(
        "__proto__",
        "-1",
        "0",
        "9" * 400,
        "1e9",
        "a" * 5_000,
        ";a=b",
        "a:b",
        "@",
        "?",
        "#",
        "+",
        "&",
    ),
    *NAMES.values(),
)
_OPERATIONS: Final = (
    *("OPEN", "open", "CREATE", "APPEND", "MKDIRS", "GETFILESTATUS", "LISTSTATUS"),
    *("LISTSTATUS_BATCH", "GETCONTENTSUMMARY", "GETHOMEDIRECTORY", "RENAME", "DELETE"),
    *("SETPERMISSION", "GETFILECHECKSUM", "CONCAT", "", "OPEN\0", "../OPEN"),
)
_FILE_PARAMETERS: Final = (
    *("op", "offset", "length", "overwrite", "permission", "noredirect", "recursive", "startAfter"),
    *("destination", "delegation", "user.name", "token", "doas", "buffersize"),
)
_VALUES: Final = (
    *(
        "true",
        "false",
        "TRUE",
        "",
        "0",
        "-1",
        "1",
        "1e9",
        "1.5",
        "nan",
        "inf",
        "٣",
        "9" * 30,
        "9" * 5_000,
    ),
    *("null", "..", "/../../etc/passwd", "a\0b", "\ud800", "é", "\U0010ffff", "a,b", "createdTime"),
    *("-createdTime", "--name", "RUNNING", "1777", "999", "name,name", "key", "job", "default"),
)


def raw_paths(endpoints: Sequence[Endpoint]) -> st.SearchStrategy[bytes]:
    """Draw paths: those of routes with hostile names, and such as no route has."""
    templates = sorted({path_of(each) for each in endpoints})
    segment = st.sampled_from(_SEGMENTS) | st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=8
    )
    parts = st.lists(segment, max_size=6)
    routed = st.builds(_replaced, st.sampled_from(templates), parts)
    return st.one_of(
        routed,
        parts.map(lambda each: "/" + "/".join(each)),
        parts.map(lambda each: "/api/v1/user/" + "/".join(each)),
        parts.map(lambda each: "/webhdfs/v1/" + "/".join(each)),
        parts.map(lambda each: "/rest-server/api/v1/" + "//".join(each)),
        st.sampled_from(
            ["/a" * 10_000, "/" * 10_000, "/webhdfs/v1" + "/a" * 10_000, "*", "", "//x"]
        ),
        st.sampled_from(["/api/v1" + "/.." * 10_000, "/api/v1/user/%2e" * 1_000]),
    ).map(lambda path: path.replace("?", "%3F").replace("#", "%23").encode())


def _replaced(template: str, parts: list[str]) -> str:
    names = [name for name in template.split("/") if name in NAMES.values()]
    for name, part in zip(names, parts, strict=False):
        template = template.replace(f"/{name}", f"/{part}", 1)
    return template


def queries(endpoints: Sequence[Endpoint]) -> st.SearchStrategy[bytes]:
    """Draw queries of every parameter that is documented, and of some that are not."""
    documented = {parameter.name for each in endpoints for parameter in each.query}
    name = st.sampled_from([*sorted(documented), *_FILE_PARAMETERS]) | st.text(max_size=4)
    value = st.sampled_from(_VALUES) | st.text(max_size=8) | st.sampled_from(_OPERATIONS)
    pair = st.builds(
        lambda key, each: quote(key, errors="replace") + "=" + quote(each, errors="surrogatepass"),
        name, value,
    )  # fmt: skip
    operation = st.sampled_from(_OPERATIONS).map(lambda each: "op=" + quote(each))
    odd = st.sampled_from(
        ["%", "a=%zz", "=", "&&&", "a" * 9_000, "a=1&a=2", "%00=%00", "state=%ff"]
    )
    pairs = st.lists(pair | odd | operation, max_size=5)
    return pairs.map(lambda each: "&".join(each).encode())


def headers(tokens: Sequence[str]) -> st.SearchStrategy[list[Header]]:
    """Draw a few headers, each of every shape; ``tokens`` are good ones."""
    field = st.sampled_from(sorted(_FIELDS)).flatmap(
        lambda name: _shapes(name, tokens).map(lambda value: (name.encode(), value))
    )
    return st.lists(field, max_size=6)


def _shapes(name: str, tokens: Sequence[str]) -> st.SearchStrategy[bytes]:
    shapes = [each.encode("latin-1", "replace") for each in _FIELDS[name]]
    if name == "authorization":
        shapes += [
            each for token in tokens for each in (f"Bearer {token}".encode(), *forged(token))
        ]
    anything = st.binary(max_size=20).map(_visible)
    return st.sampled_from([*shapes, b"", b" ", b"\xff\xfe", b"a" * 4_000, b"\t,;=\"'"]) | anything


def _visible(value: bytes) -> bytes:
    """Leave out what no server lets through."""
    return bytes(each for each in value if (each >= 0x20 and each != 0x7F) or each == 9)


def forged(token: str) -> list[bytes]:
    """Give headers that say nothing of whoever has the token."""
    head, payload, signature = token.split(".")
    none = _part({"alg": "none", "typ": "JWT"})
    deep = base64.urlsafe_b64encode(b"[" * 5_000)
    parts = [
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{_part({'username': 'admin', 'admin': True})}.{signature}",
        f"{_part({'alg': 'HS256', 'kid': '../../x', 'crit': ['b64'], 'b64': False})}.{payload}.{signature}",
        f"{_part({'alg': ['HS256']})}.{payload}.{signature}",
        f"{_part({'alg': 'RS256', 'jwk': {}})}.{payload}.{signature}",
        f"{deep.decode()}.{payload}.{signature}",
        f"{_part([])}.{_part('x')}.{signature}",
        "..",
        "." * 1_000,
        "a.b",
        "é.é.é",
    ]
    shapes = [f"Bearer {each}" for each in parts]
    shapes += [token, f"Basic {token}", f"Bearer {token} {token}", "Bearer"]
    return [each.encode() for each in shapes]


def _part(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "authorization": ("Basic YTpi", "Negotiate", "Digest username=x", "Bearer null", ","),
    "content-type": (
        *(
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
            "multipart/form-data",
        ),
        *("application/json; charset=utf-16", 'text/x;charset="', "application/json;charset=\xff"),
        *(
            "application/json; charset=utf-7",
            "APPLICATION/JSON;;;",
            "/",
            ";",
            "text/html; charset=é",
        ),
    ),
    "content-encoding": ("gzip", "x-gzip", "GZIP", "br", "gzip, gzip", "identity", "deflate", ","),
    "content-length": ("0", "-1", "1e3", "9" * 19, "9" * 5_000, "0x10", "+1", "1, 1", "٣", "1 "),
    "idempotency-key": ("a", "a" * 255, "a" * 256, "\x7f", "é", "a b", "'; DROP TABLE jobs"),
    "accept": (
        "application/json",
        "text/yaml",
        "*/*",
        "application/json;q=x",
        ";q=1",
        "q=0," * 900,
    ),
    "accept-encoding": ("gzip", "gzip;q=0", "gzip;q=-1", "*;q=0.00001", "identity;q=0", "br"),
    "if-none-match": ("*", 'W/"1"', '"', '"a", "b"', "W/" * 900, '"' * 4_000),
    "if-modified-since": ("yesterday", "Thu, 32 Jan 9999 99:99:99 GMT"),
    "range": (
        "bytes=0-",
        "bytes=-1",
        "bytes=5-1",
        "bytes=0-,0-,0-",
        "bytes=99999999999999-",
        "x=1",
    ),
    "x-forwarded-for": ("127.0.0.1", "::1", "unknown", "1.2.3.4, 5", "a" * 3_000, ","),
    "x-forwarded-proto": ("https", "javascript", "http, https", "é"),
    "x-forwarded-host": ("evil.test", "evil.test/path", "a b", "[::1", "é"),
    "x-forwarded-port": ("0", "-1", "99999"),
    "forwarded": ("for=127.0.0.1;host=evil", 'for="', ";;;"),
    "host": ("evil.test", "a/b", "a@b", "[", "a:b:c", "\xff", "a b", "x" * 300, "evil.test#"),
    "origin": ("null", "https://evil.test", "é", "*"),
    "access-control-request-headers": ("*", "a, b", "\xff", "x" * 4_000),
    "access-control-request-method": ("PUT", "é", ""),
    "x-request-id": ("a", "a" * 128, "a" * 129, "a b", "é", "../.."),
    "x-http-method-override": ("DELETE", "PUT"),
    "expect": ("100-continue", "x"),
    "transfer-encoding": ("chunked", "identity", "chunked, chunked"),
    "cookie": ("token=x", "=;=;"),
    "last-event-id": ("0", "-1", "x"),
    "upgrade": ("websocket", "h2c"),
    "te": ("trailers",),
}
