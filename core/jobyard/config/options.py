"""Describe options in words: what the reference and the example say of each."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from jobyard.config.in_force import yaml_flow
from jobyard.config.shapes import Key, ListOf, MapOf, Scalar, Section, Shape
from jobyard.config.wording import expected
from jobyard.errors import PluginError
from jobyard.registry import Registry
from jobyard.schema import plain_default
from jobyard.seams.provider import AnyProvider, Seam
from jobyard.secret import Secret

BUILT_IN = "jobyard"
"""The distribution of the providers that come with Jobyard."""


@frozen
class Option:
    """Be one option.

    ``path`` leads to it from its section, such as ``tls.key``; ``within`` is the path of a section
    around it that may be left out as a whole.
    """

    path: str
    key: Key
    within: str | None = None

    @property
    def default(self) -> str | None:
        """Give the default as the file would have it; ``None`` where there is none."""
        value = plain_default(self.key.default)
        return None if self.key.required or value is None else yaml_flow(value)

    @property
    def example(self) -> str:
        """Give a value that could stand in the file, as the file would have it."""
        constraint = self.key.constraint
        if constraint.example is not None:
            return yaml_flow(constraint.example)
        return self.default or _made_up(self.key.shape)


def options(section: Section, path: str = "", within: str | None = None) -> Iterator[Option]:
    """Give the options of a section and of those inside of it, in their order."""
    for key in section.keys:
        here = f"{path}.{key.name}" if path else key.name
        if isinstance(key.shape, Section):
            yield from options(key.shape, here, here if key.nullable else within)
        else:
            yield Option(here, key, within)


def accepts(shape: Shape) -> str:
    """Say what a shape accepts, with patterns as code."""
    match shape:
        case Scalar():
            return _scalar(shape)
        case ListOf():
            return f"{expected(shape)}; each is {accepts(shape.item)}"
        case MapOf():
            return f"{expected(shape)}; each value is {accepts(shape.value)}"
        case _:
            return expected(shape)


def providers(registry: Registry, *, built_in: bool) -> Iterator[tuple[Seam, AnyProvider]]:
    """Give the installed providers that can be used, those of Jobyard's own alone if asked so."""
    for each in registry.describe():
        if built_in and each.distribution != BUILT_IN:
            continue
        try:
            yield each.seam, registry.provider(each.seam, each.name)
        except PluginError:
            # A broken plugin is for `jobyard plugins` to tell.
            continue


def _scalar(shape: Scalar) -> str:
    pattern = shape.constraint.pattern
    words = expected(Scalar(shape.kind, evolve(shape.constraint, pattern=None)))
    return words if pattern is None else f"{words} that matches `{pattern}`"


def _made_up(shape: Shape) -> str:
    if isinstance(shape, ListOf):
        return f"[{_made_up(shape.item)}]"
    if not isinstance(shape, Scalar):
        return "{}"
    if shape.kind is Secret:
        return "{env: SECRET}"
    if shape.constraint.choices:
        return yaml_flow(shape.constraint.choices[0])
    if shape.kind in {int, float}:
        return yaml_flow(max(1, shape.constraint.minimum or 0))
    return "true" if shape.kind is bool else "..."
