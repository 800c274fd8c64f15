"""The shapes that settings have, read once from an attrs class's annotations.

:mod:`jobyard.config.decode` makes values by them; :mod:`jobyard.config.reference` publishes
what is accepted.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import frozen

from jobyard.config.choice import Choice
from jobyard.schema import Constraint, constraint_of
from jobyard.secret import Secret


@frozen
class Scalar:
    """Be one value: ``kind`` is its type, a ``StrEnum`` for one of a few words."""

    kind: type
    constraint: Constraint


@frozen
class ListOf:
    """Be a list; lengths in its constraint count entries, all else is the entries'."""

    item: Shape
    constraint: Constraint


@frozen
class MapOf:
    """Be a mapping whose keys are the author's own."""

    value: Shape
    constraint: Constraint


@frozen
class Chooses:
    """Be the name of a provider, alone or with its settings behind it."""


@frozen
class Key:
    """Be one key of a section.

    ``attribute`` is what it is called in the class, ``argument`` in its constructor, and
    ``name`` in the file.
    """

    attribute: str
    argument: str
    name: str
    aliases: tuple[str, ...]
    shape: Shape
    constraint: Constraint
    default: object
    nullable: bool

    @property
    def required(self) -> bool:
        """Tell whether the key must be there."""
        return self.default is attrs.NOTHING


@frozen
class Section:
    """Be a mapping with known keys, which becomes an instance of an attrs class."""

    cls: type[attrs.AttrsInstance]
    keys: tuple[Key, ...]

    def key(self, name: str) -> Key | None:
        """Find a key by its name or an alias."""
        return next((key for key in self.keys if name in {key.name, *key.aliases}), None)


Shape = Scalar | ListOf | MapOf | Chooses | Section

_SCALARS: Final = (str, int, float, bool, Secret, Path)


@cache
def section_of(cls: type[attrs.AttrsInstance]) -> Section:
    """Read an attrs class.

    Raises:
        TypeError: A field has a type that a configuration file cannot hold.
    """
    hints = get_type_hints(cls)
    keys = tuple(_key(each, hints[each.name]) for each in attrs.fields(cls) if each.init)
    return Section(cls, keys)


def kebab_case(name: str) -> str:
    """Spell a name as the file does: ``server_port`` becomes ``server-port``."""
    return name.strip("_").replace("_", "-")


def _key(attribute: attrs.Attribute[Any], annotation: object) -> Key:
    constraint = constraint_of(attribute)
    inner, nullable = _without_none(annotation)
    return Key(
        attribute=attribute.name,
        argument=attribute.alias or attribute.name,
        name=constraint.name or kebab_case(attribute.name),
        aliases=constraint.aliases,
        shape=_shape(inner, constraint),
        constraint=constraint,
        default=attribute.default,
        nullable=nullable,
    )


def _without_none(annotation: object) -> tuple[object, bool]:
    if get_origin(annotation) not in {Union, types.UnionType}:
        return annotation, False
    rest = [each for each in get_args(annotation) if each is not types.NoneType]
    if len(rest) != 1:
        message = f"a setting has one type, not {annotation!r}"
        raise TypeError(message)
    return rest[0], True


def _shape(annotation: object, constraint: Constraint) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple and arguments[1:] == (...,):
        entry = attrs.evolve(constraint, min_length=None, max_length=None)
        return ListOf(_shape(arguments[0], entry), constraint)
    if origin is Mapping and arguments[0] is str:
        entry = attrs.evolve(constraint, min_length=None, max_length=None, key_pattern=None)
        return MapOf(_shape(arguments[1], entry), constraint)
    if not isinstance(annotation, type):
        message = f"a configuration file holds no {annotation!r}"
        raise TypeError(message)
    return _plain(annotation, constraint)


def _plain(annotation: type, constraint: Constraint) -> Shape:
    if annotation is Choice:
        return Chooses()
    if annotation in _SCALARS or issubclass(annotation, enum.StrEnum):
        return Scalar(annotation, constraint)
    if attrs.has(annotation):
        return section_of(annotation)
    message = f"a configuration file holds no {annotation.__name__}"
    raise TypeError(message)
