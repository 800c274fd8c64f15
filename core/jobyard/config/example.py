"""Write an example of the configuration file from the classes that read it.

What is commented out is written ``#key: value``, and comments ``# words``, so that an option is
switched on by removing one character.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from jobyard.config.options import Option, accepts, providers
from jobyard.config.settings import Settings
from jobyard.config.shapes import Chooses, Key, ListOf, Section, Shape, section_of
from jobyard.registry import Registry
from jobyard.seams.provider import AnyProvider, Seam

_WIDTH: Final = 88
_STEP: Final = "  "
_DEFAULT: Final = "local"


@frozen
class _Line:
    """Be a line; one that is ``off`` is commented out, ``words`` are for the reader."""

    text: str
    off: bool = False
    words: bool = False

    def written(self, depth: int, *, off: bool = False) -> str:
        mark = "# " if self.words else "#" if self.off or off else ""
        return f"{_STEP * depth}{mark}{self.text}".rstrip()


def example(registry: Registry | None = None) -> str:
    """Give a whole file: what is in force without one, and all else commented out."""
    registry = registry or Registry()
    known = list(providers(registry, built_in=False))
    blocks = [
        "# The configuration of Jobyard. What is commented out shows a default or an example."
    ]
    for key in section_of(Settings).keys:
        head = _comment(key, 0)
        chooses = isinstance(key.shape, Chooses | ListOf) and _is_choice(key.shape)
        body = _choices(key, known) if chooses else _key(key, 0)
        blocks.append("\n".join([*head, *body]))
    return "\n\n".join(blocks) + "\n"


def provider_example(seam: Seam, provider: AnyProvider) -> str:
    """Give the section that chooses one provider, with its options."""
    listed = seam in {Seam.AUTH, Seam.OBSERVERS}
    return "\n".join([f"{seam.value}:", *_provider(provider, listed=listed, off=False)]) + "\n"


def _is_choice(shape: Shape) -> bool:
    return isinstance(shape.item if isinstance(shape, ListOf) else shape, Chooses)


def _choices(key: Key, known: list[tuple[Seam, AnyProvider]]) -> Iterator[str]:
    listed = isinstance(key.shape, ListOf)
    ours = [provider for seam, provider in known if seam.value == key.name]
    active = [each for each in ours if each.name == _DEFAULT] if key.name != Seam.OBSERVERS else []
    if not ours:
        yield f"#{key.name}: []" if listed else f"#{key.name}: {_DEFAULT}"
        return
    yield f"{key.name}:" if active else f"#{key.name}:"
    for provider in (*active, *(each for each in ours if each not in active)):
        yield from _provider(provider, listed=listed, off=provider not in active)


def _provider(provider: AnyProvider, *, listed: bool, off: bool) -> Iterator[str]:
    yield from _wrapped(provider.summary, 1)
    head = f"- {provider.name}:" if listed else f"{provider.name}:"
    yield _Line(head, off=off).written(1)
    for key in section_of(provider.config).keys:
        depth = 3 if listed else 2
        yield from _comment(key, depth)
        yield from _key(key, depth, off=off)


def _key(key: Key, depth: int, *, off: bool = False) -> Iterator[str]:
    if not isinstance(key.shape, Section):
        line = _Line(f"{key.name}: {Option(key.name, key).example}", off=not key.required)
        yield line.written(depth, off=off)
        return
    # A section that may be absent would not be whole with nothing in it.
    off = off or key.nullable
    yield _Line(f"{key.name}:", off=off).written(depth)
    for each in key.shape.keys:
        yield from _comment(each, depth + 1)
        yield from _key(each, depth + 1, off=off)


def _comment(key: Key, depth: int) -> Iterator[str]:
    words = key.constraint.doc
    if not isinstance(key.shape, Section) and not _is_choice(key.shape):
        kind = accepts(key.shape)
        words = f"{words} {kind[:1].upper()}{kind[1:]}."
    yield from _wrapped(words, depth)


def _wrapped(words: str, depth: int) -> Iterator[str]:
    room = _WIDTH - len(_STEP) * depth
    lines = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False)
    return (_Line(line, words=True).written(depth) for line in lines)
