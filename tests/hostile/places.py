"""The fields of request schemas, each with what is wrong for it: derived, so that new ones count."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote_plus

from attrs import frozen
from hypothesis import strategies as st

from jobyard.schema import Constraint
from jobyard.wire import requests
from jobyard.wire.kinds import (
    AnyScalar,
    Anything,
    Choice,
    Flag,
    Kind,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Record,
    Text,
    Whole,
)
from jobyard.wire.schema import Schema

KEY: Final = "key"
"""A name within the objects whose names are the client's own."""

SCHEMAS: Final[dict[str, Schema[object]]] = {
    name: each for name, each in vars(requests).items() if isinstance(each, Schema)
}
_MARK: Final = "@here@"
_TEXT: Final = "abcdef"
_DEEP: Final = (34, 900, 1_100, 100_000)


@frozen
class Place:
    """Be one place of a schema: ``keys`` lead to it, an ``int`` being an index."""

    schema: str
    keys: tuple[str | int, ...]
    kind: Kind

    @property
    def path(self) -> str:
        """Spell it as an error does."""
        first, *rest = self.keys
        return str(first) + "".join(
            f"[{key}]" if isinstance(key, int) else f".{key}" for key in rest
        )

    @property
    def field(self) -> str:
        """Spell it as a form does."""
        first, *rest = self.keys
        return str(first) + "".join(f"[{key}]" for key in rest)

    def __str__(self) -> str:
        return f"{self.schema}-{self.path}"

    def json(self, value: bytes, *, before: bytes = b"") -> bytes:
        """Write a document that is good but for the JSON text at this place.

        ``before`` is a value that the same key has once more, before this one.
        """
        document = good(SCHEMAS[self.schema]._record)
        target = document
        for key in self.keys[:-1]:
            target = target[key]  # type: ignore[index] # each is a list or an object
        target[self.keys[-1]] = _MARK  # type: ignore[index]
        twice = before + b"," + json.dumps(self.keys[-1]).encode() + b":" if before else b""
        return json.dumps(document).encode().replace(json.dumps(_MARK).encode(), twice + value)

    def form(self, pairs: list[tuple[str, str]]) -> bytes:
        """Write a form that is good but for these pairs, which take the place of this one's."""
        kept = [
            (name, value)
            for name, value in _pairs("", good(SCHEMAS[self.schema]._record))
            if name != self.field and not name.startswith(f"{self.field}[")
        ]
        return "&".join(
            f"{quote_plus(name)}={quote_plus(value, errors='surrogatepass')}"
            for name, value in [*kept, *pairs]
        ).encode()


def places() -> list[Place]:
    """Give every place of every schema of a request."""
    return [
        Place(name, keys, kind)
        for name, schema in SCHEMAS.items()
        for keys, kind in _walk(schema._record, ())
    ]


def _walk(kind: Kind, keys: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Kind]]:
    if keys:
        yield keys, kind
    match _inner(kind):
        case Record(fields=fields):
            for each in fields:
                yield from _walk(each.kind, (*keys, each.name))
        case ListOf(item=item):
            yield from _walk(item, (*keys, 0))
        case MapOf(value=value):
            yield from _walk(value, (*keys, KEY))


def good(kind: Kind) -> object:  # noqa: PLR0911 - one line a kind
    """Give a document that is good, with every field."""
    constraint = kind.constraint
    match _inner(kind):
        case Text():
            return constraint.choices[0] if constraint.choices else constraint.example or _TEXT
        case Whole() | Number():
            return int(constraint.minimum or 0)
        case Flag():
            return True
        case Choice(values=values):
            return values[0]
        case AnyScalar() | Anything():
            return _TEXT
        case ListOf(item=item):
            return [good(item)]
        case MapOf(value=value):
            return {KEY: good(value)}
        case Record(fields=fields):
            return {each.name: good(each.kind) for each in fields}
    raise TypeError(kind)


def _inner(kind: Kind) -> Kind:
    return kind.kind if isinstance(kind, Nullable) else kind


