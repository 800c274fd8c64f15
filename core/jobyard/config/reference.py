"""Write the reference of the configuration file from the classes that read it."""

from __future__ import annotations

from collections.abc import Iterator

from jobyard.config.options import Option, accepts, options, providers
from jobyard.config.settings import Settings
from jobyard.config.shapes import Key, Section, section_of
from jobyard.registry import Registry
from jobyard.seams.provider import Seam


def reference(registry: Registry | None = None) -> str:
    """Give Markdown with every option of the core and of the providers that come with it.

    Its headings begin at the third level.
    """
    registry = registry or Registry()
    known = list(providers(registry, built_in=True))
    blocks: list[str] = []
    for key in section_of(Settings).keys:
        blocks += _top(key)
        for seam, provider in known:
            if seam.value == key.name:
                blocks += _provider(seam, provider.name, provider.summary, provider.config)
    return "\n\n".join(blocks) + "\n"


def _top(key: Key) -> Iterator[str]:
    yield f"### `{key.name}`"
    yield key.constraint.doc
    if isinstance(key.shape, Section):
        yield from map(_option, options(key.shape))
    else:
        yield _facts(Option(key.name, key))


def _provider(seam: Seam, name: str, summary: str, config: type) -> Iterator[str]:
    yield f"#### `{seam.value}`: `{name}`"
    yield _sentence(summary)
    listed = [_option(each) for each in options(section_of(config))]
    yield from listed or ["It has no options."]


def _option(option: Option) -> str:
    return f"`{option.path}`\n: {option.key.constraint.doc} {_facts(option)}".replace("  ", " ")


def _facts(option: Option) -> str:
    facts = _sentence(accepts(option.key.shape))
    if option.key.required:
        return f"{facts} Required{f' where `{option.within}` is there' if option.within else ''}."
    default = option.default
    return facts if default is None else f"{facts} Default: `{default}`."


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:].removesuffix(".") + "."
