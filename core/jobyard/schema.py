"""The vocabulary in which a field says what it accepts.

One vocabulary for request bodies (:mod:`jobyard.wire`) and for the configuration file
(:mod:`jobyard.config`): an attrs class whose fields are made with :func:`option` is the
validation, the documentation and the published schema of what it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, runtime_checkable

import attrs
from attrs import frozen

from jobyard.errors import Problem

METADATA_KEY: Final = "jobyard"

_FACTORY: Final[Any] = attrs.Factory  # a class, which its stubs show as a function


@frozen
class Constraint:
    """Say what one field accepts, beyond its type.

    ``name`` is the field's name outside of Python where the usual spelling (camelCase in a
    request, kebab-case in the configuration) is not it. ``aliases`` are accepted too, and not
    documented. Bounds are inclusive; lengths count characters of a text, entries of a list.
    """

    doc: str = ""
    name: str | None = None
    aliases: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    choices: tuple[str, ...] | None = None
    key_pattern: str | None = None
    example: object = None


def option(
    *,
    default: Any = attrs.NOTHING,
    factory: Callable[[], Any] | None = None,
    doc: str,
    name: str | None = None,
    aliases: tuple[str, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    choices: tuple[str, ...] | None = None,
    key_pattern: str | None = None,
    example: object = None,
) -> Any:
    """Declare a field that comes from outside; the arguments are those of :class:`Constraint`.

    Without ``default`` and ``factory`` the field is required.
    """
    constraint = Constraint(
        doc=doc,
        name=name,
        aliases=aliases,
        minimum=minimum,
        maximum=maximum,
        pattern=pattern,
        min_length=min_length,
        max_length=max_length,
        choices=choices,
        key_pattern=key_pattern,
        example=example,
    )
    metadata = {METADATA_KEY: constraint}
    if factory is not None:
        return attrs.field(factory=factory, metadata=metadata, kw_only=True)
    return attrs.field(default=default, metadata=metadata, kw_only=True)


def constraint_of(attribute: attrs.Attribute[Any]) -> Constraint:
    """Give what a field accepts; an undeclared field accepts whatever its type does."""
    found = attribute.metadata.get(METADATA_KEY)
    return found if isinstance(found, Constraint) else Constraint()


def plain_default(default: object) -> object:
    """Give the value of a field's default, calling a factory that needs nothing."""
    made: Any = default
    makes = isinstance(made, _FACTORY) and not made.takes_self
    return made.factory() if makes else made


@runtime_checkable
class Checked(Protocol):
    """Be a value with rules that span its fields.

    Decoders ask after each field by itself was found good. The paths of the problems are
    relative to the value, spelt as its author wrote them.
    """

    def problems(self) -> Iterable[Problem]:
        """Give what is wrong with the fields together."""
        ...
