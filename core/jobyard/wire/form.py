"""Read forms whose names nest by brackets: ``taskRoles[0][name]=worker`` (section 1, R)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from attrs import define, field

from jobyard.errors import InvalidParameters, Problem
from jobyard.wire.wording import shorten

MOST_FIELDS: Final = 10_000
DEEPEST: Final = 16
"""Levels of brackets."""

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET: Final = re.compile(r"\[([^\[\]]*)\]")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


@define
class _Branch:
    """Hold what is below one name; ``free`` is the index that ``[]`` takes next."""

    children: dict[str, _Branch | list[str]] = field(factory=dict)
    free: int = 0

    def key(self, part: str) -> str:
        key = part or str(self.free)
        if _INDEX.fullmatch(key):
            self.free = max(self.free, int(key) + 1)
        return key

    def document(self) -> object:
        plain = {key: _plain(child) for key, child in self.children.items()}
        dense = plain and all(key == str(index) for index, key in enumerate(plain))
        # Sparse and unordered indexes stay an object: a list of a billion nulls costs a gateway.
        return list(plain.values()) if dense else plain


def read_form(text: str) -> dict[str, object]:
    """Read a form; values are texts, or lists of texts where a name came more than once.

    Raises:
        InvalidParameters: It has too many fields, nests too deeply, is not UTF-8, or gives one
            name both a value and fields below it.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except UnicodeDecodeError as error:
        raise InvalidParameters("The form is not UTF-8.") from error
    except ValueError as error:
        raise InvalidParameters(f"The form has more than {MOST_FIELDS} fields.") from error
    root = _Branch()
    for name, value in pairs:
        _insert(root, name, value)
    return {key: _plain(child) for key, child in root.children.items()}


def _insert(root: _Branch, name: str, value: str) -> None:
    *parents, last = _parts(name)
    branch = root
    for part in parents:
        key = branch.key(part)
        child = branch.children.setdefault(key, _Branch())
        if not isinstance(child, _Branch):
            raise _both(name)
        branch = child
    key = branch.key(last)
    leaf = branch.children.setdefault(key, [])
    if not isinstance(leaf, list):
        raise _both(name)
    leaf.append(value)


def _parts(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        return [name]
    parts = [match[1], *_BRACKET.findall(match[2])]
    if len(parts) > DEEPEST:
        message = f"expected at most {DEEPEST} levels of brackets"
        raise InvalidParameters([Problem(shorten(name)[1:-1], message)])
    return parts


def _both(name: str) -> InvalidParameters:
    message = "given both as a value and with fields below it"
    return InvalidParameters([Problem(shorten(name)[1:-1], message)])


def _plain(child: _Branch | list[str]) -> object:
    if isinstance(child, _Branch):
        return child.document()
    return child[0] if len(child) == 1 else child
