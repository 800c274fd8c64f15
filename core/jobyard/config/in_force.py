"""Show the configuration that is in force, without its secrets."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import attrs
import yaml

from jobyard.config.choice import Choice
from jobyard.config.shapes import section_of

if TYPE_CHECKING:
    from jobyard.config.loading import Chosen, Loaded

B = TypeVar("B")

Document = dict[str, object]


def in_force(loaded: Loaded) -> Document:
    """Give the whole configuration as plain values, its defaults filled in, its secrets masked."""
    document = _section(loaded.settings)
    document["auth"] = _each(loaded.auth)
    document["scheduling"] = _provider(loaded.scheduling)
    document["storage"] = _provider(loaded.storage)
    document["observers"] = _each(loaded.observers)
    return document


def yaml_flow(value: object) -> str:
    """Write a plain value as YAML on one line."""
    text = yaml.safe_dump(
        plain(value), default_flow_style=True, width=float("inf"), allow_unicode=True
    )
    return text.strip().removesuffix("\n...")


def plain(value: object) -> object:  # noqa: PLR0911 - one line a kind
    """Give a setting as YAML and JSON have it; a secret is masked."""
    if isinstance(value, Choice):
        return value.name
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [plain(each) for each in value]
    if value is None or isinstance(value, str | int | float):
        return value
    # Paths, and secrets, whose text is their mask.
    return _section(value) if attrs.has(type(value)) else str(value)


def _section(value: object) -> Document:
    keys = section_of(type(value)).keys  # type: ignore[arg-type] # an instance of an attrs class
    return {key.name: plain(getattr(value, key.attribute)) for key in keys}


def _each(chosen: Iterable[Chosen[B]]) -> list[object]:
    return [_provider(each) for each in chosen]


def _provider(chosen: Chosen[B]) -> Document:
    return {chosen.provider.name: _section(chosen.config)}
