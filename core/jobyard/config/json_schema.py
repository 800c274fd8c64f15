"""Publish the configuration file as a JSON Schema, for editors that complete and check it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Final

from jobyard.config.foreign import FOREIGN_KEYS
from jobyard.config.in_force import plain
from jobyard.config.options import providers
from jobyard.config.settings import RestServer, Settings
from jobyard.config.shapes import Chooses, Key, ListOf, MapOf, Scalar, Section, Shape, section_of
from jobyard.registry import Registry
from jobyard.schema import Constraint, plain_default
from jobyard.seams.provider import AnyProvider, Seam
from jobyard.wire.json_schema import anchored

Document = dict[str, object]

_REFERENCE: Final = "#/$defs/reference"
_SCALARS: Final[dict[type, Document]] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}


def json_schema(registry: Registry | None = None) -> Document:
    """Give the JSON Schema (draft 2020-12) of the file, with all installed providers' settings."""
    registry = registry or Registry()
    known: dict[str, list[AnyProvider]] = {seam.value: [] for seam in Seam}
    for seam, provider in providers(registry, built_in=False):
        known[seam.value].append(provider)
    schema = _section(section_of(Settings))
    # Sections of other services are ignored, whatever they hold.
    schema["additionalProperties"] = {"type": ["object", "null"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "services-configuration.yaml of Jobyard",
        **schema,
        "$defs": {
            "reference": _reference(),
            **{f"{seam}-provider": _choice(found) for seam, found in known.items()},
        },
    }


def _reference() -> Document:
    return {
        "oneOf": [
            {
                "type": "object",
                "description": description,
                "properties": {name: {"type": "string", "minLength": 1}},
                "required": [name],
                "additionalProperties": False,
            }
            for name, description in (
                ("env", "Take the value from an environment variable."),
                ("file", "Take the value from a file."),
            )
        ]
    }


def _choice(found: Iterable[AnyProvider]) -> Document:
    options: list[Document] = []
    names: list[Document] = []
    for provider in found:
        names.append({"const": provider.name, "description": provider.summary})
        settings = {"anyOf": [_section(section_of(provider.config)), {"type": "null"}]}
        options.append(
            {
                "type": "object",
                "description": provider.summary,
                "properties": {provider.name: settings},
                "required": [provider.name],
                "additionalProperties": False,
            }
        )
    return {"anyOf": [*names, *options]} if names else {"not": {}}


def _section(section: Section) -> Document:
    properties: Document = {}
    for key in section.keys:
        for name in (key.name, *key.aliases):
            properties[name] = _key(key)
    schema: Document = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if section.cls is RestServer:
        schema["patternProperties"] = {anchored(FOREIGN_KEYS): {}}
    required = [key.name for key in section.keys if key.required]
    return {**schema, "required": required} if required else schema


def _key(key: Key) -> Document:
    shape = key.shape
    if isinstance(shape, Chooses):
        schema: Document = {"$ref": f"#/$defs/{key.name}-provider"}
    elif isinstance(shape, ListOf) and isinstance(shape.item, Chooses):
        schema = _list({"$ref": f"#/$defs/{key.name}-provider"}, shape.constraint)
    else:
        schema = _shape(shape)
    # A key with nothing behind it has its default.
    described: Document = schema if key.required else {"anyOf": [schema, {"type": "null"}]}
    if key.constraint.doc:
        described = {**described, "description": key.constraint.doc}
    default = plain_default(key.default)
    if not key.required and isinstance(default, str | int | float | enum.Enum):
        described["default"] = plain(default)
    return described


def _shape(shape: Shape) -> Document:
    match shape:
        case Scalar():
            return {"anyOf": [_scalar(shape), {"$ref": _REFERENCE}]}
        case ListOf():
            return _list(_shape(shape.item), shape.constraint)
        case MapOf():
            return _map(shape)
        case Section():
            return _section(shape)
        case Chooses():
            message = "a provider is chosen at the top of the file alone"
            raise TypeError(message)


def _list(item: Document, constraint: Constraint) -> Document:
    array: Document = {"type": "array", "items": item}
    if constraint.min_length is not None:
        array["minItems"] = constraint.min_length
    if constraint.max_length is not None:
        array["maxItems"] = constraint.max_length
    return {"anyOf": [array, item]}


def _map(shape: MapOf) -> Document:
    schema: Document = {"type": "object", "additionalProperties": _shape(shape.value)}
    if shape.constraint.key_pattern is not None:
        schema["propertyNames"] = {"pattern": anchored(shape.constraint.key_pattern)}
    return schema


def _scalar(shape: Scalar) -> Document:
    constraint = shape.constraint
    if issubclass(shape.kind, enum.StrEnum):
        return {"type": "string", "enum": [member.value for member in shape.kind]}
    if (schema := _SCALARS.get(shape.kind)) is not None:
        bounds = {"minimum": constraint.minimum, "maximum": constraint.maximum}
        return {**schema, **_given(bounds)}
    pattern = None if constraint.pattern is None else anchored(constraint.pattern)
    text = {
        "minLength": constraint.min_length,
        "maxLength": constraint.max_length,
        "enum": constraint.choices and list(constraint.choices),
        "pattern": pattern,
    }
    # A text of digits needs no quotes.
    return {"type": ["string", "number"], **_given(text)}


def _given(facts: Mapping[str, object]) -> Document:
    return {name: plain(value) for name, value in facts.items() if value is not None}
