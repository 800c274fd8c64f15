"""The kinds of values that the wire knows, read once from an attrs class's annotations.

Two readings follow them: :mod:`jobyard.wire.decode` makes values, and
:mod:`jobyard.wire.json_schema` publishes what is accepted.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from attrs import field, frozen

from jobyard.schema import Constraint, constraint_of
from jobyard.secret import Secret


@frozen
class Text:
    """Be a text; a ``secret`` one becomes a :class:`~jobyard.secret.Secret`."""

    constraint: Constraint
    secret: bool = False


@frozen
class Whole:
    """Be an integer."""

    constraint: Constraint


@frozen
class Number:
    """Be a number; a whole one becomes an ``int``, so that messages say 10 and not 10.0."""

    constraint: Constraint


@frozen
class Flag:
    """Be a boolean."""

    constraint: Constraint


@frozen
class Choice:
    """Be one of a few texts, or the member of ``members`` that has it."""

    constraint: Constraint
    values: tuple[str, ...]
    members: type[enum.StrEnum] | None = None


@frozen
class AnyScalar:
    """Be a text, a number or a boolean, kept as it came."""

    constraint: Constraint


@frozen
class Anything:
    """Be any JSON value, kept as it came."""

    constraint: Constraint


@frozen
class Nullable:
    """Be a value or ``null``."""

    kind: Kind

    @property
    def constraint(self) -> Constraint:
        """Give the constraint of the value that is not ``null``."""
        return self.kind.constraint


@frozen
class ListOf:
    """Be a list; its lengths count entries, all else in its constraint is the entries'."""

    constraint: Constraint
    item: Kind


@frozen
class MapOf:
    """Be an object whose keys are the client's own."""

    constraint: Constraint
    value: Kind


@frozen
class Field:
    """Be one field of a record: ``argument`` is the constructor's, ``name`` the wire's."""

    argument: str
    name: str
    aliases: tuple[str, ...]
    kind: Kind
    default: object

    @property
    def required(self) -> bool:
        """Tell whether the field must be there."""
        return self.default is attrs.NOTHING


@frozen
class Record:
    """Be an object with known fields, which becomes an instance of an attrs class."""

    constraint: Constraint
    cls: type
    fields: tuple[Field, ...]

    by_name: Mapping[str, Field] = field(init=False, repr=False)
    """The fields by every name that a client may use; made once, since bodies hold many."""

    @by_name.default
    def _names(self) -> Mapping[str, Field]:
        return {name: each for each in self.fields for name in (each.name, *each.aliases)}


Kind = (
    Text
    | Whole
    | Number
    | Flag
    | Choice
    | AnyScalar
    | Anything
    | Nullable
    | ListOf
    | MapOf
    | Record
)

_SCALARS: Final = frozenset({str, int, float, bool})


def record_of(cls: type, constraint: Constraint | None = None) -> Record:
    """Read an attrs class.

    Raises:
        TypeError: It is no attrs class, or a field has a type that the wire does not know.
    """
    if not attrs.has(cls):
        message = f"{cls.__name__} is not an attrs class"
        raise TypeError(message)
    hints = get_type_hints(cls)
    fields = tuple(_field_of(each, hints[each.name]) for each in attrs.fields(cls) if each.init)
    return Record(constraint or Constraint(), cls, fields)


def _field_of(attribute: attrs.Attribute[Any], annotation: object) -> Field:
    constraint = constraint_of(attribute)
    return Field(
        argument=attribute.alias or attribute.name,
        name=constraint.name or camel_case(attribute.name),
        aliases=constraint.aliases,
        kind=kind_of(annotation, constraint),
        default=attribute.default,
    )


def camel_case(name: str) -> str:
    """Spell a name as JSON does: ``task_roles`` becomes ``taskRoles``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def kind_of(annotation: object, constraint: Constraint) -> Kind:
    """Give the kind of an annotation.

    Raises:
        TypeError: The wire does not know the type.
    """
    if isinstance(annotation, type) and not get_args(annotation):
        return _plain(annotation, constraint)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return Choice(constraint, tuple(arguments))
    if origin in {Union, types.UnionType}:
        return _union(arguments, constraint)
    if origin is tuple and arguments[1:] == (...,):
        entry = attrs.evolve(constraint, min_length=None, max_length=None)
        return ListOf(constraint, kind_of(arguments[0], entry))
    if origin is Mapping and arguments[0] is str:
        return MapOf(constraint, kind_of(arguments[1], Constraint(doc=constraint.doc)))
    message = f"the wire knows no type {annotation!r}"
    raise TypeError(message)


def _plain(annotation: type, constraint: Constraint) -> Kind:
    simple: dict[type, Kind] = {
        str: Text(constraint),
        Secret: Text(constraint, secret=True),
        int: Whole(constraint),
        float: Number(constraint),
        bool: Flag(constraint),
        object: Anything(constraint),
    }
    if annotation in simple:
        return simple[annotation]
    if issubclass(annotation, enum.StrEnum):
        return Choice(constraint, tuple(member.value for member in annotation), annotation)
    return record_of(annotation, constraint)


def _union(arguments: tuple[object, ...], constraint: Constraint) -> Kind:
    rest = [each for each in arguments if each is not types.NoneType]
    if frozenset(rest) == _SCALARS:
        inner: Kind = AnyScalar(constraint)
    elif len(rest) == 1:
        inner = kind_of(rest[0], constraint)
    else:
        message = f"the wire knows no union of {arguments!r}"
        raise TypeError(message)
    return inner if len(rest) == len(arguments) else Nullable(inner)
