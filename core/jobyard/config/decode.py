"""Walk nodes against attrs classes, and collect everything that is wrong with them.

Wherever one value is expected, ``{env: NAME}`` takes it from the environment and
``{file: PATH}`` from a file, whose last line break is left out; a relative path is looked up
beside the configuration file, as is a path that is a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs
from attrs import frozen

from jobyard.config.choice import Choice
from jobyard.config.document import (
    EMPTY,
    LARGEST_FILE,
    Entry,
    ListNode,
    MapNode,
    Node,
    Place,
    Plain,
    ScalarNode,
    plain_value,
)
from jobyard.config.scalars import Unfit, Value, is_plain_address, scalar_value
from jobyard.config.shapes import Chooses, Key, ListOf, MapOf, Scalar, Section, Shape
from jobyard.config.wording import did_you_mean, expected, given
from jobyard.errors import Problem
from jobyard.schema import Checked
from jobyard.secret import Secret
from jobyard.wire.wording import join, key_path, length

_REFERENCES: Final = frozenset({"env", "file"})
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_STEP: Final = re.compile(r"[^.\[\]]+")


@frozen
class Surroundings:
    """Be where references lead: the environment, and the folder of the configuration file."""

    env: Mapping[str, str]
    folder: Path


class Failed(Exception):
    """Say that there is no value; why, is among the problems already."""


class Decoder:
    """Make values of nodes; ``problems``, ``warnings`` and ``choices`` are what it met."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.choices: list[Choice] = []
        self._surroundings = surroundings

    def section(self, node: Node, section: Section, path: str) -> attrs.AttrsInstance:
        """Make an instance of a section's class.

        Raises:
            Failed: Something in it is wrong.
        """
        if isinstance(node, ScalarNode) and node.value is None:
            node = MapNode((), node.place)
        if not isinstance(node, MapNode):
            raise self._unexpected(section, node, path)
        entries = self._known(node, section, path)
        arguments: dict[str, object] = {}
        failed = False
        for key in section.keys:
            try:
                self._argument(key, entries.get(key.name), node.place, path, arguments)
            except Failed:
                failed = True
        if failed:
            raise Failed
        return self._made(section, arguments, node, path)

    def problem(self, path: str, message: str, place: Place) -> Failed:
        """Note a problem, and give what its finder raises."""
        self.problems.append(Problem(path, message, place.line, place.column))
        return Failed(message)

    def warning(self, path: str, message: str, place: Place) -> None:
        """Note what works and is not as it should be."""
        self.warnings.append(Problem(path, message, place.line, place.column))

    def _known(self, node: MapNode, section: Section, path: str) -> dict[str, Entry]:
        """Give the entries by the names of their keys, noting those that are not known."""
        entries: dict[str, Entry] = {}
        for entry in node.entries:
            key = section.key(entry.key)
            here = key_path(path, entry.key)
            if key is None:
                names = [each.name for each in section.keys]
                message = f"unknown key{did_you_mean(entry.key, names)}"
                self.problem(here, message, entry.place)
            elif key.name in entries:
                other = entries[key.name]
                self.problem(
                    here, f"'{other.key}' in line {other.place.line} is the same", entry.place
                )
            else:
                entries[key.name] = entry
        return entries

    def _argument(
        self,
        key: Key,
        entry: Entry | None,
        place: Place,
        path: str,
        arguments: dict[str, object],
    ) -> None:
        left_out = entry is None or (
            isinstance(entry.value, ScalarNode) and entry.value.value is None
        )
        if entry is None or left_out:
            if key.required:
                where = place if entry is None else entry.place
                raise self.problem(
                    key_path(path, key.name), f"missing; expected {expected(key.shape)}", where
                )
            if entry is not None and key.nullable:
                arguments[key.argument] = None
            return
        arguments[key.argument] = self.value(entry.value, key.shape, key_path(path, entry.key))

    def value(self, node: Node, shape: Shape, path: str) -> object:
        """Make a value of a node.

        Raises:
            Failed: Something in it is wrong.
        """
        match shape:
            case Scalar():
                return self._scalar(node, shape, path)
            case ListOf():
                return self._list(node, shape, path)
            case MapOf():
                return self._map(node, shape, path)
            case Chooses():
                return self._choice(node, path)
            case Section():
                return self.section(node, shape, path)

    def _list(self, node: Node, shape: ListOf, path: str) -> tuple[object, ...]:
        # A list of one may be written as its only entry, as OpenPAI's jwt-secret is.
        alone = not isinstance(node, ListNode)
        items = (node,) if not isinstance(node, ListNode) else node.items
        low, high = shape.constraint.min_length or 0, shape.constraint.max_length
        if len(items) < low or (high is not None and len(items) > high):
            raise self._unexpected(shape, node, path, length(len(items)))
        values: list[object] = []
        for index, item in enumerate(items):
            try:
                values.append(self.value(item, shape.item, path if alone else f"{path}[{index}]"))
            except Failed:
                continue
        if len(values) < len(items):
            raise Failed
        return tuple(values)

    def _map(self, node: Node, shape: MapOf, path: str) -> Mapping[str, object]:
        if not isinstance(node, MapNode):
            raise self._unexpected(shape, node, path)
        pattern = shape.constraint.key_pattern
        values: dict[str, object] = {}
        for entry in node.entries:
            here = key_path(path, entry.key)
            if pattern is not None and re.fullmatch(pattern, entry.key) is None:
                self.problem(here, f"expected a key that matches {pattern}", entry.place)
                continue
            try:
                values[entry.key] = self.value(entry.value, shape.value, here)
            except Failed:
                continue
        if len(values) < len(node.entries):
            raise Failed
        return values

    def _choice(self, node: Node, path: str) -> Choice:
        if isinstance(node, ScalarNode) and isinstance(node.value, str) and node.text:
            choice = Choice(node.text, EMPTY, path, node.place)
        elif isinstance(node, MapNode) and len(node.entries) == 1:
            choice = self._configured(node.entries[0], path)
        else:
            what = f"{len(node.entries)} keys" if isinstance(node, MapNode) else given(node)
            raise self._unexpected(Chooses(), node, path, what)
        self.choices.append(choice)
        return choice

    def _configured(self, entry: Entry, path: str) -> Choice:
        settings = entry.value
        if isinstance(settings, ScalarNode) and settings.value is None:
            settings = MapNode((), entry.place)
        if not isinstance(settings, MapNode):
            message = f"expected the settings of '{entry.key}', not {given(settings)}"
            raise self.problem(key_path(path, entry.key), message, settings.place)
        # What is missing is reported at the provider's name, not at its first setting.
        return Choice(entry.key, MapNode(settings.entries, entry.place), path, entry.place)

    def _scalar(self, node: Node, shape: Scalar, path: str) -> Value:
        literal = isinstance(node, ScalarNode)
        text, value = self._referred(node, shape, path)
        try:
            made = scalar_value(shape, text, value)
        except Unfit:
            # What a reference leads to is not shown: it may be a secret where none was expected.
            shown = literal and shape.kind is not Secret
            raise self._unexpected(shape, node, path, None if shown else "this one") from None
        if literal and isinstance(made, Secret) and text and not is_plain_address(text):
            message = "a secret stands in the file itself; better {env: NAME} or {file: PATH}"
            self.warning(path, message, node.place)
        return self._surroundings.folder / made if isinstance(made, Path) else made

    def _referred(self, node: Node, shape: Scalar, path: str) -> tuple[str, Plain]:
        """Give a scalar's text and value, from where it refers to."""
        if isinstance(node, ScalarNode):
            return node.text, node.value
        if not isinstance(node, MapNode) or len(node.entries) != 1:
            raise self._unexpected(shape, node, path)
        kind, target = node.entries[0].key, node.entries[0].value
        if kind not in _REFERENCES or not isinstance(target, ScalarNode) or not target.text:
            message = f"expected {expected(shape)}, or {{env: NAME}}, or {{file: PATH}}"
            raise self.problem(path, message, node.place)
        follow = self._from_env if kind == "env" else self._from_file
        text = follow(target, path)
        wants_text = shape.kind not in {int, float, bool}
        return text, text if wants_text else plain_value(text.strip())

    def _from_env(self, target: ScalarNode, path: str) -> str:
        name = target.text
        text = self._surroundings.env.get(name)
        if text is None:
            # What is no name may be the secret itself.
            shown = f" {name}" if _VARIABLE.fullmatch(name) else ""
            message = f"the environment variable{shown} is not set"
            raise self.problem(path, message, target.place)
        return text

    def _from_file(self, target: ScalarNode, path: str) -> str:
        name = self._surroundings.folder / target.text
        try:
            with name.open("rb") as file:
                content = file.read(LARGEST_FILE + 1)
            text = content.decode()
        except UnicodeDecodeError:
            raise self.problem(path, f"{name} holds no UTF-8 text", target.place) from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "that is no path"
            message = f"cannot read {name}: {why or type(error).__name__}"
            raise self.problem(path, message, target.place) from None
        if len(content) > LARGEST_FILE:
            raise self.problem(path, f"{name} is larger than 1 MiB", target.place)
        return text.removesuffix("\n").removesuffix("\r")

    def _unexpected(self, shape: Shape, node: Node, path: str, what: str | None = None) -> Failed:
        message = f"expected {expected(shape)}, not {what or given(node)}"
        return self.problem(path, message, node.place)

    def _made(
        self, section: Section, arguments: dict[str, object], node: MapNode, path: str
    ) -> attrs.AttrsInstance:
        try:
            made = section.cls(**arguments)
            found = tuple(made.problems()) if isinstance(made, Checked) else ()
        except Exception as error:
            # The class may be a plugin's, and its validators say no with whatever they like.
            raise self.problem(path, _said(error), node.place) from error
        for each in found:
            self.problem(join(path, each.path), each.message, locate(node, each.path))
        if found:
            raise Failed
        return made


def _said(error: Exception) -> str:
    # A validator of attrs gives the attribute and its value behind the sentence.
    return str(error.args[0] if error.args else "") or type(error).__name__


def locate(node: Node, relative: str) -> Place:
    """Give the place of a path below a node, or of what is nearest above it."""
    place = node.place
    for step in _STEP.findall(relative):
        if isinstance(node, MapNode) and (entry := node.get(step)) is not None:
            node, place = entry.value, entry.value.place
        elif isinstance(node, ListNode) and step.isdecimal() and int(step) < len(node.items):
            node = node.items[int(step)]
            place = node.place
        else:
            break
    return place
