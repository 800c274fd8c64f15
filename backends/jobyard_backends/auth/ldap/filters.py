"""Search filters with places for values (RFC 4515), read once and never put together as text.

A template is parsed into a tree before any value is known; a value is put into a leaf and escaped
there. So no value can change the structure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from jobyard_backends.auth.ldap.escaping import in_filter

PLACEHOLDER: Final = "{username}"

_ATTRIBUTE: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)(?:;[A-Za-z0-9-]+)*")
_VALUE: Final = re.compile(r"(?:[^\0()*\\]|\\[0-9A-Fa-f]{2})*")
_DEEPEST: Final = 20


class FilterError(ValueError):
    """Report a text that is no filter; the message says what and where."""


@frozen
class Leaf:
    """Be one comparison; ``value`` is spelt as in the filter, with asterisks and placeholders."""

    attribute: str
    operator: str
    value: str

    @property
    def open(self) -> bool:
        """Tell whether a value has to be put in."""
        return PLACEHOLDER in self.value

    def filled(self, value: str) -> str:
        """Give the plain text that the value stands in, for comparing it with an entry."""
        return self.value.replace(PLACEHOLDER, value)

    def __str__(self) -> str:
        return f"({self.attribute}{self.operator}{self.value})"


@frozen
class Branch:
    """Be ``&``, ``|`` or ``!`` over others."""

    operator: str
    children: tuple[Node, ...]

    def __str__(self) -> str:
        return f"({self.operator}{''.join(map(str, self.children))})"


Node = Leaf | Branch


@frozen
class Filter:
    """Be a filter; ``str`` gives its text."""

    root: Node

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Give the comparisons, from left to right."""
        return tuple(_leaves(self.root))

    def filled(self, username: str) -> str:
        """Put a name into its places.

        Raises:
            UnicodeEncodeError: The name holds half of a surrogate pair.
        """
        spelt = in_filter(username)
        return str(_mapped(self.root, lambda leaf: _with(leaf, leaf.filled(spelt))))

    def claiming(self, attribute: str, assertion: str) -> str:
        """Ask another thing in place of the name: ``assertion`` is spelt as in a filter."""
        asked = Leaf(attribute, "=", assertion)
        return str(_mapped(self.root, lambda _: asked))

    def __str__(self) -> str:
        return str(self.root)


def parse(text: str) -> Filter:
    """Read a filter; outer parentheses may be left out.

    Raises:
        FilterError: It is none.
    """
    text = text.strip()
    reader = _Reader(text if text.startswith("(") else f"({text})")
    root = reader.node(0)
    if reader.at != len(reader.text):
        raise reader.error("the filter ends here, and more follows")
    return Filter(root)


def template_problem(text: str) -> str | None:
    """Say why a text is no filter for users; ``None`` where it is one.

    A name stands where an equality has its value: there alone an entry can be held against it.
    """
    try:
        found = parse(text)
    except FilterError as error:
        return str(error)
    places = [leaf for leaf in found.leaves if leaf.open]
    if not places:
        return f"expected {PLACEHOLDER} where the name belongs"
    if any(leaf.operator != "=" or "*" in leaf.value for leaf in places):
        return f"expected {PLACEHOLDER} in an equality without *, such as (uid={PLACEHOLDER})"
    if _negated(found.root, inside=False):
        return f"expected no {PLACEHOLDER} below !"
    return None


def all_of(parts: Sequence[str]) -> str:
    """Join filters by ``&``."""
    return parts[0] if len(parts) == 1 else f"(&{''.join(parts)})"


def any_of(parts: Sequence[str]) -> str:
    """Join filters by ``|``."""
    return parts[0] if len(parts) == 1 else f"(|{''.join(parts)})"


def unescaped(value: str) -> str:
    """Give the plain text of a value that is spelt as in a filter."""
    spelt = re.sub(
        rb"\\([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), value.encode()
    )
    return spelt.decode(errors="replace")


def _leaves(node: Node) -> Sequence[Leaf]:
    if isinstance(node, Leaf):
        return (node,)
    return [leaf for child in node.children for leaf in _leaves(child)]


def _mapped(node: Node, change: Callable[[Leaf], Leaf]) -> Node:
    if isinstance(node, Leaf):
        return change(node) if node.open else node
    return Branch(node.operator, tuple(_mapped(child, change) for child in node.children))


def _with(leaf: Leaf, value: str) -> Leaf:
    return Leaf(leaf.attribute, leaf.operator, value)


def _negated(node: Node, *, inside: bool) -> bool:
    if isinstance(node, Leaf):
        return inside and node.open
    inside = inside or node.operator == "!"
    return any(_negated(child, inside=inside) for child in node.children)


class _Reader:
    """Read a filter from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, message: str) -> FilterError:
        return FilterError(f"{message} (character {self.at + 1} of {self.text!r})")

    def node(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.error(f"a filter is at most {_DEEPEST} levels deep")
        self._expect("(")
        mark = self.text[self.at : self.at + 1]
        found = self._branch(mark, depth) if mark and mark in "&|!" else self._leaf()
        self._expect(")")
        return found

    def _branch(self, operator: str, depth: int) -> Branch:
        self.at += 1
        children: list[Node] = []
        while self.text[self.at : self.at + 1] == "(":
            children.append(self.node(depth + 1))
        if not children or (operator == "!" and len(children) > 1):
            raise self.error("expected one comparison" if operator == "!" else "expected (")
        return Branch(operator, tuple(children))

    def _leaf(self) -> Leaf:
        name = _ATTRIBUTE.match(self.text, self.at)
        if name is None:
            raise self.error("expected the name of an attribute")
        self.at = name.end()
        operator = self._operator()
        begin = self.at
        while True:
            part = _VALUE.match(self.text, self.at)
            self.at = self.at if part is None else part.end()
            if self.text[self.at : self.at + 1] != "*":
                break
            self.at += 1
        return Leaf(name[0], operator, self.text[begin : self.at])

    def _operator(self) -> str:
        matched = re.compile(r"[~<>]?=|:[0-9A-Za-z.:-]*:=").match(self.text, self.at)
        if matched is None:
            raise self.error("expected =")
        self.at = matched.end()
        return matched[0]

    def _expect(self, character: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            raise self.error(f"expected {character}")
        self.at += 1
