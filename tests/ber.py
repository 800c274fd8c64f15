"""BER as LDAP uses it (RFC 4511, 5.1), read and written without the library under test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen


@frozen
class Piece:
    """Be one element: its tag, and its content."""

    tag: int
    content: bytes

    @property
    def pieces(self) -> list[Piece]:
        """Give what a constructed one holds."""
        return list(read(self.content))

    @property
    def number(self) -> int:
        return int.from_bytes(self.content, "big", signed=True)


def read(octets: bytes) -> Iterator[Piece]:
    """Read elements, one after the other."""
    at = 0
    while at < len(octets):
        tag, length, at = octets[at], octets[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(octets[at : at + size], "big")
            at += size
        assert at + length <= len(octets), "an element is longer than what holds it"
        yield Piece(tag, octets[at : at + length])
        at += length


def write(tag: int, *contents: bytes) -> bytes:
    """Write an element."""
    content = b"".join(contents)
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x84]) + size.to_bytes(4, "big")
    return bytes([tag]) + length + content


def integer(number: int, tag: int = 0x02) -> bytes:
    return write(tag, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def text(value: str, tag: int = 0x04) -> bytes:
    return write(tag, value.encode())


def message(number: int, tag: int, *contents: bytes) -> bytes:
    """Write an LDAP message with an operation."""
    return write(0x30, integer(number), write(tag, *contents))


def result(number: int, tag: int, code: int, *more: bytes, words: str = "") -> bytes:
    """Write an answer that ends an operation."""
    return message(number, tag, integer(code, 0x0A), text(""), text(words), *more)


def entry(number: int, dn: str, attributes: Sequence[tuple[str, str]] = ()) -> bytes:
    """Write an entry that a search has found; a name that comes again has several values."""
    values: dict[str, list[bytes]] = {}
    for name, value in attributes:
        values.setdefault(name, []).append(text(value))
    listed = (write(0x30, text(name), write(0x31, *each)) for name, each in values.items())
    return message(number, 0x64, text(dn), write(0x30, *listed))


def filter_of(search: Piece) -> object:
    """Give the filter of a search request as it was received, as a tree."""
    return _node(search.pieces[6])


def _node(piece: Piece) -> object:
    if piece.tag in {0xA0, 0xA1}:
        return "and" if piece.tag == 0xA0 else "or", [_node(each) for each in piece.pieces]
    if piece.tag == 0xA2:
        return "not", _node(piece.pieces[0])
    if piece.tag == 0x87:
        return "present", piece.content.decode()
    kinds = {0xA3: "equal", 0xA4: "substrings", 0xA5: "greater", 0xA6: "less", 0xA8: "approx"}
    name, value = piece.pieces[:2]
    return kinds[piece.tag], name.content.decode(), value.content
