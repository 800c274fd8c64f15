"""Compose YAML into small frozen nodes that know their line and column.

YAML 1.2's core schema decides what a plain scalar is: ``yes`` and ``off`` are texts, ``010`` is
ten, ``1:30`` a text. Keys are texts and unique, the document is one, and neither its depth nor
what its aliases expand to is without a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import yaml
from attrs import field, frozen
from yaml import events

from jobyard.errors import ConfigError, Problem
from jobyard.wire.wording import key_path

LARGEST_FILE: Final = 1024 * 1024
"""Bytes."""

_DEEPEST: Final = 50
_MOST_NODES: Final = 100_000
_LONGEST_NUMBER: Final = 100
# The C parser: the other one takes seconds for a file of a megabyte.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DEFAULT_TAGS: Final = frozenset(
    {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))}
)
_BOOLEAN: Final = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_UNREADABLE: Final = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]"
)

Plain = str | int | float | bool | None


@frozen
class Place:
    """Be a place in a file; both numbers count from 1."""

    line: int
    column: int


@frozen
class ScalarNode:
    """Be one scalar: its ``text`` as it was written, and the ``value`` that YAML sees in it."""

    text: str = field(repr=False)
    value: Plain = field(repr=False)
    place: Place


@frozen
class ListNode:
    """Be a list."""

    items: tuple[Node, ...]
    place: Place


@frozen
class Entry:
    """Be one key of a mapping and what stands behind it."""

    key: str
    place: Place
    value: Node


@frozen
class MapNode:
    """Be a mapping, its keys unique and in their order."""

    entries: tuple[Entry, ...]
    place: Place

    def get(self, key: str) -> Entry | None:
        """Find an entry by its key."""
        return next((entry for entry in self.entries if entry.key == key), None)


Node = ScalarNode | ListNode | MapNode

EMPTY: Final = MapNode((), Place(1, 1))
"""Settings that nobody wrote."""


def compose(source: str, content: bytes) -> MapNode:
    """Compose a file's content; an empty file is an empty mapping.

    Raises:
        ConfigError: It is no YAML, or not of the kind that this module describes.
    """
    if len(content) > LARGEST_FILE:
        raise ConfigError(
            source, [_problem(f"a configuration file has at most {LARGEST_FILE} bytes")]
        )
    composer = _Composer(_text(source, content))
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as error:
        raise ConfigError(source, [_from_yaml(error)]) from error
    except yaml.YAMLError as error:
        raise ConfigError(source, [_problem(f"no YAML: {_first_line(error)}")]) from error
    except _Unbounded as error:
        raise ConfigError(source, [_problem(str(error), error.place)]) from error
    if not isinstance(root, MapNode):
        composer.problems.append(_problem("expected keys with values at the top", root.place))
        root = EMPTY
    if composer.problems:
        raise ConfigError(source, composer.problems)
    return root


def plain_value(text: str) -> Plain:
    """Give what YAML 1.2's core schema sees in a plain scalar."""
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Unbounded(Exception):
    """Stop at a document that is deeper, or expands further, than any configuration."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.place = place


class _Composer:
    """Build nodes from the parser's events."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._events: Iterator[events.Event] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0

    def document(self) -> Node:
        """Give the root of the only document."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                if root is not None:
                    self.problems.append(
                        _problem("a second document begins; expected one", _place(event))
                    )
                    break
                root = self._node(next(self._events), depth=0)
        if root is None or (isinstance(root, ScalarNode) and root.value is None):
            return EMPTY
        return root

    def _node(self, event: events.Event, depth: int) -> Node:
        place = _place(event)
        if isinstance(event, events.AliasEvent):
            return self._alias(event, place)
        before = self._nodes
        self._count(1, place)
        if depth > _DEEPEST:
            raise _Unbounded(f"nested deeper than {_DEEPEST} levels", place)
        assert isinstance(event, events.NodeEvent)
        self._check_tag(event, place)
        node: Node
        if isinstance(event, events.MappingStartEvent):
            node = self._mapping(place, depth)
        elif isinstance(event, events.SequenceStartEvent):
            node = self._sequence(place, depth)
        else:
            node = _scalar(event, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _alias(self, event: events.AliasEvent, place: Place) -> Node:
        found = self._anchors.get(event.anchor or "")
        if found is None:
            self.problems.append(_problem("an alias of what does not stand before it", place))
            return ScalarNode("", None, place)
        node, size = found
        self._count(size, place)
        return node

    def _count(self, nodes: int, place: Place) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise _Unbounded(f"more than {_MOST_NODES} values, aliases expanded", place)

    def _check_tag(self, event: events.NodeEvent, place: Place) -> None:
        tag = getattr(event, "tag", None)
        if tag not in _DEFAULT_TAGS:
            self.problems.append(_problem("tags are not known here; leave it out", place))

    def _sequence(self, place: Place, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := next(self._events), events.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return ListNode(tuple(items), place)

    def _mapping(self, place: Place, depth: int) -> MapNode:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), events.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, ScalarNode):
                self.problems.append(_problem("a key is a text", key.place))
            elif (first := entries.get(key.text)) is not None:
                self.problems.append(
                    _problem(
                        f"the key stands in line {first.place.line} already",
                        _place(event),
                        key_path("", key.text),
                    )
                )
            else:
                entries[key.text] = Entry(key.text, _place(event), value)
        return MapNode(tuple(entries.values()), place)


def _scalar(event: events.NodeEvent, place: Place) -> ScalarNode:
    assert isinstance(event, events.ScalarEvent)
    plain = event.style in {None, ""}
    return ScalarNode(event.value, plain_value(event.value) if plain else event.value, place)


def _place(event: events.Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)


def _problem(message: str, place: Place | None = None, path: str = "") -> Problem:
    place = place or Place(1, 1)
    return Problem(path, message, place.line, place.column)


def _from_yaml(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else None
    words = " ".join(part for part in (error.context, error.problem) if part)
    return _problem(f"no YAML: {words}", place)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "unreadable")


def _text(source: str, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise ConfigError(source, [_problem("expected UTF-8", Place(line, column))]) from error
    # The parser would say at which byte, and after a while.
    if (found := _UNREADABLE.search(text)) is not None:
        start = found.start()
        place = Place(text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))
        message = f"the character U+{ord(found[0]):04X} does not belong in YAML"
        raise ConfigError(source, [_problem(message, place)])
    return text
