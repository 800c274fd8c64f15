"""Distinguished names: read, compared, and made of a template (RFC 4514)."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from jobyard_backends.auth.ldap.escaping import in_dn
from jobyard_backends.auth.ldap.filters import PLACEHOLDER

_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{2}")


class DnError(ValueError):
    """Report a text that is no DN; the message says what is wrong."""


@frozen
class Dn:
    """Be a DN, from the entry to the root; each part is a set of types and values.

    Types are in lower case, values unescaped, so that two spellings of one DN are equal but for
    the case of values; :attr:`key` is the same for those too.
    """

    parts: tuple[tuple[tuple[str, str], ...], ...]

    @property
    def key(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Give what is equal for every spelling."""
        return tuple(
            tuple(sorted((kind, " ".join(value.casefold().split())) for kind, value in part))
            for part in self.parts
        )

    def below(self, base: Dn) -> bool:
        """Tell whether it is the base, or lies below it."""
        length = len(base.parts)
        return length == 0 or self.key[-length:] == base.key

    def __str__(self) -> str:
        return ",".join(
            "+".join(f"{kind}={_spelt(value)}" for kind, value in part) for part in self.parts
        )


def parse(text: str) -> Dn:
    """Read a DN; the empty text is the root.

    Raises:
        DnError: It is none.
    """
    if not text.strip():
        return Dn(())
    return Dn(tuple(_part(each, text) for each in _split(text, ",;")))


def is_dn(text: str) -> bool:
    """Tell whether a text is a DN of at least one part."""
    try:
        return bool(parse(text).parts)
    except DnError:
        return False


def template_problem(text: str) -> str | None:
    """Say why a text is no template of a user's DN; ``None`` where it is one."""
    try:
        found = parse(text)
    except DnError as error:
        return str(error)
    placed = sum(PLACEHOLDER in value for part in found.parts for _, value in part)
    if placed != 1 or text.count(PLACEHOLDER) != 1:
        return f"expected {PLACEHOLDER} once, in a value, such as uid={PLACEHOLDER},ou=people"
    return None


def filled(template: str, username: str) -> str:
    """Put a name into the template of a DN.

    Raises:
        UnicodeEncodeError: The name holds half of a surrogate pair.
    """
    return template.replace(PLACEHOLDER, in_dn(username))


def _part(text: str, whole: str) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for each in _split(text, "+"):
        kind, equals, value = each.partition("=")
        if not equals or _TYPE.fullmatch(kind.strip()) is None:
            message = (
                f"expected a DN such as ou=people,dc=example,dc=org; {each!r} is no part of one"
            )
            raise DnError(message)
        pairs.append((kind.strip().lower(), _value(_stripped(value), whole)))
    return tuple(pairs)


def _split(text: str, separators: str) -> list[str]:
    """Split where a separator is neither escaped nor quoted."""
    pieces, begin, at, quoted = [], 0, 0, False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == '"':
            quoted = not quoted
        elif character in separators and not quoted:
            pieces.append(text[begin:at])
            begin = at + 1
        at += 1
    pieces.append(text[begin:])
    return pieces


def _stripped(value: str) -> str:
    value = value.lstrip(" ")
    while value.endswith(" ") and not value.endswith("\\ "):
        value = value[:-1]
    return value


def _value(text: str, whole: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    octets, at = bytearray(), 0
    while at < len(text):
        character = text[at]
        at += 1
        if character != "\\":
            octets += character.encode("utf-8", "surrogatepass")
            continue
        pair = _HEX.match(text, at)
        if pair is not None:
            octets.append(int(pair[0], 16))
            at += 2
        elif at < len(text):
            octets += text[at].encode("utf-8", "surrogatepass")
            at += 1
        else:
            message = f"expected a DN; {whole!r} ends in the middle of an escape"
            raise DnError(message)
    return octets.decode(errors="replace")


def _spelt(value: str) -> str:
    spelt = "".join(
        f"\\{each}" if each in '"+,;<>\\' else (f"\\{ord(each):02x}" if each < " " else each)
        for each in value
    )
    if spelt[:1] in {" ", "#"}:
        spelt = f"\\{spelt}"
    return f"{spelt[:-1]}\\ " if value[1:].endswith(" ") else spelt
