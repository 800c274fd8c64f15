"""Publish what a kind accepts as JSON Schema (draft 2020-12, OpenAPI 3.1's own)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

import attrs

from jobyard.schema import Constraint, plain_default
from jobyard.wire.kinds import (
    AnyScalar,
    Anything,
    Choice,
    Field,
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
from jobyard.wire.scalars import LARGEST_INTEGER

Document = dict[str, object]

_NOTHING: Final = object()


def json_schema(kind: Kind, *, closed: bool) -> Document:
    """Give the JSON Schema of a kind; ``closed`` refuses fields that are not known.

    Requests are closed (R); answers are open, since later versions may say more.
    """
    schema = _shape(kind, closed=closed)
    constraint = kind.constraint
    if constraint.doc:
        schema["description"] = constraint.doc
    if constraint.example is not None:
        schema["examples"] = [constraint.example]
    return schema


def _shape(kind: Kind, *, closed: bool) -> Document:  # noqa: C901, PLR0911 - one line a kind
    match kind:
        case Nullable():
            return _nullable(_shape(kind.kind, closed=closed))
        case Text():
            return _text(kind)
        case Whole():
            return {"type": "integer", **_bounds(kind.constraint, closed=closed)}
        case Number():
            return {"type": "number", **_bounds(kind.constraint, closed=False)}
        case Flag():
            return {"type": "boolean"}
        case Choice():
            return {"type": "string", "enum": list(kind.values)}
        case AnyScalar():
            return {"type": ["string", "number", "boolean"]}
        case Anything():
            return {}
        case ListOf():
            item = _shape(kind.item, closed=closed)
            return {"type": "array", "items": item, **_lengths(kind.constraint, "Items")}
        case MapOf():
            return _map(kind, closed=closed)
        case Record():
            return _record(kind, closed=closed)


def _nullable(schema: Document) -> Document:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]} if schema else schema


def _text(kind: Text) -> Document:
    constraint = kind.constraint
    schema: Document = {"type": "string", **_lengths(constraint, "Length")}
    if constraint.choices is not None:
        schema["enum"] = list(constraint.choices)
    if constraint.pattern is not None:
        schema["pattern"] = anchored(constraint.pattern)
    if kind.secret:
        schema |= {"format": "password", "writeOnly": True}
    return schema


def _map(kind: MapOf, *, closed: bool) -> Document:
    schema: Document = {
        "type": "object",
        "additionalProperties": json_schema(kind.value, closed=closed),
    }
    if kind.constraint.key_pattern is not None:
        schema["propertyNames"] = {"pattern": anchored(kind.constraint.key_pattern)}
    return schema


def _record(kind: Record, *, closed: bool) -> Document:
    schema: Document = {
        "type": "object",
        "properties": {each.name: _field(each, closed=closed) for each in kind.fields},
    }
    required = [each.name for each in kind.fields if each.required]
    if required:
        schema["required"] = required
    if closed:
        schema["additionalProperties"] = False
    return schema


def _field(field: Field, *, closed: bool) -> Document:
    schema = json_schema(field.kind, closed=closed)
    default = _plain(plain_default(field.default))
    if default is not _NOTHING and closed:
        schema["default"] = default
    return schema


def _plain(value: object) -> object:
    """Give a default as JSON has it, or ``_NOTHING`` where there is none to publish."""
    if value is attrs.NOTHING:
        return _NOTHING
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, tuple) and not value:
        return []
    return {} if isinstance(value, Mapping) and not value else _NOTHING


def anchored(pattern: str) -> str:
    """Spell a pattern so that it has to match the whole, which JSON Schema does not imply."""
    return pattern if pattern.startswith("^") and pattern.endswith("$") else f"^(?:{pattern})$"


def _bounds(constraint: Constraint, *, closed: bool) -> Document:
    bounds: Document = {}
    if constraint.minimum is not None:
        bounds["minimum"] = constraint.minimum
    if constraint.maximum is not None:
        bounds["maximum"] = constraint.maximum
    elif closed:
        bounds["maximum"] = LARGEST_INTEGER
    return bounds


def _lengths(constraint: Constraint, what: str) -> Document:
    lengths = {f"min{what}": constraint.min_length, f"max{what}": constraint.max_length}
    return {name: value for name, value in lengths.items() if value is not None}