def _pairs(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _pairs(f"{name}[{key}]" if name else str(key), each)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def wrong_json(kind: Kind) -> st.SearchStrategy[bytes]:
    """Draw the text of a JSON value, or of nearly one, that this kind never accepts."""
    ways = [*_wrong(_inner(kind)), _deep(), st.sampled_from(_NO_JSON), _unwanted().map(_dumped)]
    if not isinstance(kind, Nullable) and not isinstance(kind, Anything):
        ways.append(st.just(b"null"))
    return st.one_of(ways)


_NO_JSON: Final = (
    *(b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b"0x10", b"1.", b"'x'", b"undefined", b""),
    *(b'"\x00"', b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"'),
    *(b'"\\ud800"', b'"\\udc00x"', b'"\\ud800\\ud800"', b'"\\u00"', b'"\\x00"', b'"', b"[", b"{"),
    *(b'{"a"}', b"[1,]", b'{"a":1,}', b"/**/1", b"\xef\xbb\xbf"),
)
_NUMERALS: Final = (
    *(b"1" + b"0" * size for size in (10, 19, 20, 38, 308, 309, 4_300, 5_000, 100_000)),
    *(b"1e10", b"1e308", b"1e309", b"-1e999999", b"2147483648", b"9223372036854775808"),
    *(b"18446744073709551615", b"18446744073709551616", b"-9223372036854775809", b"-3"),
)
_SCALARS: Final = (b"true", b"false", b"0", b"-0.0", b"1.5", b'"x"', b'""')
_CONTAINERS: Final = (b"[]", b"{}", b"[[]]", b'{"":{}}', b"[null]", b'{"__proto__":1}')


def _wrong(kind: Kind) -> list[st.SearchStrategy[bytes]]:  # noqa: PLR0911 - one line a kind
    containers = st.sampled_from(_CONTAINERS)
    numbers = st.one_of(st.sampled_from([b"0", b"-1", b"1.5", b"true", b"false", *_NUMERALS]))
    match kind:
        case Text(constraint=constraint):
            return [containers, numbers, _breaking(constraint).map(_dumped)]
        case Whole(constraint=constraint) | Number(constraint=constraint):
            texts = _no_numerals().map(_dumped)
            fractions = [st.just(b"1.5")] if isinstance(kind, Whole) else []
            flags = st.sampled_from([b"true", b"false"])
            return [containers, texts, flags, _out_of_bounds(constraint).map(_dumped), *fractions]
        case Flag():
            return [containers, numbers.filter(lambda text: text not in {b"true", b"false"}),
                    st.text(min_size=6).map(_dumped)]  # fmt: skip
        case Choice(values=values):
            others = st.text().filter(lambda text: text not in values).map(_dumped)
            return [containers, numbers, others]
        case AnyScalar():
            return [containers]
        case Anything():
            return []
        case ListOf():
            return [st.sampled_from([*_SCALARS, b"{}", b'{"0":{}}', b"[[]]", b"[1,null]"])]
        case MapOf():
            return [st.sampled_from([*_SCALARS, b"[]", b'[["a",1]]'])]
        case Record():
            unknown = st.text(min_size=7).map(lambda key: _dumped({key: 1}))
            return [st.sampled_from([*_SCALARS, b"[]", b"{}", b'[{"a":1}]']), unknown]
    raise TypeError(kind)


def _deep() -> st.SearchStrategy[bytes]:
    shapes = st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")])
    depths = st.sampled_from(_DEEP)
    return st.builds(lambda shape, n: shape[0] * n + b"1" + shape[1] * n, shapes, depths)


def _unwanted() -> st.SearchStrategy[str]:
    some = st.text(max_size=5)
    return st.builds(
        lambda a, b, c: a + b + c, some, st.sampled_from(["\0", "\ud800", "\udfff"]), some
    )


def _breaking(constraint: Constraint) -> st.SearchStrategy[str]:
    pattern, low, high = constraint.pattern, constraint.min_length or 0, constraint.max_length
    ways = [_unwanted()]
    if low:
        ways.append(st.text(max_size=low - 1))
    if high is not None:
        ways.append(st.just("a" * (high + 1)))
    if pattern is not None:
        odd = st.text() | st.sampled_from(
            ["..", "a b", "a\n", "a/b", "%2e", "é", "a" * 9_999 + "!"]
        )
        ways.append(odd.filter(lambda text: not re.fullmatch(pattern, text)))
    return st.one_of(ways)


def _no_numerals() -> st.SearchStrategy[str]:
    odd = (
        "",
        "x",
        "0x10",
        "1_000",
        "nan",
        "inf",
        "1e",
        "--1",
        "1e99999",
        "9" * 99,
        "٣",
        "1,5",
        "1 2",
    )
    return st.sampled_from(odd) | _unwanted()


def _out_of_bounds(constraint: Constraint) -> st.SearchStrategy[float]:
    low = -(2**31) if constraint.minimum is None else int(constraint.minimum)
    high = 2**31 - 1 if constraint.maximum is None else int(constraint.maximum)
    return st.integers(max_value=low - 1, min_value=-(10**40)) | st.integers(
        min_value=high + 1, max_value=10**40
    )


def _dumped(value: object) -> bytes:
    return json.dumps(value).encode()


_INDEXES: Final = st.sampled_from(["0", "7", "00", "999999999", "9" * 30, "-1", "a", "é", ""])


def wrong_form(place: Place) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Draw the pairs of a form that this place never accepts."""
    name = place.field
    ways = [
        st.integers(16, 60).map(lambda depth: [(name + "[a]" * depth, "x")]),
        _unwanted().map(lambda text: [(name, text)]),
        st.just([(name, "x"), (f"{name}[a]", "x")]),
        st.just([(f"{name}[a]", "x"), (f"{name}[a][b]", "x")]),
    ]
    match _inner(place.kind):
        case Anything():
            return st.one_of(ways)
        case Text(constraint=constraint):
            texts: st.SearchStrategy[str] = _breaking(constraint)
        case Whole(constraint=constraint) | Number(constraint=constraint):
            texts = _no_numerals().filter(bool) | _out_of_bounds(constraint).map(str)
        case Flag():
            texts = st.text(min_size=6)
        case Choice(values=values):
            texts = st.text().filter(lambda text: text not in values)
        case AnyScalar():
            texts = _unwanted()
        case _:
            texts = st.sampled_from(["x", "{}", "[]", '{"a":1}', "0"])
            if not isinstance(_inner(place.kind), MapOf):
                ways.append(_INDEXES.map(lambda index: [(f"{name}[{index}][zzzzzzz]", "x")]))
            return st.one_of(*ways, texts.map(lambda text: [(name, text)]))
    twice = st.just([(name, _TEXT), (name, _TEXT)])
    below = st.sampled_from(["", "0", "a", "9" * 30]).map(lambda key: [(f"{name}[{key}]", "x")])
    return st.one_of(*ways, texts.map(lambda text: [(name, text)]), twice, below)
